/** One conversation on a phone: its messages, and a field to write in where the conversation takes it. */

import { brief, dayOf } from "./dates.js";
import { avatar, h, icon, stickToEnd } from "./dom.js";
import { renderContent } from "./phone-messages.js";
import { word } from "./words.js";

const TOGETHER_MS = 3 * 60_000;
const SIGNS = { system: "megaphone", transient: "room", normal: null };

/** A conversation's sign: accounts and rooms have their own, people's have a letter. */
export function face(talk) {
  const badge = avatar(talk.name ?? "?", talk.name ?? talk.id, SIGNS[talk.kind]);
  badge.classList.add(talk.kind);
  return badge;
}

/** What kind of conversation it is, in words. */
export function kindOf(talk) {
  if (talk.kind === "system") return word("announcements");
  return talk.kind === "transient" ? word("room") : word("members", { count: talk.members.length });
}

/** The conversation's screen. `back` and `say` are what its buttons do; `names` maps client ids to names. */
export function renderTalk(talk, me, { names, back, say, fresh, draft }) {
  const items = [];
  let last = null;
  for (const message of talk.messages) {
    if (!last || message.at - last.at > TOGETHER_MS) items.push(h("li", { class: "when" }, dayOf(message.at), " ", brief(message.at)));
    items.push(entry(message, talk, me, names, last, fresh));
    last = message;
  }
  if (!items.length) items.push(h("li", { class: "none", text: word("noMessages") }));
  return h(
    "div",
    { class: `talk ${talk.kind}` },
    h(
      "header",
      { class: "bar" },
      h("button", { type: "button", class: "back", "aria-label": word("backToList"), on: { click: back } }, icon("back")),
      face(talk),
      h("div", {}, h("strong", { text: talk.name ?? talk.id }), h("small", { text: kindOf(talk) })),
    ),
    stickToEnd(h("ol", { class: "lines", tabindex: "0", "aria-label": talk.name ?? talk.id }, ...items)),
    talk.kind === "system" ? h("p", { class: "read-only", text: word("readOnly") }) : field(talk, say, draft),
  );
}

function entry(message, talk, me, names, last, fresh) {
  const recalled = message.content.kind === "recalled";
  const arriving = fresh === message.id ? " fresh" : "";
  const note = message.edited && !recalled ? h("small", { class: "note", text: word("edited") }) : null;
  if (recalled) return h("li", { class: "line gone" }, renderContent(message.content));
  if (talk.kind === "system") {
    return h("li", { class: `line bulletin is-${message.content.kind}${arriving}` }, renderContent(message.content), note);
  }
  const mine = message.sender === me;
  const follows = last && last.sender === message.sender && message.at - last.at < TOGETHER_MS;
  const name = names.get(message.sender) ?? message.sender;
  return h(
    "li",
    { class: `line ${mine ? "mine" : "theirs"} is-${message.content.kind}${arriving}` },
    mine || follows ? null : h("span", { class: "who" }, avatar(name, message.sender), name),
    h("div", { class: "bubble" }, renderContent(message.content), note),
  );
}

function field(talk, say, draft) {
  const input = h("input", { type: "text", name: "text", autocomplete: "off", placeholder: word("chat"), "aria-label": word("chat"), value: draft });
  const submit = (event) => {
    event.preventDefault();
    const text = input.value.trim();
    input.value = "";
    if (text) say(text);
  };
  return h(
    "form",
    { class: "reply", on: { submit } },
    input,
    h("button", { type: "submit", class: "send", "aria-label": word("send") }, icon("send")),
  );
}
