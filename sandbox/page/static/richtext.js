// Rich text blocks as nodes. Source: https://docs.slack.dev/reference/block-kit/blocks/rich-text-block
import { el } from "./dom.js";
import { link, mention } from "./mrkdwn.js";

const STYLES = { bold: "strong", italic: "em", strike: "s", code: "code" };

/** Nodes of a `rich_text` block; parts that are not known say so. */
export function richText(block, names) {
  return (block.elements ?? []).map((part) => (PARTS[part.type] ?? unknownPart)(part, names));
}

const inner = (part, names) => (part.elements ?? []).map((element) => piece(element, names));

const PARTS = {
  rich_text_section: (part, names) => el("p", { class: "text" }, inner(part, names)),
  rich_text_quote: (part, names) => el("blockquote", { class: "text" }, inner(part, names)),
  rich_text_preformatted: (part, names) => el("pre", {}, el("code", {}, inner(part, names))),
  rich_text_list: (part, names) => {
    const items = (part.elements ?? []).map((item) => el("li", { class: "text" }, inner(item, names)));
    return el(part.style === "ordered" ? "ol" : "ul", { class: "list" }, items);
  },
};

function unknownPart(part) {
  return el("p", { class: "unsupported" }, `This page does not show “${part.type}”.`);
}

function piece(element, names) {
  const make = PIECES[element.type];
  let node = make ? make(element, names) : el("span", { class: "unsupported" }, `[${element.type}]`);
  for (const [style, tag] of Object.entries(STYLES)) if (element.style?.[style]) node = el(tag, {}, node);
  return node;
}

const PIECES = {
  text: ({ text }) => String(text),
  link: ({ url, text }) => link(url, String(text ?? url)),
  user: ({ user_id }, names) => mention("@", names.user(user_id)),
  usergroup: ({ usergroup_id }, names) => mention("@", names.group(usergroup_id)),
  channel: ({ channel_id }, names) => mention("#", names.channel(channel_id)),
  broadcast: ({ range }) => el("span", { class: "mention loud" }, `@${range}`),
  emoji: ({ name, unicode }) => {
    const points = (unicode ?? "").split("-").map((hex) => parseInt(hex, 16));
    return points.every((point) => point <= 0x10ffff) ? String.fromCodePoint(...points) : `:${name}:`;
  },
};
