// Tables. Source: https://docs.slack.dev/reference/block-kit/blocks/table-block
import { html } from "../lib.js";
import { richText } from "./richtext.js";

const ALIGNED = new Set(["left", "center", "right"]);

/** A table; its first row has the names of the columns. */
export function Table({ block }) {
  const [head = [], ...rows] = block.rows;
  const settings = block.column_settings ?? [];
  const line = (row, kind) => html`<tr>${row.map((cell, column) => cellOf(cell, kind, settings[column]))}</tr>`;
  return html`<div class="table-box" role="region" aria-label="Table" tabindex="0">
    <table class="block-table">
      <thead>${line(head, "th")}</thead>
      <tbody>${rows.map((row) => line(row, "td"))}</tbody>
    </table>
  </div>`;
}

function cellOf(cell, Kind, settings) {
  const align = ALIGNED.has(settings?.align) ? settings.align : "left";
  const name = `align-${align}${settings?.is_wrapped ? "" : " in-one-line"}`;
  return html`<${Kind} scope=${Kind === "th" ? "col" : null} class=${name} dir="auto">${contentOf(cell)}<//>`;
}

function contentOf(cell) {
  if (cell.type === "rich_text") return richText(cell);
  return cell.type === "raw_number" ? String(cell.text ?? cell.value) : cell.text;
}
