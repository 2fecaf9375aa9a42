// Slack's mrkdwn as nodes. Source: https://docs.slack.dev/messaging/formatting-message-text
import { el } from "./dom.js";

const FENCE = /```\n?([\s\S]+?)\n?```\n?/g;
// A formatting character counts at the edge of a word, with no (zero-width) space on its inner side.
const mark = (c) => `(?<![\\p{L}\\p{N}${c}])${c}(?![\\s\\u200b${c}])([^\\n]*?[^\\s\\u200b${c}])${c}(?![\\p{L}\\p{N}${c}])`;
const INLINE = new RegExp(`\`([^\`\\n]+)\`|<([^<>\\n]+)>|${mark("\\*")}|${mark("_")}|${mark("~")}`, "gu");
const ENTITIES = { "&lt;": "<", "&gt;": ">", "&amp;": "&" };

/** Entities once, as Slack reads them. */
export const decode = (text) => text.replace(/&(?:lt|gt|amp);/g, (entity) => ENTITIES[entity]);

/** Nodes of a mrkdwn text; `names` says what people, channels and groups are called. */
export function mrkdwn(text, names) {
  return pieces(text, FENCE, (match) => [el("pre", {}, el("code", {}, decode(match[1])))], (part) => lines(part, names));
}

const isAddress = (text) => /^https?:\/\//i.test(text) && URL.canParse(text);

/** An http(s) link, or the label alone where the address is anything else. */
export function link(address, label) {
  if (!isAddress(address)) return label;
  const url = new URL(address);
  return el("a", { href: url.href, title: url.href, target: "_blank", rel: "noopener noreferrer" }, label);
}

function pieces(text, pattern, found, between) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    if (match.index > end) nodes.push(...between(text.slice(end, match.index)));
    nodes.push(...found(match));
    end = match.index + match[0].length;
  }
  if (end < text.length) nodes.push(...between(text.slice(end)));
  return nodes;
}

function lines(text, names) {
  const quotes = /(?:^&gt; ?[^\n]*(?:\n|$))+/gm;
  const quote = (match) => {
    const inner = match[0].replace(/^&gt; ?/gm, "").replace(/\n$/, "");
    return [el("blockquote", {}, inline(inner, names))];
  };
  return pieces(text, quotes, quote, (part) => inline(part, names));
}

function inline(text, names) {
  const found = ([, code, control, bold, italic, strike]) => {
    if (code !== undefined) return [el("code", {}, decode(code))];
    if (control !== undefined) return [controlled(control, names)];
    if (bold !== undefined) return [el("strong", {}, inline(bold, names))];
    if (italic !== undefined) return [el("em", {}, inline(italic, names))];
    return [el("s", {}, inline(strike, names))];
  };
  return pieces(text, INLINE, found, (part) => [decode(part)]);
}

function controlled(control, names) {
  const [target, label = ""] = control.split(/\|(.*)/s);
  if (/^@[UW]/.test(target)) return mention("@", names.user(target.slice(1)));
  if (/^#C/.test(target)) return mention("#", names.channel(target.slice(1)));
  if (target.startsWith("!subteam^")) return mention("@", names.group(target.slice(9)));
  if (/^!(?:here|channel|everyone)$/.test(target)) return el("span", { class: "mention loud" }, `@${target.slice(1)}`);
  if (target.startsWith("!date^")) return date(target, decode(label));
  // What is no address either stays as it was written, brackets and all.
  return isAddress(decode(target)) ? link(decode(target), decode(label || target)) : decode(`<${control}>`);
}

export function mention(sign, name) {
  return el("span", { class: "mention" }, `${sign}${name}`);
}

function date(target, fallback) {
  const seconds = Number(target.split("^")[1]);
  return el("time", {}, Number.isFinite(seconds) ? new Date(seconds * 1000).toLocaleString() : fallback);
}
