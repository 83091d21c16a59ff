/** A menu that is searched by typing: one choice or several, from a list, from people and channels, or from the app. */

import { h, icon } from "./dom.js";
import { showBeside } from "./popup.js";
import { word } from "./words.js";

const PAUSE_MS = 200;
let made = 0;

/**
 * @typedef {{value: string, label: string, detail?: string, option?: object}} Item
 * @typedef {{groups: {label: string, items: Item[]}[], note?: string}} Found
 */

export class Picker {
  /**
   * @param {object} how
   * @param {string} how.id  of the field, for its label
   * @param {boolean} how.many
   * @param {number} how.most  that can be chosen
   * @param {boolean} how.clearable  whether it may be left empty again
   * @param {string} how.placeholder
   * @param {Item[]} how.chosen
   * @param {(query: string) => Found | Promise<Found>} how.find
   * @param {(chosen: Item[]) => void} how.changed
   * @param {boolean} how.asks  that finding asks elsewhere: not at every letter
   */
  constructor(how) {
    this.how = how;
    this.chosen = how.chosen;
    this.items = [];
    this.active = -1;
    this.asked = 0;
    const list = `list-${(made += 1)}`;
    this.field = h("input", {
      id: how.id,
      type: "text",
      role: "combobox",
      autocomplete: "off",
      spellcheck: "false",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": list,
      "aria-label": how.label,
      on: {
        focus: () => this.field.select(),
        click: () => this.open(),
        input: () => this.open(this.field.value),
        keydown: (event) => this.key(event),
        blur: () => this.close(),
      },
    });
    this.list = h("ul", { id: list, role: "listbox", class: "options", popover: "manual", "aria-multiselectable": how.many });
    this.chips = h("span", { class: "chips" });
    this.clear = h("button", { type: "button", class: "clear", "aria-label": word("clear"), on: { click: () => this.set([]) } }, icon("close"));
    this.root = h(
      "div",
      { class: how.many ? "picker many" : "picker", on: { mousedown: (event) => this.press(event) } },
      this.chips,
      this.field,
      this.clear,
      icon("down"),
      this.list,
    );
    this.draw();
  }

  /** Where the field is not, a press opens the menu all the same. */
  press(event) {
    if (event.target.closest("button, input, ul")) return;
    event.preventDefault();
    this.field.focus();
    this.open();
  }

  set(chosen) {
    this.chosen = chosen;
    this.draw();
    this.how.changed(chosen);
  }

  draw() {
    const { many, placeholder } = this.how;
    this.field.value = many ? "" : this.chosen[0]?.label ?? "";
    this.field.placeholder = many && this.chosen.length ? "" : placeholder;
    this.clear.hidden = !this.how.clearable || !this.chosen.length;
    if (many) this.chips.replaceChildren(...this.chosen.map((item) => this.chip(item)));
  }

  chip(item) {
    const drop = () => {
      this.set(this.chosen.filter((each) => each.value !== item.value));
      this.field.focus();
    };
    return h(
      "span",
      { class: "chip" },
      h("span", { text: item.label }),
      h("button", { type: "button", "aria-label": word("remove", { name: item.label }), on: { click: drop } }, icon("close")),
    );
  }

  // -- The list ---------------------------------------------------------------------------------------------------

  get isOpen() {
    return this.field.getAttribute("aria-expanded") === "true";
  }

  open(query = "") {
    this.show([h("li", { class: "note", role: "presentation", text: word("searching") })]);
    clearTimeout(this.timer);
    const number = (this.asked += 1);
    const find = async () => {
      const found = await this.how.find(query.trim());
      if (number === this.asked && this.isOpen) this.drawList(found);
    };
    if (this.how.asks && query) this.timer = setTimeout(find, PAUSE_MS);
    else find();
  }

  show(rows) {
    this.list.replaceChildren(...rows);
    if (this.isOpen) return this.hide.place();
    this.field.setAttribute("aria-expanded", "true");
    this.hide = showBeside(this.list, this.root, { wide: true });
  }

  close() {
    clearTimeout(this.timer);
    this.asked += 1;
    if (!this.isOpen) return;
    this.field.setAttribute("aria-expanded", "false");
    this.field.removeAttribute("aria-activedescendant");
    this.hide();
    this.draw();
  }

  drawList({ groups, note }) {
    this.items = groups.flatMap((group) => group.items);
    const rows = [];
    let index = 0;
    for (const group of groups) {
      if (group.label) rows.push(h("li", { class: "group", role: "presentation", text: group.label }));
      for (const item of group.items) rows.push(this.row(item, index++));
    }
    if (!this.items.length) rows.push(h("li", { class: "note", role: "presentation", text: note || word("nothingFound") }));
    this.active = this.items.length ? 0 : -1;
    this.show(rows);
    this.mark();
  }

  row(item, index) {
    const chosen = this.chosen.some((each) => each.value === item.value);
    return h(
      "li",
      {
        id: `${this.list.id}-${index}`,
        role: "option",
        "aria-selected": String(chosen),
        on: {
          // A click would take the focus, and with it the list.
          mousedown: (event) => event.preventDefault(),
          click: () => this.take(index),
        },
      },
      h("span", {}, h("strong", { text: item.label }), item.detail ? h("small", { text: item.detail }) : null),
      chosen ? icon("check") : null,
    );
  }

  mark() {
    const rows = this.list.querySelectorAll("[role=option]");
    rows.forEach((row, index) => row.classList.toggle("active", index === this.active));
    if (this.active < 0) return this.field.removeAttribute("aria-activedescendant");
    this.field.setAttribute("aria-activedescendant", rows[this.active].id);
    rows[this.active].scrollIntoView({ block: "nearest" });
  }

  take(index) {
    const item = this.items[index];
    const { many, most } = this.how;
    const there = this.chosen.some((each) => each.value === item.value);
    if (!many) {
      this.close();
      return this.set([item]);
    }
    if (!there && this.chosen.length >= most) return this.drawList({ groups: [], note: word("atMost", { count: most }) });
    this.set(there ? this.chosen.filter((each) => each.value !== item.value) : [...this.chosen, item]);
    this.open();
  }

  key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && !this.isOpen) this.open();
    else if (step && this.items.length) {
      this.active = (this.active + step + this.items.length) % this.items.length;
      this.mark();
    } else if (event.key === "Enter" && !event.ctrlKey && !event.metaKey) {
      if (this.isOpen && this.active >= 0) this.take(this.active);
      else if (!this.isOpen) this.open();
    } else if (event.key === "Escape" && this.isOpen) {
      event.stopPropagation();
      this.close();
    } else if (event.key === "Backspace" && this.how.many && !this.field.value && this.chosen.length) {
      return this.set(this.chosen.slice(0, -1));
    } else return;
    event.preventDefault();
  }
}
