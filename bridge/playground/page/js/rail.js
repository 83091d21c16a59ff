/** What one can go to, and who one is: the dark column of a workspace. */

import { avatar, h, icon } from "./dom.js";
import { word } from "./words.js";

/** The column of a pane. @returns {HTMLElement[]} */
export function renderRail(pane) {
  const { world, me } = pane;
  const channels = pane.mine();
  const rooms = channels.filter((channel) => channel.kind !== "direct");
  const talks = channels.filter((channel) => channel.kind === "direct" && !channel.members.includes(world.bot));
  const people = world.people.map((user) =>
    h(
      "button",
      {
        type: "button",
        class: "person",
        "aria-pressed": String(user.id === me),
        "aria-label": word("actAs", { name: user.name }),
        on: { click: () => pane.become(user.id) },
      },
      avatar(user.name, user.id),
      h("span", { text: user.name }),
    ),
  );
  return [
    h("p", { class: "team", text: world.team }),
    h(
      "div",
      { class: "lists" },
      ...list("channels", rooms.map((channel) => row(pane, channel, icon("hash")))),
      ...list("direct", talks.map((channel) => row(pane, channel, icon("bubble")))),
      ...list("apps", [appRow(pane)]),
    ),
    h("div", { class: "me" }, h("p", { text: word("youAre") }), ...people),
  ];
}

function list(label, rows) {
  return rows.length ? [h("h3", { text: word(label) }), h("ul", {}, ...rows.map((each) => h("li", {}, each)))] : [];
}

function row(pane, channel, sign) {
  return entry(pane, {
    sign,
    name: pane.called(channel).replace(/^#/, ""),
    here: pane.channel === channel.id,
    count: pane.unread.get(channel.id),
    data: { channel: channel.name },
    go: () => pane.go(channel.id),
  });
}

function appRow(pane) {
  const talk = pane.world.appChannel(pane.me);
  return entry(pane, {
    sign: h("img", { class: "app-sign", src: "art/imbridge.svg", alt: "", width: "18", height: "18" }),
    name: pane.world.names.user(pane.world.bot),
    here: pane.isWithApp,
    count: talk ? pane.unread.get(talk.id) : 0,
    data: { app: "" },
    go: () => pane.goHome(),
  });
}

function entry(pane, { sign, name, here, count, data, go }) {
  return h(
    "button",
    { type: "button", class: count ? "channel unread" : "channel", "aria-current": here ? "page" : null, data, on: { click: go } },
    sign,
    h("span", { class: "name", text: name }),
    count ? h("span", { class: "count", "aria-label": word("unread", { count }), text: String(count) }) : null,
  );
}
