/** Slack's mrkdwn as nodes: links, mentions and dates in angle brackets, five styles, quotes, preformatted text. */

import { slackDate } from "./dates.js";
import { h, link } from "./dom.js";

const ENTITIES = { "&amp;": "&", "&lt;": "<", "&gt;": ">" };
const plain = (text) => text.replace(/&(?:amp|lt|gt);/g, (entity) => ENTITIES[entity]);

const STYLES = [
  ["\\*", "strong"],
  ["_", "em"],
  ["~", "s"],
];
/* A style opens after a space or a mark and closes before one, as in Slack. */
const STYLED = STYLES.map(([sign, tag]) => {
  return [new RegExp(`(^|[\\s(\\["'“‘（「，。：])${sign}(?!\\s)([^${sign}\\n]+?)(?<!\\s)${sign}(?=$|[\\s.,!?:;)\\]"'”’）」，。：！？])`, "u"), tag];
});

/** What a person or channel is called. @typedef {{user: (id: string) => string, channel: (id: string) => string}} Names */

/** The nodes of a mrkdwn text. @param {Names} names */
export function mrkdwn(text, names) {
  const nodes = [];
  for (const [index, part] of text.split("```").entries()) {
    if (index % 2) nodes.push(h("pre", { text: plain(part.replace(/^\n|\n$/g, "")) }));
    else if (part) nodes.push(...quoted(part, names));
  }
  return nodes;
}

function quoted(text, names) {
  const nodes = [];
  let quote = [];
  const flush = () => {
    if (quote.length) nodes.push(h("blockquote", {}, ...inline(quote.join("\n"), names)));
    quote = [];
  };
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) {
    if (line.startsWith("&gt;")) {
      quote.push(line.slice(4).trimStart());
      continue;
    }
    const wasQuote = quote.length > 0;
    flush();
    if (index > 0 && !wasQuote) nodes.push("\n");
    nodes.push(...inline(line, names));
  }
  flush();
  return nodes;
}

function inline(text, names) {
  const nodes = [];
  for (const part of text.split(/(`[^`\n]+`|<[^<>\n]+>)/)) {
    if (!part) continue;
    if (part.length > 2 && part.startsWith("`") && part.endsWith("`")) nodes.push(h("code", { text: plain(part.slice(1, -1)) }));
    else if (part.startsWith("<") && part.endsWith(">")) nodes.push(bracketed(part.slice(1, -1), names));
    else nodes.push(...styled(part));
  }
  return nodes;
}

function styled(text) {
  for (const [pattern, tag] of STYLED) {
    const found = pattern.exec(text);
    if (found) {
      const from = found.index + found[1].length;
      const till = found.index + found[0].length;
      return [...styled(text.slice(0, from)), h(tag, {}, ...styled(found[2])), ...styled(text.slice(till))];
    }
  }
  return text ? [plain(text)] : [];
}

function bracketed(inner, names) {
  const bar = inner.indexOf("|");
  const address = plain(bar < 0 ? inner : inner.slice(0, bar));
  const label = bar < 0 ? "" : plain(inner.slice(bar + 1));
  if (address.startsWith("@")) return mention(`@${label || names.user(address.slice(1))}`);
  if (address.startsWith("#")) return mention(`#${label || names.channel(address.slice(1))}`);
  if (address.startsWith("!date^")) {
    const [, seconds, format] = address.split("^");
    return slackDate(seconds, format ?? "", label);
  }
  if (address.startsWith("!")) return mention(label || `@${address.slice(1).split("^")[0]}`);
  return link(address, label || address.replace(/^mailto:/, ""));
}

/** A name that stands out. */
export const mention = (text) => h("span", { class: "mention", text });
