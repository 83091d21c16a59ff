/** Puts the page together: workspace on the left, phones on the right, one feed for both. */

import { follow } from "./feed.js";
import { Phones } from "./phones.js";
import { Wire } from "./wire.js";
import { changeLanguage, speak, word } from "./words.js";
import { Workspace } from "./workspace.js";

speak(document);
const find = (selector) => document.querySelector(selector);
const workspace = new Workspace(find(".workspace"));
const phones = new Phones(find(".phones"), arrived);
const wire = new Wire(find(".wire"));

const TOLD = {
  everything: (told) => {
    workspace.load(told);
    phones.load(told.phones);
    wire.load(told.exchanges);
    document.body.classList.add("ready");
  },
  message: (told) => workspace.put(told.message),
  gone: (told) => workspace.remove(told.channel, told.ts),
  phone: (told) => phones.put(told.phone),
  mail: (told) => phones.mail(told),
  exchange: (told) => wire.put(told.exchange),
};

follow(
  (told) => TOLD[told.event]?.(told),
  (connected) => (find(".lost").hidden = connected),
);

// -- One half at a time on a narrow screen -----------------------------------------------------------------------

const badge = find(".switcher .count");
let missed = 0;

function show(view) {
  document.body.dataset.view = view;
  if (view === "phones") missed = 0;
  for (const button of document.querySelectorAll(".switcher button")) {
    button.setAttribute("aria-pressed", String(button.dataset.view === view));
  }
  count();
}

function count() {
  badge.hidden = missed === 0;
  badge.textContent = String(missed);
  badge.setAttribute("aria-label", word("unread", { count: missed }));
}

function arrived() {
  if (document.body.dataset.view !== "phones") missed += 1;
  count();
}

for (const button of document.querySelectorAll(".switcher button")) button.addEventListener("click", () => show(button.dataset.view));
show("workspace");

const language = find(".language");
language.textContent = word("language");
language.addEventListener("click", changeLanguage);
