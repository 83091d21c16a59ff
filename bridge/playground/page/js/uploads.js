/** The field of a form that takes files. */

import { h, icon } from "./dom.js";
import { word } from "./words.js";

/** A field for files, which are uploaded at once; `changed` is given those that are there. */
export function uploads(element, { id, label, me, value, changed }) {
  let files = value;
  const most = element.max_files ?? 10;
  // The browser's own button would speak the browser's language.
  const button = h("button", { type: "button", id, class: "button", text: word("chooseFiles"), "aria-label": label, on: { click: () => field.click() } });
  const field = h("input", {
    type: "file",
    tabindex: "-1",
    "aria-hidden": "true",
    multiple: most > 1,
    accept: element.filetypes?.map((kind) => `.${kind}`).join(","),
    on: { change: () => add([...field.files]) },
  });
  const list = h("ul", { class: "uploaded" });
  const trouble = h("p", { class: "trouble", role: "alert" });
  const root = h("div", { class: "uploads" }, button, field, list, trouble);

  async function add(chosen) {
    trouble.textContent = "";
    field.value = "";
    if (files.length + chosen.length > most) return (trouble.textContent = word("atMost", { count: most }));
    for (const file of chosen) {
      const answer = await send(file, me);
      if (answer.error) trouble.textContent = word("failed", { reason: answer.error });
      else files = [...files, answer];
    }
    draw();
    changed(files);
  }

  function draw() {
    const drop = (file) => {
      files = files.filter((each) => each !== file);
      draw();
      changed(files);
      button.focus();
    };
    const rows = files.map((file) =>
      h(
        "li",
        {},
        icon("file"),
        h("span", {}, h("strong", { text: file.name }), h("small", { text: word("bytes", { count: file.size }) })),
        h("button", { type: "button", "aria-label": word("remove", { name: file.name }), on: { click: () => drop(file) } }, icon("close")),
      ),
    );
    list.replaceChildren(...rows);
  }

  draw();
  return root;
}

async function send(file, user) {
  const where = new URLSearchParams({ user, name: file.name });
  try {
    const answer = await fetch(`/playground/upload?${where}`, { method: "POST", body: file });
    return await answer.json();
  } catch (error) {
    return { error: error.message };
  }
}
