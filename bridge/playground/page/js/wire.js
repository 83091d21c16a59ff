/** What goes over the wires: requests between Slack and the app, frames between phones and server, newest first. */

import { clock } from "./dates.js";
import { h, settle } from "./dom.js";
import { look } from "./feed.js";
import { word } from "./words.js";

const MOST = 120;

export class Wire {
  /** `name` gives what the owner of a phone is called. */
  constructor(root, name) {
    this.name = name;
    this.entries = new Map();
    this.rows = new Map();
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
    this.rows.clear();
    this.entries = new Map(exchanges.map((each) => [`slack ${each.number}`, ofSlack(each)]));
    this.draw();
  }

  /** A request, or its answer. */
  put(exchange) {
    this.take(`slack ${exchange.number}`, ofSlack(exchange));
  }

  /** A frame that a phone sent or got. */
  frame(frame) {
    this.take(`phone ${frame.number}`, ofPhone(frame, this.name(frame.client)));
  }

  take(key, entry) {
    this.entries.set(key, entry);
    for (const old of [...this.entries.keys()].slice(0, -MOST)) {
      this.entries.delete(old);
      this.rows.delete(old);
    }
    this.draw();
  }

  draw() {
    this.count.textContent = String(this.entries.size);
    if (!this.details.open) return this.list.replaceChildren();
    settle(this.list, [...this.entries].reverse().map(([key, entry]) => this.row(key, entry)));
  }

  /** Drawn once for each of its versions, so that what somebody reads stays open. */
  row(key, entry) {
    const kept = this.rows.get(key);
    if (kept?.entry === entry) return kept.node;
    const open = kept?.node.querySelector("details").open ?? false;
    const node = row(entry, open);
    this.rows.set(key, { entry, node });
    return node;
  }
}

function ofSlack(exchange) {
  const inward = exchange.direction === "to app";
  const good = exchange.status !== null && exchange.status >= 200 && exchange.status < 300 && !exchange.late;
  return {
    kind: "of-slack",
    at: exchange.at,
    inward,
    way: word(inward ? "toApp" : "fromApp"),
    what: exchange.what,
    target: exchange.target.replace(/https?:\/\/[^/]+/, ""),
    status: exchange.late ? word("late") : exchange.status === null ? word("pending") : String(exchange.status),
    good,
    parts: async () => {
      const said = await look(`exchanges/${exchange.number}`);
      const headers = Object.entries(said.headers ?? {}).map(([name, value]) => `${name}: ${value}`);
      return [["headers", headers.join("\n")], ["request", said.body], ["answer", said.answer]];
    },
  };
}

function ofPhone({ at, way, frame }, name) {
  const inward = way === "in";
  return {
    kind: "of-phone",
    at,
    inward,
    way: word(inward ? "toPhone" : "fromPhone", { name }),
    what: [frame.cmd, frame.op].filter(Boolean).join(" "),
    target: frame.msg ?? frame.cid ?? "",
    status: frame.code ? String(frame.code) : "",
    good: !frame.code,
    parts: async () => [["frame", JSON.stringify(frame)]],
  };
}

function row(entry, open) {
  const inside = h("div", { class: "bodies", "aria-live": "polite" });
  const read = async () => inside.replaceChildren(...(await entry.parts()).filter(([, text]) => text).map(([name, text]) => part(name, text)));
  const details = h(
    "details",
    { open, on: { toggle: () => details.open && read() } },
    h(
      "summary",
      {},
      clock(entry.at),
      h("span", { class: entry.inward ? "way in" : "way out", text: entry.way }),
      h("span", { class: "what", text: entry.what }),
      h("span", { class: "target", text: entry.target }),
      h("span", { class: entry.good ? "status good" : "status bad", text: entry.status }),
    ),
    inside,
  );
  return h("li", { class: entry.kind }, details);
}

const part = (name, text) => h("div", {}, h("h4", { text: word(name) }), h("pre", { tabindex: "0", text: readable(text) }));

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
