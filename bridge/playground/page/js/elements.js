/** Block Kit's interactive elements: buttons, menus, pickers and fields, each telling its setting what was done. */

import { h, icon } from "./dom.js";
import { openMenu } from "./popup.js";
import { choices } from "./choices.js";
import { uploads } from "./uploads.js";
import { localMoment, secondsOf } from "./values.js";
import { word } from "./words.js";

let made = 0;
/** An id for a control, so that its label can name it. */
export const freshId = () => `control-${(made += 1)}`;

/**
 * What an element can ask and tell.
 * @typedef {object} Setting
 * @property {import("./world.js").World} world
 * @property {(block: object, element: object) => any} value  what stands in it
 * @property {(block: object, element: object, value: any) => void} keep  what stands in it from now on
 * @property {(block: object, element: object, value: any, control: HTMLElement) => void} act  the app is told
 * @property {(block: object, element: object, query: string) => Promise<object>} suggest
 * @property {() => string} me
 */

/** The control of an element, or null where there is none for its kind. @param {Setting} setting */
export function control(block, element, setting, names = {}) {
  const draw = KINDS[element.type];
  if (!draw) return null;
  const label = names.id ? null : names.label ?? element.placeholder?.text ?? block.text?.text ?? element.action_id;
  const node = draw(block, element, setting, { id: names.id ?? freshId(), label });
  Object.assign(node.dataset, { block: block.block_id, action: element.action_id });
  return node;
}

/** Take in what was done with an element, and tell the app where the element does so. */
function changed(block, element, setting, value, how, node) {
  setting.keep(block, element, value);
  if (block.type !== "input" || (block.dispatch_action && dispatches(element, how))) setting.act(block, element, value, node);
}

function dispatches(element, how) {
  if (how === "chosen") return true;
  return (element.dispatch_action_config?.trigger_actions_on ?? ["on_enter_pressed"]).includes(how);
}

const KINDS = {
  button: (block, element, setting) => {
    const style = { primary: "button primary", danger: "button danger" }[element.style] ?? "button";
    const press = (event) => setting.act(block, element, null, event.currentTarget);
    const names = { class: style, text: element.text.text, "aria-label": element.accessibility_label, on: { click: press } };
    if (/^https?:\/\//i.test(element.url ?? "")) return h("a", { ...names, href: element.url, target: "_blank", rel: "noopener noreferrer" });
    return h("button", { type: "button", ...names });
  },
  overflow: (block, element, setting) => {
    const items = element.options.map((option) => ({
      label: option.text.text,
      note: option.description?.text,
      run: () => {
        if (/^https?:\/\//i.test(option.url ?? "")) window.open(option.url, "_blank", "noopener");
        setting.act(block, element, [option], button);
      },
    }));
    const button = h(
      "button",
      { type: "button", class: "button dots", "aria-label": word("more"), "aria-haspopup": "menu", "aria-expanded": "false", on: { click: () => openMenu(button, word("more"), items) } },
      icon("dots"),
    );
    return button;
  },
  plain_text_input: text,
  email_text_input: text,
  url_text_input: text,
  number_input: text,
  rich_text_input: text,
  datepicker: moment("date"),
  timepicker: moment("time"),
  datetimepicker: moment("datetime-local"),
  radio_buttons: marks("radio"),
  checkboxes: marks("checkbox"),
  file_input: (block, element, setting, names) =>
    uploads(element, { ...names, me: setting.me(), value: setting.value(block, element), changed: (value) => changed(block, element, setting, value, "chosen") }),
};
for (const kind of ["static", "external", "users", "channels", "conversations"]) {
  for (const type of [`${kind}_select`, `multi_${kind}_select`]) KINDS[type] = menu;
}

function menu(block, element, setting, names) {
  return choices(block, element, setting, names, (value, node) => changed(block, element, setting, value, "chosen", node));
}

const SORTS = {
  email_text_input: { type: "email", inputmode: "email" },
  url_text_input: { type: "url", inputmode: "url" },
  number_input: { type: "text", inputmode: "decimal" },
};

function text(block, element, setting, { id, label }) {
  const many = element.multiline || element.type === "rich_text_input";
  const field = h(many ? "textarea" : "input", {
    id,
    class: "text-field",
    rows: many ? "4" : null,
    autocomplete: "off",
    placeholder: element.placeholder?.text,
    maxlength: element.max_length,
    "aria-label": label,
    ...(many ? {} : SORTS[element.type] ?? { type: "text" }),
    on: {
      input: () => changed(block, element, setting, field.value, "on_character_entered", field),
      keydown: (event) => {
        if (event.key !== "Enter" || many || event.isComposing || event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        changed(block, element, setting, field.value, "on_enter_pressed", field);
      },
    },
  });
  field.value = setting.value(block, element);
  return field;
}

function moment(type) {
  return (block, element, setting, { id, label }) => {
    const exact = type === "datetime-local";
    const field = h("input", {
      id,
      type,
      class: "text-field",
      "aria-label": label,
      on: { change: () => changed(block, element, setting, exact ? secondsOf(field.value) : field.value, "chosen", field) },
    });
    const value = setting.value(block, element);
    field.value = exact ? localMoment(value) : value;
    return field;
  };
}

function marks(type) {
  return (block, element, setting, { id, label }) => {
    const chosen = new Set(setting.value(block, element).map((option) => option.value));
    const rows = element.options.map((option) => {
      const field = h("input", { type, name: id, value: option.value, checked: chosen.has(option.value), on: { change: () => take() } });
      return h(
        "label",
        { class: "mark" },
        field,
        h("span", {}, h("span", {}, ...setting.words(option.text)), option.description ? h("small", {}, ...setting.words(option.description)) : null),
      );
    });
    const group = h("div", { class: "marks", role: type === "radio" ? "radiogroup" : "group", "aria-label": label }, ...rows);
    const take = () => {
      const marked = new Set([...group.querySelectorAll("input:checked")].map((field) => field.value));
      changed(block, element, setting, element.options.filter((option) => marked.has(option.value)), "chosen", group);
    };
    return group;
  };
}
