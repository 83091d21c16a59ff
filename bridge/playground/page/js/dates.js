/** Times in the zone and the language of whoever looks at the page. */

import { h } from "./dom.js";
import { language, word } from "./words.js";

const form = (options) => new Intl.DateTimeFormat(language === "en" ? undefined : language, options);
const TIME = form({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const SECONDS = form({ hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const SHORT = form({ month: "short", day: "numeric", year: "numeric" });
const PLAIN = form({ month: "long", day: "numeric", year: "numeric" });
const LONG = form({ weekday: "long", month: "long", day: "numeric", year: "numeric" });
const DAY = form({ weekday: "long", month: "long", day: "numeric" });
const FULL = form({ dateStyle: "full", timeStyle: "long" });
const CLOCK = form({ hour: "numeric", minute: "2-digit", hourCycle: "h23" });

const two = (number) => String(number).padStart(2, "0");
const numbers = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;

function pretty(date, otherwise) {
  const days = Math.round((midnight(new Date()) - midnight(date)) / 86_400_000);
  return days === 0 ? word("today") : days === 1 ? word("yesterday") : otherwise.format(date);
}

const midnight = (date) => new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();

function ago(date) {
  const seconds = Math.round((date.getTime() - Date.now()) / 1000);
  const [size, unit] = [[86_400, "day"], [3_600, "hour"], [60, "minute"], [1, "second"]].find(
    ([length]) => Math.abs(seconds) >= length || length === 1,
  );
  return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(Math.trunc(seconds / size), unit);
}

const TOKENS = {
  date_num: numbers,
  date: (date) => PLAIN.format(date),
  date_slash: (date) => numbers(date).replaceAll("-", "/"),
  date_short: (date) => SHORT.format(date),
  date_long: (date) => LONG.format(date),
  date_pretty: (date) => pretty(date, PLAIN),
  date_short_pretty: (date) => pretty(date, SHORT),
  date_long_pretty: (date) => pretty(date, LONG),
  day_divider_pretty: (date) => pretty(date, DAY),
  time: (date) => TIME.format(date),
  time_secs: (date) => SECONDS.format(date),
  ago,
};

/** Slack's date: `format` with tokens such as {date_num} {time_secs}; `fallback` where the time is none. */
export function slackDate(seconds, format, fallback) {
  const date = new Date(Number(seconds) * 1000);
  if (Number.isNaN(date.getTime())) return h("span", { text: fallback });
  const shown = format.replace(/\{(\w+)\}/g, (token, name) => (TOKENS[name] ? TOKENS[name](date) : token));
  return stamp(date, shown, "date");
}

/** A time of day whose whole date shows on hovering. */
export function clock(ms) {
  const date = new Date(ms);
  return stamp(date, TIME.format(date));
}

/** The hour for the status bar of a phone. */
export const nowOnPhone = () => CLOCK.format(new Date());

/** Today, Yesterday, or the day. */
export const dayOf = (ms) => pretty(new Date(ms), DAY);

/** The day on a lock screen. */
export const today = () => DAY.format(new Date());

/** The time of day where it is today, else the date. */
export function brief(ms) {
  const date = new Date(ms);
  const today = midnight(date) === midnight(new Date());
  return stamp(date, today ? TIME.format(date) : form({ month: "numeric", day: "numeric" }).format(date));
}

function stamp(date, shown, kind = "") {
  return h("time", { class: kind, datetime: date.toISOString(), title: FULL.format(date), text: shown });
}
