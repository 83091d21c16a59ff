/** The blocks of a modal or Home tab before one person, with what stands in their fields. */

import { confirmed } from "./dialog.js";
import { h, keepingFocus, settle } from "./dom.js";
import { act } from "./feed.js";
import { caption, renderBlocks } from "./render-blocks.js";
import { complaint, posted, valueOf } from "./values.js";

const TYPING_MS = 250;

export class Form {
  /** `fail` tells the user what did not work. */
  constructor(world, me, fail) {
    this.world = world;
    this.me = me;
    this.fail = fail;
    this.root = h("div", { class: "blocks" });
    this.view = null;
    this.drafts = new Map();
    this.drawn = new Map();
    this.told = "{}";
    this.timers = new Map();
    this.line = Promise.resolve();
    this.setting = {
      world,
      me: () => this.me,
      value: (block, element) => this.value(block, element),
      keep: (block, element, value) => this.keep(block, element, value),
      act: (block, element, value, control) => this.act(block, element, value, control),
      suggest: (block, element, query) => act("suggest", { ...this.place(block, element), query }),
    };
  }

  /** Show a view, or its next version: a field whose block and element stay keeps its place and what stands in it. */
  show(view) {
    const fresh = view.id !== this.view?.id;
    // Another Home tab begins anew, a modal's next version goes on.
    if (fresh || (view.body.type === "home" && view.hash !== this.view.hash)) {
      this.drafts.clear();
      this.drawn.clear();
    }
    this.view = view;
    keepingFocus(this.root, () => settle(this.root, view.body.blocks.map((block) => this.node(block))));
    if (JSON.stringify(view.errors) !== this.told) this.complain(view.errors);
    this.told = JSON.stringify(view.errors);
  }

  node(block) {
    const { label, hint, ...rest } = block;
    const shape = JSON.stringify(block.type === "input" ? rest : block);
    const kept = this.drawn.get(block.block_id);
    if (kept?.shape === shape) {
      if (block.type === "input") caption(kept.node, block);
      return kept.node;
    }
    const [node] = renderBlocks([block], this.setting);
    this.drawn.set(block.block_id, { shape, node });
    return node;
  }

  // -- What stands in it ------------------------------------------------------------------------------------------

  value(block, element) {
    const draft = this.drafts.get(`${block.block_id} ${element.action_id}`);
    return draft ? draft.value : valueOf(element, this.view.inputs[block.block_id]?.[element.action_id]);
  }

  keep(block, element, value) {
    this.drafts.set(`${block.block_id} ${element.action_id}`, { block: block.block_id, element, value });
    this.mark(block.block_id, "");
  }

  /** What was filled in here, as it is posted. */
  get values() {
    return [...this.drafts.values()].map(({ block, element, value }) => [block, element.action_id, posted(element, value)]);
  }

  /** What Slack's own client finds wrong, by block_id. */
  get complaints() {
    const found = {};
    for (const block of this.view.body.blocks.filter((each) => each.type === "input")) {
      const wrong = complaint(block, block.element, this.value(block, block.element));
      if (wrong) found[block.block_id] = wrong;
    }
    return found;
  }

  /** Put each error at its field, and the user before the first. */
  complain(errors) {
    for (const block of this.view.body.blocks) this.mark(block.block_id, errors[block.block_id] ?? "");
    const first = this.root.querySelector("[aria-invalid]");
    first?.focus({ preventScroll: true });
    first?.closest(".input").scrollIntoView({ block: "nearest" });
  }

  mark(id, wrong) {
    const node = this.drawn.get(id)?.node;
    if (!node?.matches(".input")) return;
    node.querySelector(":scope > .trouble").textContent = wrong;
    const field = node.querySelector(".uploads > button, input, textarea");
    if (wrong) field?.setAttribute("aria-invalid", "true");
    else field?.removeAttribute("aria-invalid");
  }

  // -- What is done -----------------------------------------------------------------------------------------------

  place(block, element) {
    return { user: this.me, view: this.view.id, block: block.block_id, action: element.action_id };
  }

  async act(block, element, value, control) {
    const typed = typeof value === "string" && control?.matches("input.text-field, textarea") && !/date|time/.test(control.type);
    if (typed) return this.soon(block, element, value);
    if (element.confirm && !(await confirmed(element.confirm))) return this.undo(block, element);
    await this.send(block, element, value, control);
  }

  /** While somebody types, the app is told of the newest text at every pause. */
  soon(block, element, value) {
    clearTimeout(this.timers.get(element.action_id));
    this.timers.set(element.action_id, setTimeout(() => this.send(block, element, value, null), TYPING_MS));
  }

  /** One after the other, so that the app hears of things in their order. */
  send(block, element, value, control) {
    control?.classList.add("busy");
    control?.setAttribute("aria-busy", "true");
    const choice = value === null ? null : posted(element, value);
    this.line = this.line.then(async () => {
      const answer = await act("view-press", { ...this.place(block, element), choice, values: this.values });
      control?.classList.remove("busy");
      control?.removeAttribute("aria-busy");
      this.fail(answer.error ?? "");
    });
    return this.line;
  }

  undo(block, element) {
    this.drafts.delete(`${block.block_id} ${element.action_id}`);
    this.drawn.delete(block.block_id);
    this.show(this.view);
  }

  /** Everything under way has arrived; what is still being typed goes with the form. */
  async quiet() {
    for (const timer of this.timers.values()) clearTimeout(timer);
    await this.line;
  }
}
