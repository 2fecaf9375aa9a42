// Block Kit as nodes. Source: https://docs.slack.dev/reference/block-kit/blocks
import { classes, html, useId } from "../lib.js";
import { Chart } from "./chart.js";
import { Element } from "./elements.js";
import { useKeptFocus } from "./focus.js";
import { Icon, Picture } from "./image.js";
import { Field } from "./inputs.js";
import { Markdown } from "./markdown.js";
import { plain, Text } from "./mrkdwn.js";
import { richText } from "./richtext.js";
import { Table } from "./table.js";
import { Unsupported } from "./unsupported.js";

const LEVELS = new Set(["info", "warning", "error", "success"]);

/**
 * Blocks of a message, a form or a Home tab. `place` says where they stand, for what is pressed and chosen in them:
 * `{kind: "message", channel, ts, version}`, or `{kind: "view", view_id, values, errors}` (of a form or a Home tab).
 */
export function Blocks({ blocks, place }) {
  const container = useKeptFocus();
  const counts = new Map();
  const drawn = blocks.map((block) => html`<${Block} key=${keyOf(block, counts)} block=${block} place=${place} />`);
  return html`<div class="blocks" data-place=${place.kind} tabindex="-1" ref=${container}>${drawn}</div>`;
}

// The app need not name its blocks, and Slack's names for them change with each edit; only an input is its name.
function keyOf(block, counts) {
  if (block.type === "input") return `input ${block.block_id}`;
  const count = counts.get(block.type) ?? 0;
  counts.set(block.type, count + 1);
  return `${block.type} ${count}`;
}

function Block({ block, place }) {
  const View = BLOCKS[block.type];
  return View ? html`<${View} block=${block} place=${place} />` : html`<${Unsupported} what=${`“${block.type}” blocks`} />`;
}

const BLOCKS = {
  header: ({ block }) => html`<h3 class="block-header" dir="auto">${plain(block.text)}</h3>`,
  divider: () => html`<hr />`,
  section: Section,
  context: ({ block }) => html`<div class="context">${block.elements.map(contextOf)}</div>`,
  actions: Actions,
  image: ({ block }) => html`<${Picture} ...${block} />`,
  input: Field,
  rich_text: ({ block }) => html`<div class="rich">${richText(block)}</div>`,
  table: Table,
  data_visualization: Chart,
  markdown: ({ block }) => html`<${Markdown} text=${block.text} />`,
  alert: ({ block }) => html`<div class=${classes("alert", LEVELS.has(block.level) && block.level)} role="note"><${Text} text=${block.text} /></div>`,
};

function Section({ block, place }) {
  const id = useId();
  const { text, fields, accessory } = block;
  return html`<div class="section">
    <div class="section-body" id=${id}>
      ${text && html`<${Text} text=${text} />`}
      ${fields && html`<div class="fields">${fields.map((field) => html`<${Text} text=${field} />`)}</div>`}
    </div>
    ${accessory && html`<div class="accessory">${accessoryOf(accessory, block, place, id)}</div>`}
  </div>`;
}

function accessoryOf(accessory, block, place, about) {
  if (accessory.type === "image") return html`<${Picture} ...${accessory} />`;
  return html`<${Element} key=${accessory.action_id} element=${accessory} block=${block} place=${place} about=${about} />`;
}

function contextOf(element) {
  if (element.type === "image") return html`<${Icon} ...${element} />`;
  const isText = element.type === "mrkdwn" || element.type === "plain_text";
  return isText ? html`<${Text} text=${element} />` : html`<${Unsupported} what=${`“${element.type}” elements`} />`;
}

function Actions({ block, place }) {
  const elements = block.elements.map((element) => html`<${Element} key=${element.action_id} element=${element} block=${block} place=${place} />`);
  return html`<div class="actions">${elements}</div>`;
}
