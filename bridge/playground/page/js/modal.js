/** The modals before one person: a stack over the workspace, of which the topmost is open. */

import { h, icon, settle } from "./dom.js";
import { act } from "./feed.js";
import { Form } from "./form.js";
import { freshId } from "./elements.js";
import { failure, word } from "./words.js";

const STOPS = 'a[href], button:not([disabled]), input:not([disabled], [tabindex]), textarea, [tabindex="0"]';

export class Modals {
  /** `behind` are the parts of the workspace that nothing can be done with meanwhile. */
  constructor(world, behind) {
    this.world = world;
    this.behind = behind;
    this.open = new Map();
    this.root = h("div", { class: "veil", hidden: true });
    this.before = null;
  }

  /** Show what is open before someone. */
  draw(me) {
    const stack = this.world.stack(me);
    for (const id of this.open.keys()) if (!stack.some((view) => view.id === id)) this.open.delete(id);
    const top = stack.at(-1);
    if (!top) return this.hide();
    if (this.root.hidden) this.before = document.activeElement;
    this.root.hidden = false;
    for (const part of this.behind) part.inert = true;
    if (!this.open.has(top.id)) this.open.set(top.id, new Modal(this.world, me));
    const modal = this.open.get(top.id);
    const shown = this.root.firstChild === modal.root;
    modal.show(top, stack.length);
    settle(this.root, [modal.root]);
    if (!shown) modal.begin();
  }

  hide() {
    if (this.root.hidden) return;
    this.root.replaceChildren();
    this.root.hidden = true;
    for (const part of this.behind) part.inert = false;
    if (this.before?.isConnected) this.before.focus({ preventScroll: true });
  }
}

class Modal {
  constructor(world, me) {
    this.me = me;
    this.form = new Form(world, me, (error) => this.fail(error));
    const id = freshId();
    this.title = h("h2", { id });
    this.back = button("icon-button", "back", word("backToForm"), () => this.close());
    this.shut = button("icon-button", "close", word("close"), () => this.close(true));
    this.cancel = h("button", { type: "button", class: "button", on: { click: () => this.close() } });
    this.submit = h("button", { type: "submit", class: "button primary" });
    this.trouble = h("p", { class: "trouble", role: "alert" });
    this.root = h(
      "form",
      { class: "modal", role: "dialog", "aria-modal": "true", "aria-labelledby": id, novalidate: true, on: { submit: (event) => this.send(event), keydown: (event) => this.key(event) } },
      h("header", {}, this.back, this.title, this.shut),
      h("div", { class: "scroll", tabindex: "-1" }, this.form.root),
      h("footer", {}, this.trouble, this.cancel, this.submit),
    );
  }

  show(view, depth) {
    this.view = view;
    this.title.textContent = view.body.title.text;
    this.back.hidden = depth < 2;
    this.cancel.textContent = view.body.close?.text ?? word(view.body.submit ? "cancel" : "close");
    this.submit.hidden = !view.body.submit;
    this.submit.disabled = Boolean(view.body.submit_disabled);
    this.submit.textContent = view.body.submit?.text ?? "";
    this.form.show(view);
  }

  /** Where the user begins: the field that asks for it, the first one, or the way out. */
  begin() {
    const asked = this.view.body.blocks.find((block) => block.element?.focus_on_load);
    const fields = [...this.form.root.querySelectorAll("input, textarea")];
    const field = asked ? fields.find((each) => each.closest(".input")?.dataset.block === asked.block_id) : fields[0];
    (field ?? this.shut).focus({ preventScroll: !field });
  }

  async send(event) {
    event.preventDefault();
    if (this.submit.hidden || this.submit.disabled || this.submit.classList.contains("busy")) return;
    this.fail("");
    const wrong = this.form.complaints;
    this.form.complain(wrong);
    if (Object.keys(wrong).length) return;
    this.submit.classList.add("busy");
    await this.form.quiet();
    const answer = await act("view-submit", { user: this.me, view: this.view.id, values: this.form.values });
    this.submit.classList.remove("busy");
    if (answer.error) this.fail(answer.error);
  }

  async close(cleared = false) {
    const answer = await act("view-close", { user: this.me, view: this.view.id, cleared });
    if (answer.error) this.fail(answer.error);
  }

  fail(error) {
    this.trouble.textContent = error ? failure(error) : "";
  }

  /** Escape closes, Control-Enter submits, and Tab stays inside. */
  key(event) {
    if (event.key === "Escape") {
      event.preventDefault();
      this.close();
    } else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.send(event);
    else if (event.key === "Tab") this.turn(event);
  }

  turn(event) {
    const stops = [...this.root.querySelectorAll(STOPS)].filter((each) => each.offsetParent && !each.closest("[popover]"));
    const [edge, other] = event.shiftKey ? [stops[0], stops.at(-1)] : [stops.at(-1), stops[0]];
    if (document.activeElement !== edge) return;
    event.preventDefault();
    other.focus();
  }
}

function button(kind, sign, label, click) {
  return h("button", { type: "button", class: kind, "aria-label": label, on: { click } }, icon(sign));
}
