/** A message and its replies, beside the channel. */

import { h, icon, settle, stickToEnd } from "./dom.js";
import { act } from "./feed.js";
import { failure, word } from "./words.js";

export class Thread {
  /** `draw` draws one message of the pane, `closed` is called when the user has enough. */
  constructor(pane) {
    this.pane = pane;
    this.ts = null;
    this.list = stickToEnd(h("ol", { class: "messages", tabindex: "0", "aria-label": word("thread") }));
    this.field = h("input", { type: "text", name: "reply", autocomplete: "off", class: "text-field", placeholder: word("reply"), "aria-label": word("reply") });
    this.trouble = h("p", { class: "trouble", role: "alert" });
    this.root = h(
      "aside",
      { class: "thread", "aria-label": word("thread"), hidden: true, on: { keydown: (event) => event.key === "Escape" && this.close() } },
      h("header", {}, h("h3", { text: word("thread") }), h("button", { type: "button", class: "icon-button", "aria-label": word("close"), on: { click: () => this.close() } }, icon("close"))),
      this.list,
      this.trouble,
      h(
        "form",
        { class: "reply-line", on: { submit: (event) => this.say(event) } },
        this.field,
        h("button", { type: "submit", class: "send", "aria-label": word("send") }, icon("send")),
      ),
    );
  }

  open(ts) {
    this.ts = ts;
    this.draw();
    this.list.scrollTop = this.list.scrollHeight;
    this.field.focus({ preventScroll: true });
  }

  close() {
    this.ts = null;
    this.draw();
    this.pane.composer.focus();
  }

  draw() {
    const { world, channel, me } = this.pane;
    const first = this.ts && world.messages.get(channel)?.get(this.ts);
    this.root.hidden = !first;
    this.pane.root.classList.toggle("threaded", Boolean(first));
    if (!first) return (this.ts = null);
    const replies = world.replies(channel, this.ts, me);
    const count = h("li", { class: "day" }, h("span", { text: word("replies", { count: replies.length }) }));
    settle(this.list, [this.pane.drawn(first, false, true), count, ...replies.map((each) => this.pane.drawn(each, false, true))]);
  }

  async say(event) {
    event.preventDefault();
    const text = this.field.value.trim();
    if (!text) return;
    this.field.value = "";
    const answer = await act("say", { user: this.pane.me, channel: this.pane.channel, text, thread: this.ts });
    this.trouble.textContent = answer.error ? failure(answer.error) : "";
    this.list.scrollTop = this.list.scrollHeight;
  }
}
