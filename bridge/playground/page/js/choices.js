/** Where the menus of Block Kit find what can be chosen: in the element, in the workspace, or by asking the app. */

import { Picker } from "./picker.js";
import { isMany } from "./values.js";
import { word } from "./words.js";

const ASKS_FROM = 3;
const MOST = 100;

/** A menu; `take` is given what is chosen, as the page keeps it. */
export function choices(block, element, setting, { id, label }, take) {
  const kind = element.type.replace(/^multi_|_select$/g, "");
  const source = (SOURCES[kind] ?? SOURCES.static)(block, element, setting);
  const picker = new Picker({
    id,
    label,
    many: isMany(element),
    clearable: Boolean(block.optional) && !isMany(element),
    most: element.max_selected_items ?? Infinity,
    placeholder: element.placeholder?.text ?? word("choose"),
    chosen: setting.value(block, element).map(source.item),
    find: source.find,
    asks: kind === "external",
    changed: (items) => take(items.map((item) => item.option ?? item.value), picker.root),
  });
  return picker.root;
}

const itemOf = (option) => ({ value: option.value, label: option.text.text, detail: option.description?.text, option });

const SOURCES = {
  static: (_, element) => ({
    item: itemOf,
    find: (query) => ({ groups: groupsOf(element).map((group) => ({ ...group, items: group.items.filter((item) => fits(item, query)) })).filter((group) => group.items.length) }),
  }),
  external: (block, element, setting) => ({
    item: itemOf,
    find: async (query) => {
      const least = element.min_query_length ?? ASKS_FROM;
      if ([...query].length < least) return { groups: [], note: word("typeMore", { count: least }) };
      const found = await setting.suggest(block, element, query);
      return found.error ? { groups: [], note: word("failed", { reason: found.error }) } : { groups: groupsOf(found) };
    },
  }),
  users: (_, __, { world }) => listed(() => [...world.users.values()].filter((user) => user.person).map((user) => personOf(user))),
  channels: (_, __, { world }) => listed(() => [...world.channels.values()].filter((channel) => channel.kind === "public").map((channel) => placeOf(channel))),
  conversations: (_, element, setting) => listed(() => conversations(element, setting)),
};

function groupsOf({ options, option_groups: groups }) {
  if (groups) return groups.map((group) => ({ label: group.label.text, items: group.options.map(itemOf) }));
  return [{ label: "", items: (options ?? []).map(itemOf) }];
}

function listed(all) {
  return {
    item: (id) => all().find((item) => item.value === id) ?? { value: id, label: id },
    find: (query) => ({ groups: [{ label: "", items: all().filter((item) => fits(item, query)).slice(0, MOST) }] }),
  };
}

const personOf = (user) => ({ value: user.id, label: user.name, detail: `@${user.handle}` });
const placeOf = (channel) => ({ value: channel.id, label: `#${channel.name}`, detail: word("members", { count: channel.members.length }) });

/** What one is in, and every public channel; the element's filter leaves kinds out. */
function conversations(element, { world, me }) {
  const names = { public: "public", private: "private", direct: "im" };
  const wanted = element.filter?.include;
  return [...world.channels.values()]
    .filter((channel) => channel.kind === "public" || channel.members.includes(me()))
    .filter((channel) => !wanted || wanted.includes(names[channel.kind]))
    .filter((channel) => !(element.filter?.exclude_bot_users && channel.kind === "direct" && channel.members.includes(world.bot)))
    .map((channel) => {
      if (channel.kind !== "direct") return placeOf(channel);
      const other = channel.members.find((member) => member !== me()) ?? me();
      return { ...personOf(world.users.get(other)), value: channel.id };
    });
}

const fits = (item, query) => `${item.label} ${item.detail ?? ""}`.toLowerCase().includes(query.toLowerCase());
