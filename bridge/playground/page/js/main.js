/** Puts the page together: one person's workspace or two beside each other, the phones, one feed for all. */

import { follow } from "./feed.js";
import { Phones } from "./phones.js";
import { Wire } from "./wire.js";
import { changeLanguage, speak, word } from "./words.js";
import { Workspace } from "./workspace.js";
import { World } from "./world.js";

speak(document);
const find = (selector) => document.querySelector(selector);
const world = new World();
const panes = [new Workspace(find(".workspace.first"), world)];
const phones = new Phones(find(".phones"), arrived);
const wire = new Wire(find(".wire"), (client) => phones.names.get(client) ?? client);
const each = (work) => panes.forEach(work);
let everything = null;

const TOLD = {
  everything: (told) => {
    everything = told;
    world.load(told);
    each((pane) => pane.load(told));
    phones.load(told.phones);
    wire.load(told.exchanges);
    document.body.classList.add("ready");
  },
  message: ({ message }) => {
    const isNew = world.put(message);
    each((pane) => pane.put(message, isNew));
  },
  gone: ({ channel, ts }) => {
    world.messages.get(channel)?.delete(ts);
    each((pane) => pane.remove(channel));
  },
  view: ({ view }) => {
    world.views.set(view.id, view);
    each((pane) => pane.putView());
  },
  closed: ({ id }) => {
    world.views.delete(id);
    each((pane) => pane.putView());
  },
  channel: ({ channel }) => {
    world.channels.set(channel.id, channel);
    each((pane) => pane.putChannel());
  },
  phone: (told) => phones.put(told.phone),
  mail: (told) => phones.mail(told),
  exchange: (told) => wire.put(told.exchange),
  frame: (told) => wire.frame(told.frame),
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

// -- Two people on a wide one ------------------------------------------------------------------------------------

const pair = find(".pair");

function sideBySide(both) {
  document.body.classList.toggle("both", both);
  pair.setAttribute("aria-pressed", String(both));
  localStorage.setItem("both", both ? "yes" : "");
  if (both) {
    panes.push(new Workspace(find(".workspace.second"), world, "2"));
    if (everything) panes[1].load(everything);
  } else if (panes.length > 1) panes.pop().root.replaceChildren();
}

pair.addEventListener("click", () => sideBySide(panes.length === 1));
if (localStorage.getItem("both")) sideBySide(true);
else pair.setAttribute("aria-pressed", "false");

const language = find(".language");
language.textContent = word("language");
language.addEventListener("click", changeLanguage);
