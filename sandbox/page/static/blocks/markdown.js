// Markdown as apps and language models write it. Source: https://docs.slack.dev/reference/block-kit/blocks/markdown-block
import { html } from "../lib.js";
import { link } from "./mrkdwn.js";

const INLINE = /`([^`\n]+)`|\[([^\]\n]+)\]\(([^()\s]+)\)|\*\*(\S(?:[^\n]*?\S)?)\*\*|~~(\S(?:[^\n]*?\S)?)~~|(?<![\w*])[*_](\S(?:[^\n]*?\S)?)[*_](?![\w*])/g;
const PARTS = [
  { begins: /^```/, takes: fence },
  { begins: /^#{1,6} /, takes: heading },
  { begins: /^> ?/, takes: quote },
  { begins: /^(?:[-*+]|\d+[.)]) /, takes: list },
  { begins: /^(?:-{3,}|\*{3,})\s*$/, takes: (lines) => [html`<hr />`, lines.slice(1)] },
  { begins: /^\s*$/, takes: (lines) => [null, lines.slice(1)] },
];

/** A text in Markdown: headings, lists, quotes, code, links and emphasis; anything else stays as it was written. */
export function Markdown({ text }) {
  const nodes = [];
  let rest = text.split("\n");
  while (rest.length) {
    const part = PARTS.find((each) => each.begins.test(rest[0]));
    const [node, after] = part ? part.takes(rest) : paragraph(rest);
    nodes.push(node);
    rest = after;
  }
  return html`<div class="rich markdown">${nodes}</div>`;
}

/** The first lines for which `fits` holds, and the others. */
function span(lines, fits) {
  const end = lines.findIndex((line) => !fits(line));
  return end < 0 ? [lines, []] : [lines.slice(0, end), lines.slice(end)];
}

function fence([, ...lines]) {
  const [code, rest] = span(lines, (line) => !line.startsWith("```"));
  return [html`<pre><code>${code.join("\n")}</code></pre>`, rest.slice(1)];
}

function heading([line, ...rest]) {
  return [html`<h4 dir="auto">${inline(line.replace(/^#+ /, ""))}</h4>`, rest];
}

function quote(lines) {
  const [own, rest] = span(lines, (line) => line.startsWith(">"));
  return [html`<blockquote class="text" dir="auto">${inline(own.map((line) => line.replace(/^> ?/, "")).join("\n"))}</blockquote>`, rest];
}

function list(lines) {
  const Kind = /^\d/.test(lines[0]) ? "ol" : "ul";
  const [own, rest] = span(lines, (line) => /^(?:[-*+]|\d+[.)]) /.test(line));
  const items = own.map((line) => html`<li class="text" dir="auto">${inline(line.replace(/^\S+ /, ""))}</li>`);
  return [html`<${Kind} class="list">${items}<//>`, rest];
}

function paragraph(lines) {
  const [own, rest] = span(lines, (line) => !PARTS.some((part) => part.begins.test(line)));
  return [html`<p class="text" dir="auto">${inline(own.join("\n"))}</p>`, rest];
}

function inline(text) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(INLINE)) {
    nodes.push(text.slice(end, match.index), marked(match));
    end = match.index + match[0].length;
  }
  return [...nodes, text.slice(end)];
}

function marked([, code, label, address, bold, strike, italic]) {
  if (code !== undefined) return html`<code>${code}</code>`;
  if (label !== undefined) return link(address, label);
  if (bold !== undefined) return html`<strong>${inline(bold)}</strong>`;
  return strike === undefined ? html`<em>${inline(italic)}</em>` : html`<s>${inline(strike)}</s>`;
}
