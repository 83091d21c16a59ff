/** Block Kit as Slack draws it: every block that a message, form or Home tab of the bridge can hold. */

import { slackDate } from "./dates.js";
import { h, icon, link, own } from "./dom.js";
import { control, freshId } from "./elements.js";
import { mention, mrkdwn } from "./mrkdwn.js";
import { word } from "./words.js";

/** The nodes of blocks. @param {import("./elements.js").Setting} setting @returns {HTMLElement[]} */
export function renderBlocks(blocks, setting) {
  const telling = { ...setting, words: (text) => words(text, setting) };
  return blocks.map((block) => (BLOCKS[block.type] ?? unknown)(block, telling));
}

const BLOCKS = {
  alert: (block, setting) =>
    h("div", { class: `alert ${block.level ?? "default"}`, role: "note" }, ...words(block.text, setting)),
  actions: (block, setting) =>
    h("div", { class: "actions" }, ...block.elements.map((element) => interactive(block, element, setting))),
  context: (block, setting) =>
    h(
      "div",
      { class: "context" },
      ...block.elements.map((element) =>
        element.type === "image" ? picture(element, "context-image") : h("span", {}, ...words(element, setting)),
      ),
    ),
  divider: () => h("hr"),
  header: (block) => h("h3", { class: "header", text: block.text.text }),
  image: (block, setting) =>
    h(
      "figure",
      {},
      block.title ? h("figcaption", {}, ...words(block.title, setting)) : null,
      picture(block, "block-image"),
    ),
  input,
  rich_text: (block, setting) =>
    h("div", { class: "rich-text" }, ...block.elements.map((element) => rich(element, setting))),
  section,
  table,
};

/** A field of a form: its label, its control, a hint, and a place for what is wrong with it. */
function input(block, setting) {
  const id = freshId();
  const drawn = control(block, block.element, setting, { id, label: block.label.text });
  const grouped = drawn?.matches(".marks");
  const parts = {
    label: h(grouped ? "span" : "label", { class: "label", for: grouped ? null : id, id: `${id}-label` }),
    hint: h("p", { class: "hint", id: `${id}-hint` }),
    error: h("p", { class: "trouble", id: `${id}-error`, role: "alert" }),
  };
  const field = grouped || drawn?.id === id ? drawn : drawn?.querySelector(`#${id}`);
  field?.setAttribute("aria-labelledby", field.matches("button") ? `${id}-label ${id}` : `${id}-label`);
  field?.setAttribute("aria-describedby", `${id}-hint ${id}-error`);
  const node = h("div", { class: "input", data: { block: block.block_id } }, parts.label, drawn ?? unknown(block.element), parts.hint, parts.error);
  caption(node, block);
  return node;
}

/** What is written around a field's control, in the block's newest words. */
export function caption(node, block) {
  const label = node.querySelector(".label");
  label.replaceChildren(block.label.text, block.optional ? h("small", { text: ` ${word("optional")}` }) : "");
  node.querySelector(".hint").textContent = block.hint?.text ?? "";
}

function section(block, setting) {
  const fields = (block.fields ?? []).map((field) => h("div", { class: "field" }, ...words(field, setting)));
  const accessory = block.accessory;
  return h(
    "div",
    { class: "section" },
    h(
      "div",
      { class: "section-text" },
      block.text ? h("div", { class: "text" }, ...words(block.text, setting)) : null,
      fields.length ? h("div", { class: "fields" }, ...fields) : null,
    ),
    accessory
      ? accessory.type === "image"
        ? picture(accessory, "accessory-image")
        : interactive(block, accessory, setting)
      : null,
  );
}

/** A text object: plain as it is, mrkdwn interpreted. */
function words(text, setting) {
  return text.type === "mrkdwn" ? mrkdwn(text.text, setting.world.names) : [text.text];
}

const interactive = (block, element, setting) => control(block, element, setting) ?? unknown(element);

/** Pictures of our own are shown; one from elsewhere becomes a card, for the page fetches nothing. */
function picture(image, kind) {
  const address = image.image_url ? own(image.image_url) : null;
  if (address) return h("img", { class: kind, src: address, alt: image.alt_text, loading: "lazy" });
  const card = h("span", { class: "elsewhere" }, icon("image"), image.image_url ? link(image.image_url, image.alt_text) : image.alt_text);
  return card;
}

// -- Rich text ----------------------------------------------------------------------------------------------------

const RICH = {
  rich_text_section: (element, setting) => h("p", {}, ...run(element.elements, setting)),
  rich_text_quote: (element, setting) => h("blockquote", {}, ...run(element.elements, setting)),
  rich_text_preformatted: (element, setting) => h("pre", {}, ...run(element.elements, setting)),
  rich_text_list: (element, setting) => {
    const list = h(
      element.style === "ordered" ? "ol" : "ul",
      { start: element.offset ? element.offset + 1 : null },
      ...element.elements.map((item) => h("li", {}, ...run(item.elements, setting))),
    );
    list.dataset.indent = element.indent ?? 0;
    return list;
  },
};

const rich = (element, setting) => (RICH[element.type] ?? unknown)(element, setting);
const run = (elements, setting) => elements.map((element) => styled(element, setting));

const INLINE = {
  text: (element) => element.text,
  link: (element) => link(element.url, element.text ?? element.url),
  emoji: (element) => emoji(element),
  user: (element, setting) => mention(`@${setting.world.names.user(element.user_id)}`),
  usergroup: (element) => mention(`@${element.usergroup_id}`),
  team: (element) => mention(`@${element.team_id}`),
  channel: (element, setting) => mention(`#${setting.world.names.channel(element.channel_id)}`),
  broadcast: (element) => mention(`@${element.range}`),
  date: (element) => {
    const shown = slackDate(element.timestamp, element.format, element.fallback ?? "");
    return element.url ? h("a", { href: element.url, target: "_blank", rel: "noopener noreferrer" }, shown) : shown;
  },
  color: (element) => {
    const chip = h("span", { class: "colour" });
    chip.style.setProperty("--colour", element.value);
    return h("code", {}, chip, element.value);
  },
};

const STYLES = [
  ["code", "code"],
  ["bold", "strong"],
  ["italic", "em"],
  ["strike", "s"],
  ["underline", "u"],
  ["highlight", "mark"],
];

function styled(element, setting) {
  const draw = INLINE[element.type];
  let node = draw ? draw(element, setting) : unknown(element, setting);
  for (const [name, tag] of STYLES) if (element.style?.[name]) node = h(tag, {}, node);
  return node;
}

function emoji(element) {
  const known = /^[0-9a-f]+(-[0-9a-f]+)*$/i.test(element.unicode ?? "");
  const sign = known ? String.fromCodePoint(...element.unicode.split("-").map((code) => parseInt(code, 16))) : null;
  return h("span", { class: "emoji", title: `:${element.name}:`, text: sign ?? `:${element.name}:` });
}

// -- Tables -------------------------------------------------------------------------------------------------------

const CELLS = {
  raw_text: (cell) => [cell.text],
  raw_number: (cell) => [cell.text ?? String(cell.value)],
  rich_text: (cell, setting) => cell.elements.flatMap((element) => run(element.elements ?? [], setting)),
};

function table(block, setting) {
  const [head, ...rows] = block.rows.map((row, index) =>
    h(
      "tr",
      {},
      ...row.map((cell, column) => {
        const look = block.column_settings?.[column] ?? {};
        const kinds = [look.align === "right" ? "right" : look.align === "center" ? "center" : "", look.is_wrapped ? "wrapped" : ""];
        const nodes = (CELLS[cell.type] ?? ((other) => [unknown(other)]))(cell, setting);
        return h(index ? "td" : "th", { class: kinds.join(" ").trim() || null, scope: index ? null : "col" }, ...nodes);
      }),
    ),
  );
  return h(
    "div",
    { class: "table", tabindex: "0", role: "region" },
    h("table", {}, h("thead", {}, head), h("tbody", {}, ...rows)),
  );
}

/** What Slack may draw and this page does not: its kind, and the words in it. */
function unknown(part) {
  return h("div", { class: "unknown" }, h("em", { text: word("unknownBlock", { kind: part.type }) }), ` ${textIn(part)}`);
}

function textIn(part) {
  if (Array.isArray(part)) return part.map(textIn).filter(Boolean).join(" · ");
  if (part === null || typeof part !== "object") return "";
  return Object.entries(part)
    .map(([name, value]) => (name === "text" && typeof value === "string" ? value : textIn(value)))
    .filter(Boolean)
    .join(" ");
}
