/** The app's own place in the workspace: its Home tab, and the way to its messages. */

import { h } from "./dom.js";
import { act } from "./feed.js";
import { Form } from "./form.js";
import { failure, word } from "./words.js";

export class Home {
  constructor(world) {
    this.world = world;
    this.trouble = h("p", { class: "trouble", role: "alert" });
    this.empty = h("p", { class: "nothing", text: word("homeEmpty") });
    this.root = h("section", { class: "home", role: "tabpanel", "aria-label": word("home"), tabindex: "0", hidden: true });
    this.forms = new Map();
  }

  /** Someone comes to the tab: the app is told. */
  async open(me) {
    const answer = await act("home", { user: me });
    this.trouble.textContent = answer.error ? failure(answer.error) : "";
  }

  draw(me) {
    const view = this.world.home(me);
    if (!view) return this.root.replaceChildren(this.trouble, this.empty);
    const fail = (error) => (this.trouble.textContent = error ? failure(error) : "");
    if (!this.forms.has(me)) this.forms.set(me, new Form(this.world, me, fail));
    const form = this.forms.get(me);
    form.show(view);
    if (form.root.parentNode !== this.root) this.root.replaceChildren(this.trouble, form.root);
  }
}
