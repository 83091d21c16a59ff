/** Where one writes: a growing field, the commands that complete themselves, and a few examples to begin with. */

import { complete } from "./completion.js";
import { h, icon } from "./dom.js";
import { language, word } from "./words.js";

const EXAMPLES = [
  "/im broadcast news 周六有晚会！",
  "/im send support 金色鲷鱼已经放回鱼缸啦 --from support",
  "/im history crew",
  "/im conv list",
  '/im broadcast news 下雨了 --push 快回港湾收南瓜',
  "/im help",
];

/** A command as it describes itself in the page's language. */
const spoken = (command) => ({
  ...command,
  summary: command.summary[language],
  parameters: command.parameters.map((each) => ({ ...each, help: each.help[language] ?? "" })),
});

export class Composer {
  /** `slot` tells the composers of a page apart, `shortcuts` opens their menu at a button. */
  constructor(send, slot, shortcuts) {
    this.send = send;
    this.slot = slot;
    this.known = { slash: [], commands: [], conversations: [], clients: [] };
    this.completion = { items: [], sure: false, usage: null };
    this.active = -1;
    this.dismissed = null;
    this.past = [];
    this.field = h("textarea", {
      id: `composer${slot}`,
      rows: "1",
      autocomplete: "off",
      autocapitalize: "off",
      spellcheck: "false",
      "aria-autocomplete": "list",
      "aria-haspopup": "listbox",
      "aria-controls": `suggestions${slot}`,
      "aria-expanded": "false",
      on: {
        input: () => this.changed(),
        keydown: (event) => this.key(event),
        blur: () => this.close(),
        focus: () => this.changed(),
      },
    });
    this.list = h("ul", { id: `suggestions${slot}`, role: "listbox", class: "suggestions", "aria-label": word("suggestions"), hidden: true });
    this.hint = h("p", { class: "usage", "aria-live": "polite" });
    this.button = h("button", { type: "submit", class: "send", "aria-label": word("send") }, icon("send"));
    this.bolt = h(
      "button",
      { type: "button", class: "bolt", "aria-label": word("shortcuts"), "aria-haspopup": "menu", "aria-expanded": "false", on: { click: () => shortcuts(this.bolt) } },
      icon("bolt"),
    );
    this.examples = h("div", { class: "examples" }, h("span", { text: word("try") }), ...EXAMPLES.map((line) => this.example(line)));
    this.root = h(
      "form",
      { class: "composer", on: { submit: (event) => this.submit(event) } },
      this.examples,
      h("div", { class: "field" }, this.list, this.bolt, this.field, this.button),
      this.hint,
    );
  }

  example(line) {
    return h("button", { type: "button", class: "example", text: line, on: { click: () => this.write(line) } });
  }

  /** Take in the commands, and the conversations and users that they can name. */
  load({ slash, commands, aliases, phones }) {
    const talks = new Map();
    for (const phone of phones) for (const talk of phone.conversations) talks.set(talk.id, talk);
    const named = Object.entries(aliases).map(([value, id]) => ({ value, detail: talks.get(id)?.name ?? id }));
    const aliased = new Set(Object.values(aliases));
    const others = [...talks.values()].filter((talk) => talk.name && !aliased.has(talk.id));
    const clients = new Map(phones.map((phone) => [phone.client, phone.name]));
    for (const talk of talks.values()) for (const member of talk.members) if (!clients.has(member)) clients.set(member, talk.name ?? "");
    this.known = {
      slash,
      commands: commands.map(spoken),
      conversations: [...named, ...others.map((talk) => ({ value: talk.name, detail: talk.kind }))],
      clients: [...clients].map(([value, detail]) => ({ value, detail })),
    };
  }

  /** The channel that is written to. */
  place(name) {
    this.field.placeholder = word("composer", { name });
    this.field.setAttribute("aria-label", word("composer", { name }));
  }

  focus() {
    this.field.focus();
  }

  /** Put a line into the field, ready to be sent or changed. */
  write(line) {
    this.field.value = line;
    this.focus();
    this.field.setSelectionRange(line.length, line.length);
    this.changed();
  }

  changed() {
    const line = this.field.value;
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight, 160)}px`;
    const atEnd = this.field.selectionStart === line.length;
    this.completion = atEnd ? complete(line, this.known) : { items: [], sure: false, usage: null };
    if (line !== this.dismissed) this.dismissed = null;
    this.active = this.completion.sure ? 0 : -1;
    this.drawList();
    this.drawUsage();
  }

  get open() {
    return !this.list.hidden;
  }

  close() {
    this.list.hidden = true;
    this.field.setAttribute("aria-expanded", "false");
    this.field.removeAttribute("aria-activedescendant");
  }

  key(event) {
    if (event.isComposing) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      if (this.open && this.active >= 0) this.take(this.active);
      else this.submit(event);
    } else if (event.key === "Tab" && !event.shiftKey && this.open) {
      event.preventDefault();
      this.take(Math.max(this.active, 0));
    } else if (event.key === "Escape" && this.open) {
      event.preventDefault();
      this.dismissed = this.field.value;
      this.close();
    } else if (event.key === "ArrowDown" || event.key === "ArrowUp") this.arrow(event);
  }

  arrow(event) {
    const step = event.key === "ArrowDown" ? 1 : -1;
    if (this.open) {
      event.preventDefault();
      const count = this.completion.items.length;
      this.active = (this.active + step + count + (this.active < 0 && step < 0 ? 1 : 0)) % count;
      this.drawList();
    } else if (step < 0 && this.field.value === "" && this.past.length) {
      event.preventDefault();
      this.write(this.past.at(-1));
    }
  }

  take(index) {
    this.write(this.completion.items[index].line);
  }

  async submit(event) {
    event.preventDefault();
    const text = this.field.value.trim();
    if (!text) return;
    this.past.push(text);
    this.field.value = "";
    this.changed();
    this.button.classList.add("busy");
    await this.send(text);
    this.button.classList.remove("busy");
  }

  drawList() {
    const { items } = this.completion;
    if (!items.length || this.dismissed !== null || document.activeElement !== this.field) return this.close();
    this.list.replaceChildren(...items.map((item, index) => this.option(item, index)));
    this.list.hidden = false;
    this.field.setAttribute("aria-expanded", "true");
    if (this.active < 0) return this.field.removeAttribute("aria-activedescendant");
    this.field.setAttribute("aria-activedescendant", `suggestion${this.slot}-${this.active}`);
    this.list.children[this.active].scrollIntoView({ block: "nearest" });
  }

  option(item, index) {
    return h(
      "li",
      {
        id: `suggestion${this.slot}-${index}`,
        role: "option",
        "aria-selected": String(index === this.active),
        on: {
          // A click would take the focus, and with it the list.
          mousedown: (event) => event.preventDefault(),
          click: () => this.take(index),
        },
      },
      h("span", { class: "what" }, h("strong", { text: item.label }), h("span", { class: "detail", text: item.detail })),
      item.note ? h("span", { class: "note", text: item.note }) : null,
    );
  }

  drawUsage() {
    const usage = this.completion.usage;
    if (!usage) return this.hint.replaceChildren(this.completion.items.length ? word("keys") : "");
    const parts = usage.command.parameters.map((each, index) =>
      h(index === usage.current ? "mark" : "span", { text: each.usage }),
    );
    const help = usage.command.parameters[usage.current]?.help;
    this.hint.replaceChildren(
      h("strong", { text: usage.command.name }),
      ...parts.flatMap((part) => [" ", part]),
      help ? h("span", { class: "help", text: help }) : "",
    );
  }
}
