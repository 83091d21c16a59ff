/** The phones of three users of the app: each a small chat app that lives as messages arrive. */

import { brief, nowOnPhone, today } from "./dates.js";
import { avatar, h, icon } from "./dom.js";
import { act } from "./feed.js";
import { preview } from "./phone-messages.js";
import { face, renderTalk } from "./talk.js";
import { word } from "./words.js";

const BANNER_MS = 5_000;

/** All phones, side by side. */
export class Phones {
  constructor(root, arrived) {
    this.shelf = h("div", { class: "shelf" });
    root.append(h("h2", { text: word("live") }), this.shelf);
    this.arrived = arrived;
    this.phones = new Map();
    this.names = new Map();
    setInterval(() => this.tick(), 10_000);
  }

  load(phones) {
    this.names = new Map(phones.map((phone) => [phone.client, phone.name]));
    for (const told of phones) {
      if (!this.phones.has(told.client)) {
        const phone = new Phone(told.client, this.names);
        this.phones.set(told.client, phone);
        this.shelf.append(phone.root);
      }
      this.put(told);
    }
  }

  /** A phone as a whole. */
  put(told) {
    this.phones.get(told.client)?.load(told);
  }

  /** Something came to, or changed in, one conversation of a phone. */
  mail(change) {
    this.phones.get(change.client)?.mail(change);
    if (change.fresh) this.arrived();
  }

  tick() {
    for (const phone of this.phones.values()) phone.tick();
  }
}

class Phone {
  constructor(client, names) {
    this.client = client;
    this.names = names;
    this.name = names.get(client) ?? client;
    this.talks = new Map();
    this.here = null;
    this.fresh = null;
    this.clock = h("span", { class: "clock" });
    this.state = h("span", { class: "signal" });
    this.app = h("div", { class: "app" });
    this.banner = h("button", { type: "button", class: "banner", hidden: true });
    this.lock = h("div", { class: "lock", hidden: true });
    this.toggle = h("button", {
      type: "button",
      role: "switch",
      class: "toggle",
      on: { click: () => act("phone", { client, online: !this.online }) },
    });
    this.trouble = h("p", { class: "trouble", role: "alert" });
    this.screen = h("div", { class: "screen" }, h("div", { class: "statusbar" }, this.clock, this.state), this.app, this.banner, this.lock);
    this.root = h(
      "article",
      { class: "phone", "aria-label": word("phoneOf", { name: this.name }), data: { client } },
      h("div", { class: "frame" }, this.screen),
      h(
        "footer",
        {},
        avatar(this.name, client),
        h("div", {}, h("strong", { text: this.name }), h("code", { text: client })),
        this.toggle,
      ),
      this.trouble,
    );
    this.tick();
  }

  load(told) {
    this.online = told.online;
    this.signedOut = told.signed_out;
    this.pushes = told.pushes;
    this.talks = new Map(told.conversations.map((talk) => [talk.id, talk]));
    if (!this.talks.has(this.here)) this.here = null;
    this.toggle.setAttribute("aria-checked", String(this.online));
    this.toggle.setAttribute("aria-label", `${this.name}: ${word("online")}`);
    this.toggle.replaceChildren(h("span", { text: word(this.online ? "online" : "offline") }));
    this.state.replaceChildren(this.online ? bars() : icon("airplane"));
    this.draw();
    this.drawLock();
  }

  mail({ conversation, message, fresh }) {
    const messages = this.talks.get(conversation.id)?.messages ?? [];
    if (message) {
      const others = messages.filter((each) => each.id !== message.id);
      conversation.messages = [...others, message].sort((one, two) => one.at - two.at || (one.id < two.id ? -1 : 1));
    } else conversation.messages = messages;
    this.talks.set(conversation.id, conversation);
    this.fresh = fresh ? message.id : null;
    if (fresh) this.notify(conversation, message);
    if (this.here === conversation.id && conversation.unread) this.read(conversation.id);
    this.draw();
  }

  /** A banner slides down, unless the conversation is open. */
  notify(talk, message) {
    this.root.classList.remove("buzz");
    void this.root.offsetWidth; // starts the animation anew
    this.root.classList.add("buzz");
    if (this.here === talk.id) return;
    clearTimeout(this.timer);
    this.banner.replaceChildren(
      face(talk),
      h("span", {}, h("strong", { text: talk.name ?? talk.id }), h("span", { class: "line", text: preview(message.content) })),
    );
    this.banner.onclick = () => this.open(talk.id);
    this.banner.hidden = false;
    this.timer = setTimeout(() => (this.banner.hidden = true), BANNER_MS);
  }

  open(id) {
    this.here = id;
    this.fresh = null;
    this.banner.hidden = true;
    if (this.talks.get(id)?.unread) this.read(id);
    this.draw();
    this.app.querySelector(".back")?.focus({ preventScroll: true });
  }

  read(id) {
    this.talks.get(id).unread = 0;
    act("read", { client: this.client, conversation: id });
  }

  async say(id, text) {
    this.trouble.textContent = "";
    const answer = await act("chat", { client: this.client, conversation: id, text });
    if (answer.error) this.trouble.textContent = word("failed", { reason: answer.error });
  }

  tick() {
    this.clock.textContent = nowOnPhone();
  }

  // -- Drawing ----------------------------------------------------------------------------------------------------

  draw() {
    const talk = this.talks.get(this.here);
    const typing = this.app.querySelector("input");
    const focused = typing === document.activeElement;
    const draft = typing?.value ?? "";
    if (!talk) return this.app.replaceChildren(this.list());
    const back = () => {
      this.here = null;
      this.draw();
      this.app.querySelector(".row")?.focus({ preventScroll: true });
    };
    const say = (text) => this.say(talk.id, text);
    this.app.replaceChildren(renderTalk(talk, this.client, { names: this.names, back, say, fresh: this.fresh, draft }));
    const lines = this.app.querySelector(".lines");
    lines.scrollTop = lines.scrollHeight;
    if (focused) this.app.querySelector("input")?.focus({ preventScroll: true });
  }

  list() {
    const newest = (talk) => talk.messages.at(-1)?.at ?? talk.since;
    const talks = [...this.talks.values()].sort((one, two) => newest(two) - newest(one));
    return h(
      "div",
      { class: "inbox" },
      h("header", { class: "bar" }, h("strong", { text: word("game") })),
      talks.length ? h("ul", {}, ...talks.map((talk) => h("li", {}, this.row(talk)))) : h("p", { class: "none", text: word("noTalks") }),
    );
  }

  row(talk) {
    const last = talk.messages.at(-1);
    const sender = last && talk.kind !== "system" ? `${last.sender === this.client ? word("you") : this.names.get(last.sender) ?? last.sender}: ` : "";
    return h(
      "button",
      { type: "button", class: talk.unread ? "row unread" : "row", data: { conversation: talk.id }, on: { click: () => this.open(talk.id) } },
      face(talk),
      h(
        "span",
        { class: "about" },
        h("span", { class: "first" }, h("strong", { text: talk.name ?? talk.id }), last ? brief(last.at) : null),
        h(
          "span",
          { class: "second" },
          h("span", { class: "line", text: last ? sender + preview(last.content) : "" }),
          talk.unread ? h("span", { class: "dot", "aria-label": word("unread", { count: talk.unread }), text: String(talk.unread) }) : null,
        ),
      ),
    );
  }

  drawLock() {
    this.lock.hidden = this.online;
    this.app.inert = !this.online;
    if (this.online) return;
    this.banner.hidden = true;
    const out = this.signedOut;
    this.lock.replaceChildren(
      h("p", { class: "big", text: nowOnPhone() }),
      h("p", { class: "date", text: today() }),
      ...(out ? [h("p", { class: "out" }, h("strong", { text: word("signedOut", { code: out.code }) }), out.reason)] : []),
      h("ul", { "aria-live": "polite" }, ...this.pushes.toReversed().map(push)),
      h("p", { class: "hint", text: word("lockHint") }),
    );
  }
}

function push(one) {
  return h(
    "li",
    {},
    h("span", { class: "first" }, h("strong", { text: one.title || one.from }), brief(one.at)),
    h("span", { class: "line", text: one.alert }),
  );
}

const bars = () => h("span", { class: "bars" }, h("i"), h("i"), h("i"), h("i"));
