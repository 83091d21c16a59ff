/** Questions that have to be answered first: the confirmation behind a dangerous button. */

import { h } from "./dom.js";
import { word } from "./words.js";

/**
 * Ask as Slack's confirm object says; resolves to whether it was confirmed.
 * @param {{title?: {text: string}, text?: {text: string}, confirm?: {text: string}, deny?: {text: string}, style?: string}} question
 * @returns {Promise<boolean>}
 */
export function confirmed(question) {
  return new Promise((resolve) => {
    const before = document.activeElement;
    const yes = h("button", {
      type: "submit",
      value: "yes",
      class: question.style === "danger" ? "button danger" : "button primary",
      text: question.confirm?.text ?? "Yes",
    });
    const no = h("button", { type: "submit", value: "no", class: "button", text: question.deny?.text ?? "No" });
    const dialog = h(
      "dialog",
      { class: "question", "aria-labelledby": "question-title", "aria-describedby": "question-text" },
      h(
        "form",
        { method: "dialog" },
        h("h2", { id: "question-title", text: question.title?.text ?? word("danger") }),
        h("p", { id: "question-text", text: question.text?.text ?? "" }),
        h("div", { class: "buttons" }, no, yes),
      ),
    );
    dialog.addEventListener("close", () => {
      dialog.remove();
      if (before?.isConnected) before.focus({ preventScroll: true });
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
    no.focus();
  });
}
