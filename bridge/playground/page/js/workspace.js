/** The Slack-like half: channels, what is said in them, and who one is. */

import { Composer } from "./composer.js";
import { dayOf } from "./dates.js";
import { confirmed } from "./dialog.js";
import { avatar, h, icon, stickToEnd } from "./dom.js";
import { act } from "./feed.js";
import { msOf, renderMessage } from "./message.js";
import { word } from "./words.js";

const TOGETHER_MS = 5 * 60_000;

/** What is known of the workspace. */
export class World {
  constructor() {
    this.team = "";
    this.bot = "";
    this.users = new Map();
    this.channels = new Map();
    this.messages = new Map();
  }

  /** Take in everything, anew. */
  load(everything) {
    this.team = everything.team;
    this.bot = everything.bot;
    this.users = new Map(everything.users.map((user) => [user.id, user]));
    this.channels = new Map(everything.channels.map((channel) => [channel.id, channel]));
    this.messages = new Map();
    for (const message of everything.messages) this.put(message);
  }

  /** Take a message in, or its next version. */
  put(message) {
    if (!this.messages.has(message.channel)) this.messages.set(message.channel, new Map());
    this.messages.get(message.channel).set(message.ts, message);
  }

  /** What someone sees in a channel, oldest first. */
  visible(channel, me) {
    const all = [...(this.messages.get(channel)?.values() ?? [])];
    return all.filter((message) => !message.to || message.to === me).sort((one, two) => Number(one.ts) - Number(two.ts));
  }

  /** Those whom one can act as. */
  get people() {
    return [...this.users.values()].filter((user) => user.person);
  }
}

export class Workspace {
  constructor(root) {
    this.world = new World();
    this.me = localStorage.getItem("me");
    this.channel = localStorage.getItem("channel");
    this.unread = new Map();
    this.rail = h("nav", { class: "rail" });
    this.title = h("h2", { class: "room-title" });
    this.log = stickToEnd(h("ol", { class: "messages", role: "log", tabindex: "0" }));
    this.trouble = h("p", { class: "trouble", role: "alert" });
    this.composer = new Composer((text) => this.say(text));
    root.append(this.rail, h("div", { class: "room" }, this.title, this.log, this.trouble, this.composer.root));
    this.setting = {
      names: {
        user: (id) => this.world.users.get(id)?.name ?? id,
        channel: (id) => this.world.channels.get(id)?.name ?? id,
      },
      press: null,
    };
  }

  load(everything) {
    this.world.load(everything);
    if (!this.world.people.some((user) => user.id === this.me)) this.me = this.world.people[0]?.id;
    if (!this.mine().some((channel) => channel.id === this.channel)) this.channel = this.mine()[0]?.id;
    this.composer.load(everything);
    this.draw();
  }

  /** The channels that I am in, direct messages last. */
  mine() {
    const all = [...this.world.channels.values()].filter((channel) => channel.members.includes(this.me));
    return all.sort((one, two) => (one.kind === "direct") - (two.kind === "direct"));
  }

  /** A message came, or changed. */
  put(message) {
    const isNew = !this.world.messages.get(message.channel)?.has(message.ts);
    this.world.put(message);
    if (message.to && message.to !== this.me) return;
    if (message.channel === this.channel) this.drawLog(isNew && message.user === this.me);
    else if (isNew && message.user !== this.me) {
      this.unread.set(message.channel, (this.unread.get(message.channel) ?? 0) + 1);
      this.drawRail();
    }
  }

  /** A message is gone. */
  remove(channel, ts) {
    this.world.messages.get(channel)?.delete(ts);
    if (channel === this.channel) this.drawLog();
  }

  async say(text) {
    this.trouble.textContent = "";
    const answer = await act("say", { user: this.me, channel: this.channel, text });
    // What Slack says about an app's failure is a message; only the page's own trouble is told here.
    if (answer.error && !this.world.visible(this.channel, this.me).some((message) => message.notice === answer.error)) this.fail(answer.error);
  }

  async press(message, block, element, button) {
    if (element.confirm && !(await confirmed(element.confirm))) return;
    this.trouble.textContent = "";
    button.classList.add("busy");
    button.setAttribute("aria-busy", "true");
    const target = { channel: message.channel, ts: message.ts, block, action: element.action_id };
    const answer = await act("press", { user: this.me, ...target });
    button.classList.remove("busy");
    button.removeAttribute("aria-busy");
    if (answer.error) this.fail(answer.error);
  }

  fail(reason) {
    this.trouble.textContent = word("failed", { reason });
  }

  // -- Drawing ----------------------------------------------------------------------------------------------------

  draw() {
    this.drawRail();
    this.drawTitle();
    this.drawLog(true);
    this.composer.place(this.called(this.world.channels.get(this.channel)));
  }

  drawRail() {
    const channels = this.mine();
    const list = (kind, label) => {
      const some = channels.filter((channel) => (channel.kind === "direct") === (kind === "direct"));
      return some.length
        ? [h("h3", { text: word(label) }), h("ul", {}, ...some.map((channel) => h("li", {}, this.channelButton(channel))))]
        : [];
    };
    const people = this.world.people.map((user) =>
      h(
        "button",
        {
          type: "button",
          class: "person",
          "aria-pressed": String(user.id === this.me),
          "aria-label": word("actAs", { name: user.name }),
          on: { click: () => this.become(user.id) },
        },
        avatar(user.name, user.id),
        h("span", { text: user.name }),
      ),
    );
    this.rail.setAttribute("aria-label", word("channels"));
    this.rail.replaceChildren(
      h("p", { class: "team", text: this.world.team }),
      h("div", { class: "lists" }, ...list("public", "channels"), ...list("direct", "direct")),
      h("div", { class: "me" }, h("p", { text: word("youAre") }), ...people),
    );
    this.rail.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  channelButton(channel) {
    const count = this.unread.get(channel.id);
    const here = channel.id === this.channel;
    return h(
      "button",
      {
        type: "button",
        class: count ? "channel unread" : "channel",
        "aria-current": here ? "page" : null,
        data: { channel: channel.name },
        on: { click: () => this.go(channel.id) },
      },
      icon(channel.kind === "direct" ? "bubble" : "hash"),
      h("span", { class: "name", text: this.called(channel).replace(/^#/, "") }),
      count ? h("span", { class: "count", "aria-label": word("unread", { count }), text: String(count) }) : null,
    );
  }

  called(channel) {
    if (!channel) return "";
    if (channel.kind !== "direct") return `#${channel.name}`;
    const others = channel.members.filter((member) => member !== this.me);
    return others.map((member) => this.setting.names.user(member)).join(", ");
  }

  drawTitle() {
    const channel = this.world.channels.get(this.channel);
    if (!channel) return;
    const many = channel.kind === "direct" ? "" : word("members", { count: channel.members.length });
    this.title.replaceChildren(h("span", { text: this.called(channel) }), h("small", { text: many }));
    this.log.setAttribute("aria-label", word("messages", { name: this.called(channel) }));
  }

  /** Messages that stand as they were keep their place, so that nobody's focus jumps; `follow` scrolls to the end. */
  drawLog(follow = false) {
    const nearEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 80;
    const items = [];
    let last = null;
    for (const message of this.world.visible(this.channel, this.me)) {
      const day = dayOf(msOf(message.ts));
      const sameDay = last && dayOf(msOf(last.ts)) === day;
      if (!sameDay) items.push(h("li", { class: "day" }, h("span", { text: day })));
      const close = sameDay && msOf(message.ts) - msOf(last.ts) < TOGETHER_MS;
      const follows = Boolean(close && last.user === message.user && !last.to && !message.to && !message.notice);
      items.push(this.drawn(message, follows));
      last = message;
    }
    if (!items.length) items.push(h("li", { class: "empty", text: word("empty") }));
    this.log.replaceChildren(...items);
    if (follow || nearEnd) this.log.scrollTop = this.log.scrollHeight;
  }

  drawn(message, follows) {
    const press = (block, element, button) => this.press(message, block, element, button);
    return renderMessage(message, follows, this.world, { ...this.setting, press });
  }

  go(channel) {
    this.channel = channel;
    this.unread.delete(channel);
    this.trouble.textContent = "";
    localStorage.setItem("channel", channel);
    this.draw();
    this.composer.focus();
  }

  become(user) {
    this.me = user;
    localStorage.setItem("me", user);
    if (!this.mine().some((channel) => channel.id === this.channel)) this.channel = this.mine()[0]?.id;
    this.draw();
  }
}
