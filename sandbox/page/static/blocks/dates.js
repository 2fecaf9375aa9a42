// Dates as each person's own client writes them. Source: https://docs.slack.dev/messaging/formatting-message-text#date-formatting
import { now } from "../store.js";

const DAY_S = 86_400;
const AGO = [["year", 365 * DAY_S], ["month", 30 * DAY_S], ["day", DAY_S], ["hour", 3600], ["minute", 60], ["second", 1]];
const LONG = { year: "numeric", month: "long", day: "numeric" };
const SHORT = { year: "numeric", month: "short", day: "numeric" };
const TIME = { hour: "2-digit", minute: "2-digit" };

const TOKENS = {
  date_num: (at) => [at.getFullYear(), at.getMonth() + 1, at.getDate()].map((part) => String(part).padStart(2, "0")).join("-"),
  date_slash: (at) => at.toLocaleDateString(),
  date: (at) => at.toLocaleDateString([], LONG),
  date_long: (at) => at.toLocaleDateString([], { ...LONG, weekday: "long" }),
  date_short: (at) => at.toLocaleDateString([], SHORT),
  date_pretty: (at) => pretty(at, LONG),
  date_long_pretty: (at) => pretty(at, { ...LONG, weekday: "long" }),
  date_short_pretty: (at) => pretty(at, SHORT),
  time: (at) => at.toLocaleTimeString([], TIME),
  time_secs: (at) => at.toLocaleTimeString([], { ...TIME, second: "2-digit" }),
  ago: (at) => ago(at.getTime() / 1000 - now()),
};

/** The moment (Unix seconds) in the words that `format` asks for; `fallback` where it is no moment. */
export function dateText(seconds, format, fallback) {
  const at = new Date(seconds * 1000);
  if (Number.isNaN(at.getTime())) return fallback;
  return format.replace(/\{(\w+)\}/g, (token, name) => (Object.hasOwn(TOKENS, name) ? TOKENS[name](at) : token));
}

function pretty(at, form) {
  const days = dayOf(at) - dayOf(new Date(now() * 1000));
  return Math.abs(days) > 1 ? at.toLocaleDateString([], form) : new Intl.RelativeTimeFormat([], { numeric: "auto" }).format(days, "day");
}

const dayOf = (at) => Math.floor((at.getTime() / 1000 - at.getTimezoneOffset() * 60) / DAY_S);

function ago(seconds) {
  const [unit, length] = AGO.find((each) => Math.abs(seconds) >= each[1]) ?? AGO.at(-1);
  return new Intl.RelativeTimeFormat([], { numeric: "auto" }).format(Math.round(seconds / length), unit);
}
