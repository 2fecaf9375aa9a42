// Slack's markup as nodes, never as HTML. Source: https://docs.slack.dev/messaging/formatting-message-text
import { classes, html } from "../lib.js";
import { item } from "../store.js";
import { view } from "../view.js";
import { EMOJI, Emoji, emojified } from "./emoji.js";
import { dateText } from "./dates.js";

const FENCE = /```\n?([\s\S]+?)\n?```\n?/g;
const QUOTE = /(?:^(?:&gt;|>) ?[^\n]*(?:\n|$))+/gm;
// A formatting character counts at the edge of a word, with no (zero-width) space on its inner side.
const mark = (c) => `(?<![\\p{L}\\p{N}${c}])${c}(?![\\s\\u200b${c}])([^\\n]*?[^\\s\\u200b${c}])${c}(?![\\p{L}\\p{N}${c}])`;
const INLINE = new RegExp(`\`([^\`\\n]+)\`|<([^<>\\n]+)>|${mark("\\*")}|${mark("_")}|${mark("~")}|${EMOJI.source}`, "gu");
const ENTITIES = { "&lt;": "<", "&gt;": ">", "&amp;": "&" };

/** A text in mrkdwn. */
export function Mrkdwn({ text }) {
  return html`<div class="text mrkdwn" dir="auto">${mrkdwn(text)}</div>`;
}

/** A text object of Block Kit, in mrkdwn or plain. */
export function Text({ text }) {
  return text.type === "mrkdwn" ? html`<${Mrkdwn} text=${text.text} />` : html`<div class="text" dir="auto">${plain(text)}</div>`;
}

/** Nodes of a text object for a place that is one line, such as a button. */
export const lineOf = (text) => html`<bdi>${text.type === "mrkdwn" ? inline(text.text) : plain(text)}</bdi>`;

/** A plain text object as a string. */
export const stringOf = (text) => (text.emoji === false ? text.text : emojified(text.text));

/** Nodes of a plain text object: its emoji are drawn, all else stays as it is. */
export function plain({ text, emoji }) {
  return emoji === false ? [text] : pieces(text, EMOJI, ([, name, tone]) => [emojiNode(name, tone)], (part) => [part]);
}

/** Nodes of a text in mrkdwn. */
export function mrkdwn(text) {
  return pieces(text, FENCE, (match) => [html`<pre><code>${decode(match[1])}</code></pre>`], lines);
}

/** Entities once, as Slack reads them. */
const decode = (text) => text.replace(/&(?:lt|gt|amp);/g, (entity) => ENTITIES[entity]);

const emojiNode = (name, tone) => html`<${Emoji} name=${name} tone=${tone} />`;

/** Whether a text is the address of a page that may be opened. */
export const isAddress = (text) => /^https?:\/\//i.test(text) && URL.canParse(text);

/** An http(s) link, or the label alone where the address is anything else. */
export function link(address, label) {
  if (!isAddress(address)) return html`<bdi>${label}</bdi>`;
  const url = new URL(address);
  return html`<a href=${url.href} title=${url.href} target="_blank" rel="noopener noreferrer"><bdi>${label}</bdi></a>`;
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

function lines(text) {
  const quote = (match) => {
    const inner = match[0].replace(/^(?:&gt;|>) ?/gm, "").replace(/\n$/, "");
    return [html`<blockquote dir="auto">${inline(inner)}</blockquote>`];
  };
  return pieces(text, QUOTE, quote, inline);
}

function inline(text) {
  const found = ([, code, control, bold, italic, strike, name, tone]) => {
    if (code !== undefined) return [html`<code>${decode(code)}</code>`];
    if (control !== undefined) return [controlled(control)];
    if (bold !== undefined) return [html`<strong>${inline(bold)}</strong>`];
    if (italic !== undefined) return [html`<em>${inline(italic)}</em>`];
    return strike === undefined ? [emojiNode(name, tone)] : [html`<s>${inline(strike)}</s>`];
  };
  return pieces(text, INLINE, found, (part) => [decode(part)]);
}

function controlled(control) {
  const [target, label = ""] = control.split(/\|(.*)/s);
  if (/^@[UWB]/.test(target)) return userMention(target.slice(1));
  if (/^#[CGD]/.test(target)) return channelMention(target.slice(1), decode(label));
  if (target.startsWith("!subteam^")) return groupMention(target.slice(9));
  if (/^!(?:here|channel|everyone)$/.test(target)) return broadcast(target.slice(1));
  if (target.startsWith("!date^")) return date(target, decode(label));
  // What is no address either stays as it was written, brackets and all.
  return isAddress(decode(target)) ? link(decode(target), decode(label || target)) : decode(`<${control}>`);
}

const mention = (text, ...more) => html`<span class=${classes("mention", ...more)}><bdi>${text}</bdi></span>`;

export const userMention = (id) => mention(`@${item(`slack/user/${id}`)?.name ?? id}`, id === view.user && "me");

export const channelMention = (id, label = "") => mention(`#${item(`slack/channel/${id}`)?.name || label || id}`);

/** A group is everybody in it, so that it may mean the person of this window. */
export function groupMention(id) {
  const group = item("slack/workspace/groups")?.find((each) => each.id === id);
  return mention(`@${group?.handle ?? id}`, group?.users.includes(view.user) && "me");
}

export const broadcast = (range) => mention(`@${range}`, "loud");

function date(target, fallback) {
  const [, seconds, format = "", address = ""] = target.split("^");
  const text = dateText(Number(seconds), decode(format), fallback);
  return html`<time>${address ? link(decode(address), text) : text}</time>`;
}
