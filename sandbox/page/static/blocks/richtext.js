// Rich text blocks. Source: https://docs.slack.dev/reference/block-kit/blocks/rich-text-block
import { html } from "../lib.js";
import { dateText } from "./dates.js";
import { Emoji } from "./emoji.js";
import { broadcast, channelMention, groupMention, link, userMention } from "./mrkdwn.js";
import { Unsupported } from "./unsupported.js";

const STYLES = [["code", "code"], ["bold", "strong"], ["italic", "em"], ["strike", "s"], ["underline", "u"], ["highlight", "mark"]];

/** Nodes of the `elements` of a `rich_text` block; parts that are not known say so. */
export const richText = (block) => (block.elements ?? []).map((part) => (PARTS[part.type] ?? unknownPart)(part));

const inner = (part) => (part.elements ?? []).map(piece);

const PARTS = {
  rich_text_section: (part) => html`<p class="text" dir="auto">${inner(part)}</p>`,
  rich_text_quote: (part) => html`<blockquote class="text" dir="auto">${inner(part)}</blockquote>`,
  rich_text_preformatted: (part) => html`<pre><code>${inner(part)}</code></pre>`,
  rich_text_list: list,
};

function list(part) {
  const items = (part.elements ?? []).map((each) => html`<li class="text" dir="auto">${inner(each)}</li>`);
  const name = `list indent-${Math.min(Number(part.indent) || 0, 8)}`;
  if (part.style !== "ordered") return html`<ul class=${name}>${items}</ul>`;
  return html`<ol class=${name} start=${(Number(part.offset) || 0) + 1}>${items}</ol>`;
}

function unknownPart(part) {
  return html`<${Unsupported} what=${`“${part.type}”`} />`;
}

function piece(element) {
  const make = PIECES[element.type];
  const node = make ? make(element) : html`<span class="unsupported">[${element.type}]</span>`;
  return STYLES.reduce((styled, [style, Tag]) => (element.style?.[style] ? html`<${Tag}>${styled}<//>` : styled), node);
}

const PIECES = {
  text: ({ text }) => String(text),
  link: ({ url, text }) => link(String(url), String(text || url)),
  user: ({ user_id: id }) => userMention(id),
  usergroup: ({ usergroup_id: id }) => groupMention(id),
  channel: ({ channel_id: id }) => channelMention(id),
  broadcast: ({ range }) => broadcast(range),
  date,
  emoji,
  color: ({ value }) => html`<code>${value}</code>`,
};

function date({ timestamp, format, url, fallback }) {
  const text = dateText(Number(timestamp), String(format), String(fallback ?? ""));
  return html`<time>${url ? link(String(url), text) : text}</time>`;
}

function emoji({ name, unicode, skin_tone: tone }) {
  const points = (unicode ?? "").split("-").map((hex) => Number.parseInt(hex, 16));
  const isKnown = points.every((point) => point <= 0x10ffff);
  return isKnown ? String.fromCodePoint(...points) : html`<${Emoji} name=${name} tone=${tone} />`;
}
