/** The strip at the bottom: each request between Slack and the app as it flows, closed until someone is curious. */

import { clock } from "./dates.js";
import { h } from "./dom.js";
import { word } from "./words.js";

const MOST = 60;

export class Wire {
  constructor(root) {
    this.exchanges = new Map();
    this.count = h("span", { class: "count" });
    this.list = h("ol", {});
    this.details = h(
      "details",
      { on: { toggle: () => this.draw() } },
      h("summary", {}, h("strong", { text: word("raw") }), this.count, h("span", { class: "quiet-text", text: word("rawHint") })),
      this.list,
    );
    root.append(this.details);
  }

  load(exchanges) {
    this.exchanges = new Map(exchanges.map((each) => [each.number, each]));
    this.draw();
  }

  /** A request, or its answer. */
  put(exchange) {
    this.exchanges.set(exchange.number, exchange);
    for (const number of [...this.exchanges.keys()].slice(0, -MOST)) this.exchanges.delete(number);
    this.draw();
  }

  draw() {
    this.count.textContent = String(this.exchanges.size);
    if (!this.details.open) return this.list.replaceChildren();
    const opened = new Set([...this.list.querySelectorAll("details[open]")].map((each) => each.dataset.number));
    const rows = [...this.exchanges.values()].reverse().map((each) => row(each, opened.has(String(each.number))));
    this.list.replaceChildren(...rows);
  }
}

function row(exchange, open) {
  const inward = exchange.direction === "to app";
  const status = exchange.late ? word("late") : exchange.status === null ? word("pending") : String(exchange.status);
  const good = exchange.status !== null && exchange.status >= 200 && exchange.status < 300 && !exchange.late;
  return h(
    "li",
    {},
    h(
      "details",
      { open, data: { number: exchange.number } },
      h(
        "summary",
        {},
        clock(exchange.at),
        h("span", { class: inward ? "way in" : "way out", text: word(inward ? "toApp" : "fromApp") }),
        h("span", { class: "target", text: shortened(exchange.target) }),
        h("span", { class: good ? "status good" : "status bad", text: status }),
      ),
      part("request", exchange.body),
      part("answer", exchange.answer),
    ),
  );
}

const part = (name, text) => (text ? h("div", {}, h("h4", { text: word(name) }), h("pre", { tabindex: "0", text: readable(text) })) : null);

/** Secret parts of addresses are long and say nothing. */
const shortened = (target) => target.replace(/https?:\/\/[^/]+/, "").replace(/\/(commands|actions)\/.*/, "/$1/…");

function readable(text) {
  if (/^[\w.~%+-]+=/.test(text)) {
    const fields = [...new URLSearchParams(text)].map(([name, value]) => `${name}: ${name === "payload" ? readable(value) : value}`);
    return fields.join("\n");
  }
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
