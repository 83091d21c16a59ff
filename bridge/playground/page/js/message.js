/** One message in a channel, as its reader sees it. */

import { clock } from "./dates.js";
import { avatar, h, icon } from "./dom.js";
import { mrkdwn } from "./mrkdwn.js";
import { renderBlocks } from "./render-blocks.js";
import { word } from "./words.js";

/** Milliseconds of a message's ts. */
export const msOf = (ts) => Math.floor(Number(ts) * 1000);

/**
 * A message; `follows` leaves out who speaks, where the message before said so. `around` is what the pane puts there:
 * `tools` (null or a node) and `replies` (null or a node).
 */
export function renderMessage(message, follows, setting, around) {
  const { world } = setting;
  const sender = world.users.get(message.user);
  const name = sender?.name ?? message.user;
  const app = message.user === world.bot;
  const classes = ["message", follows ? "follows" : "", message.to ? "private" : "", message.notice ? "notice" : ""];
  return h(
    "li",
    { class: classes.filter(Boolean).join(" "), data: { ts: message.ts } },
    follows ? h("span", { class: "gutter" }, clock(msOf(message.ts))) : face(name, message, app),
    h(
      "div",
      { class: "body" },
      message.to ? h("p", { class: "only" }, icon("eye"), word("onlyYou")) : null,
      follows
        ? null
        : h(
            "p",
            { class: "head" },
            h("strong", { text: name }),
            app ? h("span", { class: "badge", text: word("app") }) : null,
            clock(msOf(message.ts)),
            message.thread && !around.inThread ? h("span", { class: "quiet-text", text: word("inThread") }) : null,
          ),
      ...said(message, setting),
      ...message.files.map(fileCard),
      message.edited ? h("span", { class: "quiet-text", text: word("edited") }) : null,
      message.notice ? h("p", { class: "why", text: word(`notice_${message.notice}`) }) : null,
      around.replies,
    ),
    around.tools,
  );
}

function face(name, message, app) {
  if (app) return h("img", { class: "avatar", src: "art/imbridge.svg", alt: "" });
  return avatar(name, message.user, message.notice ? "bell" : null);
}

function said(message, setting) {
  if (message.blocks.length) return renderBlocks(message.blocks, setting);
  return message.text ? [h("div", { class: "text" }, ...mrkdwn(message.text, setting.world.names))] : [];
}

function fileCard(file) {
  return h(
    "a",
    {
      class: "file",
      href: `/playground/files/${encodeURIComponent(file.id)}`,
      download: file.name,
      "aria-label": word("save", { name: file.name }),
    },
    icon("file"),
    h("span", {}, h("strong", { text: file.title || file.name }), h("small", { text: word("bytes", { count: file.size }) })),
  );
}
