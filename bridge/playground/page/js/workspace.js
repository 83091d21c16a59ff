/** The Slack-like half, as one person sees it: channels, what is said in them, the app's Home, forms before it all. */

import { Composer } from "./composer.js";
import { dayOf } from "./dates.js";
import { confirmed } from "./dialog.js";
import { h, icon, keepingFocus, settle, stickToEnd } from "./dom.js";
import { act } from "./feed.js";
import { Home } from "./home.js";
import { msOf, renderMessage } from "./message.js";
import { Modals } from "./modal.js";
import { openMenu } from "./popup.js";
import { renderRail } from "./rail.js";
import { Thread } from "./thread.js";
import { posted, valueOf } from "./values.js";
import { failure, word } from "./words.js";

const TOGETHER_MS = 5 * 60_000;
const HOME = "home";

export class Workspace {
  /** `slot` tells the panes of a page apart: "" for the first, "2" for the second. */
  constructor(root, world, slot = "") {
    this.root = root;
    this.world = world;
    this.slot = slot;
    this.me = localStorage.getItem(`me${slot}`);
    this.channel = localStorage.getItem(`channel${slot}`);
    this.unread = new Map();
    this.cache = new Map();
    this.rail = h("nav", { class: "rail", "aria-label": word("channels") });
    this.title = h("div", { class: "room-title" });
    this.log = stickToEnd(h("ol", { class: "messages", role: "log", tabindex: "0" }));
    this.trouble = h("p", { class: "trouble", role: "alert" });
    this.composer = new Composer((text) => this.say(text), slot, (button) => this.openShortcuts(button));
    this.home = new Home(world);
    this.thread = new Thread(this);
    const room = h("div", { class: "room" }, this.title, this.home.root, this.log, this.trouble, this.composer.root);
    this.modals = new Modals(world, [this.rail, room, this.thread.root]);
    root.append(this.rail, room, this.thread.root, this.modals.root);
  }

  /** Everything is new; the composer knows the commands. */
  load(everything) {
    const people = this.world.people;
    if (!people.some((user) => user.id === this.me)) this.me = people[this.slot ? 1 : 0]?.id ?? people[0]?.id;
    const known = this.channel === HOME || this.mine().some((channel) => channel.id === this.channel);
    if (!known) this.channel = this.mine()[0]?.id;
    this.cache.clear();
    this.composer.load(everything);
    this.draw();
    if (this.channel === HOME && !this.world.home(this.me)) this.home.open(this.me);
  }

  /** The channels that I am in. */
  mine() {
    return [...this.world.channels.values()].filter((channel) => channel.members.includes(this.me));
  }

  get isWithApp() {
    return this.channel === HOME || this.channel === this.world.appChannel(this.me)?.id;
  }

  /** A message came, or changed. */
  put(message, isNew) {
    if (message.to && message.to !== this.me) return;
    if (message.channel === this.channel) this.drawLog(isNew && message.user === this.me);
    else if (isNew && message.user !== this.me) {
      this.unread.set(message.channel, (this.unread.get(message.channel) ?? 0) + 1);
      this.drawRail();
    }
  }

  /** A message is gone. */
  remove(channel) {
    if (channel === this.channel) this.drawLog();
  }

  /** A modal or Home tab came, changed or closed. */
  putView() {
    this.modals.draw(this.me);
    if (this.channel === HOME) this.home.draw(this.me);
  }

  /** A channel came, or who is in it changed. */
  putChannel() {
    this.drawRail();
    this.drawTitle();
  }

  // -- What I do --------------------------------------------------------------------------------------------------

  async say(text) {
    this.trouble.textContent = "";
    const answer = await act("say", { user: this.me, channel: this.channel, text });
    // What Slack says about an app's failure is a message; only the page's own trouble is told here.
    if (answer.error && !this.world.visible(this.channel, this.me).some((message) => message.notice === answer.error)) this.fail(answer.error);
  }

  async press(message, block, element, value, control) {
    if (element.confirm && !(await confirmed(element.confirm))) {
      this.cache.clear();
      return this.drawLog();
    }
    this.trouble.textContent = "";
    control.classList.add("busy");
    control.setAttribute("aria-busy", "true");
    const choice = value === null ? null : posted(element, value);
    const target = { channel: message.channel, ts: message.ts, block: block.block_id, action: element.action_id };
    const answer = await act("press", { user: this.me, ...target, choice });
    control.classList.remove("busy");
    control.removeAttribute("aria-busy");
    if (answer.error) this.fail(answer.error);
  }

  async take(shortcut, message = null) {
    this.trouble.textContent = "";
    const place = message ? { channel: message.channel, ts: message.ts } : { channel: this.channel };
    const answer = await act("shortcut", { user: this.me, callback: shortcut.id, ...place });
    if (answer.error) this.fail(answer.error);
  }

  openShortcuts(button) {
    const items = this.shortcuts("global");
    openMenu(button, word("shortcuts"), items.length ? items : [{ label: word("noShortcuts"), run: () => {} }]);
  }

  openTools(button, message) {
    const first = message.thread ?? message.ts;
    const reply = { label: word("replyInThread"), sign: icon("reply"), run: () => this.thread.open(first) };
    openMenu(button, word("more"), [reply, ...this.shortcuts("message", message)], { atEnd: true });
  }

  shortcuts(kind, message = null) {
    const mine = this.world.shortcuts.filter((shortcut) => shortcut.kind === kind);
    const sign = () => h("img", { src: "art/imbridge.svg", alt: "", width: "18", height: "18" });
    return mine.map((each) => ({ label: each.name, note: each.description, sign: sign(), run: () => this.take(each, message) }));
  }

  fail(reason) {
    this.trouble.textContent = failure(reason);
  }

  go(channel) {
    this.channel = channel;
    this.unread.delete(channel);
    this.trouble.textContent = "";
    this.thread.ts = null;
    localStorage.setItem(`channel${this.slot}`, channel);
    this.draw();
    if (channel !== HOME) this.composer.focus();
  }

  goHome() {
    this.go(HOME);
    this.home.open(this.me);
  }

  become(user) {
    this.me = user;
    this.cache.clear();
    this.unread.clear();
    this.thread.ts = null;
    localStorage.setItem(`me${this.slot}`, user);
    if (this.channel !== HOME && !this.mine().some((channel) => channel.id === this.channel)) this.channel = this.mine()[0]?.id;
    this.draw();
    if (this.channel === HOME) this.home.open(user);
  }

  // -- Drawing ----------------------------------------------------------------------------------------------------

  draw() {
    this.drawRail();
    this.drawTitle();
    const atHome = this.channel === HOME;
    this.home.root.hidden = !atHome;
    this.log.hidden = this.composer.root.hidden = atHome;
    if (atHome) this.home.draw(this.me);
    this.drawLog(true);
    this.modals.draw(this.me);
    this.composer.place(this.called(this.world.channels.get(this.channel)));
  }

  drawRail() {
    const focused = this.rail.contains(document.activeElement) ? [...this.rail.querySelectorAll("button")].indexOf(document.activeElement) : -1;
    this.rail.replaceChildren(...renderRail(this));
    if (focused >= 0) this.rail.querySelectorAll("button")[focused]?.focus();
    this.rail.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  called(channel) {
    if (!channel) return "";
    if (channel.kind !== "direct") return `#${channel.name}`;
    const others = channel.members.filter((member) => member !== this.me);
    return others.map((member) => this.world.names.user(member)).join(", ");
  }

  drawTitle() {
    const channel = this.world.channels.get(this.channel);
    if (this.isWithApp) return this.title.replaceChildren(h("h2", { text: this.world.names.user(this.world.bot) }), this.tabs());
    if (!channel) return;
    const many = channel.kind === "direct" ? "" : word("members", { count: channel.members.length });
    this.title.replaceChildren(h("h2", { text: this.called(channel) }), h("small", { text: many }));
    this.log.setAttribute("aria-label", word("messages", { name: this.called(channel) }));
  }

  tabs() {
    const talk = this.world.appChannel(this.me);
    const tab = (name, here, go) =>
      h("button", { type: "button", role: "tab", "aria-selected": String(here), text: word(name), on: { click: go } });
    return h(
      "div",
      { class: "tabs", role: "tablist", "aria-label": this.world.names.user(this.world.bot) },
      tab("home", this.channel === HOME, () => this.goHome()),
      talk ? tab("messagesTab", this.channel === talk.id, () => this.go(talk.id)) : null,
    );
  }

  /** Messages that stand as they were keep their place, so that nobody's focus jumps; `follow` scrolls to the end. */
  drawLog(follow = false) {
    const nearEnd = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 80;
    const items = [];
    let last = null;
    const all = this.world.visible(this.channel, this.me).filter((message) => !this.world.isReply(message));
    for (const message of all) {
      const day = dayOf(msOf(message.ts));
      const sameDay = last && dayOf(msOf(last.ts)) === day;
      if (!sameDay) items.push(h("li", { class: "day" }, h("span", { text: day })));
      const close = sameDay && msOf(message.ts) - msOf(last.ts) < TOGETHER_MS;
      const follows = Boolean(close && last.user === message.user && !last.to && !message.to && !message.notice);
      items.push(this.drawn(message, follows));
      last = message;
    }
    if (!items.length) items.push(h("li", { class: "empty", text: word("empty") }));
    keepingFocus(this.log, () => settle(this.log, items));
    if (follow || nearEnd) this.log.scrollTop = this.log.scrollHeight;
    this.thread.draw();
  }

  /** A message as it stands; drawn once for each of its versions. */
  drawn(message, follows, inThread = false) {
    const count = inThread ? 0 : this.world.replies(message.channel, message.ts, this.me).length;
    const key = `${message.channel} ${message.ts} ${inThread}`;
    const kept = this.cache.get(key);
    if (kept && kept.message === message && kept.follows === follows && kept.count === count) return kept.node;
    const around = { inThread, tools: message.to ? null : this.tools(message), replies: count ? this.repliesButton(message, count) : null };
    const node = renderMessage(message, follows, this.setting(message), around);
    this.cache.set(key, { message, follows, count, node });
    return node;
  }

  setting(message) {
    const place = (block, element) => ({ user: this.me, channel: message.channel, ts: message.ts, block: block.block_id, action: element.action_id });
    return {
      world: this.world,
      me: () => this.me,
      value: (block, element) => valueOf(element, message.inputs[block.block_id]?.[element.action_id]),
      keep: () => {},
      act: (block, element, value, control) => this.press(message, block, element, value, control),
      suggest: (block, element, query) => act("suggest", { ...place(block, element), query }),
    };
  }

  tools(message) {
    const button = h(
      "button",
      { type: "button", class: "icon-button tools", "aria-label": word("more"), "aria-haspopup": "menu", "aria-expanded": "false", on: { click: () => this.openTools(button, message) } },
      icon("dots"),
    );
    return button;
  }

  repliesButton(message, count) {
    return h("button", { type: "button", class: "replies", text: word("replies", { count }), on: { click: () => this.thread.open(message.ts) } });
  }
}
