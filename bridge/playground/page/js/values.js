/** What stands in an element: how Slack describes it, how the page keeps it, how it is posted, what is wrong with it. */

import { word } from "./words.js";

const TYPED = new Set(["plain_text_input", "email_text_input", "url_text_input", "number_input"]);
const DAYS = { datepicker: "date", timepicker: "time", datetimepicker: "date_time" };
const OPTIONS = new Set(["static_select", "external_select", "radio_buttons", "checkboxes", "multi_static_select", "multi_external_select", "overflow"]);
const IDS = {
  users_select: "user",
  channels_select: "channel",
  conversations_select: "conversation",
  multi_users_select: "users",
  multi_channels_select: "channels",
  multi_conversations_select: "conversations",
};

/** Whether an element holds several choices. */
export const isMany = (element) => element.type.startsWith("multi_") || element.type === "checkboxes";

/**
 * What stands in an element: a text, a list of options, of ids or of files, or a moment in seconds. `entry` is Slack's
 * state of it, or nothing where it is as it began.
 */
export function valueOf(element, entry) {
  const kind = element.type;
  if (TYPED.has(kind)) return (entry ? entry.value : element.initial_value) ?? "";
  if (kind === "rich_text_input") return textOf(entry ? entry.rich_text_value : element.initial_value);
  if (kind === "file_input") return entry?.files ?? [];
  if (kind in DAYS) return (entry ? entry[`selected_${DAYS[kind]}`] : element[`initial_${DAYS[kind]}`]) ?? "";
  const field = OPTIONS.has(kind) ? (isMany(element) ? "options" : "option") : IDS[kind];
  const found = entry ? entry[`selected_${field}`] : element[`initial_${field}`];
  if (found === null || found === undefined) return [];
  return Array.isArray(found) ? found : [found];
}

/** The value as it is posted. */
export function posted(element, value) {
  const kind = element.type;
  if (kind === "rich_text_input") return richText(value);
  if (kind === "file_input") return value.map((file) => file.id);
  if (TYPED.has(kind) || kind in DAYS) return value === "" ? null : value;
  const plain = OPTIONS.has(kind) ? value.map((option) => option.value) : value;
  return isMany(element) ? plain : plain[0] ?? null;
}

/** What Slack's own client finds wrong with a field before it sends a form; nothing where all is well. */
export function complaint(block, element, value) {
  const empty = value === "" || (Array.isArray(value) && value.length === 0);
  if (empty) return block.optional ? null : word("required");
  if (TYPED.has(element.type)) {
    if (value.length < (element.min_length ?? 0)) return word("tooShort", { count: element.min_length });
    if (value.length > (element.max_length ?? 3000)) return word("tooLong", { count: element.max_length ?? 3000 });
  }
  return RULES[element.type]?.(element, value) ?? null;
}

const RULES = {
  email_text_input: (_, value) => (/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(value) ? null : word("noEmail")),
  url_text_input: (_, value) => (/^[a-z][a-z\d+.-]*:\/\/\S+$/i.test(value) && URL.canParse(value) ? null : word("noUrl")),
  number_input: (element, value) => {
    const shape = element.is_decimal_allowed ? /^[+-]?(\d+\.?\d*|\.\d+)$/ : /^[+-]?\d+$/;
    if (!shape.test(value)) return word(element.is_decimal_allowed ? "noNumber" : "noWhole");
    if (element.min_value !== undefined && Number(value) < Number(element.min_value)) return word("atLeast", { count: element.min_value });
    if (element.max_value !== undefined && Number(value) > Number(element.max_value)) return word("atMost", { count: element.max_value });
    return null;
  },
};

/** A moment as a field of date and time writes it, in the zone of whoever looks. */
export function localMoment(seconds) {
  if (seconds === "") return "";
  const moment = new Date(seconds * 1000);
  return new Date(moment - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** The moment (seconds) that such a field names. */
export const secondsOf = (written) => (written ? Math.floor(new Date(written).getTime() / 1000) : "");

const richText = (text) =>
  text === "" ? null : { type: "rich_text", elements: [{ type: "rich_text_section", elements: [{ type: "text", text }] }] };

const textOf = (rich) =>
  (rich?.elements ?? []).map((part) => (part.elements ?? []).map((each) => each.text ?? each.url ?? "").join("")).join("\n");
