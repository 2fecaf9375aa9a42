// Charts of numbers. Source: https://docs.slack.dev/reference/block-kit/blocks/data-visualization-block
import { html } from "../lib.js";

const WIDTH = 360;
const HEIGHT = 120;
const LABEL_HEIGHT = 18;
const GAP = 0.25;
const COLOURS = 6;
const LABELS = 8;

/** Bars with their table behind a switch; any other chart is its table. */
export function Chart({ block: { title, chart } }) {
  const caption = html`<figcaption><strong><bdi>${title}</bdi></strong></figcaption>`;
  if (chart.type !== "bar") return html`<figure class="chart">${caption}${tableOf(chart)}</figure>`;
  const { x_label: across, y_label: up } = chart.axis_config;
  const keys = chart.series.map((each, index) => html`<span class=${`key tone-${index % COLOURS}`}><bdi>${each.name}</bdi></span>`);
  return html`<figure class="chart">
    ${caption}
    <p class="keys quiet">${up && html`<span>${up}</span>`}${keys}</p>
    ${bars(chart, title)}
    ${across && html`<p class="keys quiet">${across}</p>`}
    <details><summary class="quiet">As a table</summary>${tableOf(chart)}</details>
  </figure>`;
}

const valueOf = (series, label) => series.data.find((point) => point.label === label)?.value ?? 0;

function bars({ series, axis_config: { categories } }, title) {
  const top = Math.max(1, ...series.flatMap((each) => each.data.map((point) => point.value)));
  const slot = WIDTH / categories.length;
  const width = (slot * (1 - GAP)) / series.length;
  const every = Math.ceil(categories.length / LABELS);
  const columns = categories.map((label, position) => {
    const left = position * slot + (slot * GAP) / 2;
    const middle = position * slot + slot / 2;
    const caption = html`<text x=${middle} y=${HEIGHT + LABEL_HEIGHT - 4} text-anchor="middle">${label}</text>`;
    const drawn = series.map((each, index) => bar(label, each, { index, x: left + index * width, width, top }));
    return html`<g>${drawn}${position % every ? null : caption}</g>`;
  });
  const box = `0 -14 ${WIDTH} ${HEIGHT + LABEL_HEIGHT + 14}`;
  return html`<svg viewBox=${box} role="img" aria-label=${`${title}: bars, at most ${top}`}>
    <line x1="0" x2=${WIDTH} y1=${HEIGHT} y2=${HEIGHT} />${columns}
  </svg>`;
}

function bar(label, series, { index, x, width, top }) {
  const value = valueOf(series, label);
  const height = Math.max(0, (value / top) * HEIGHT);
  const y = HEIGHT - height;
  return html`
    <rect x=${x} y=${y} width=${width} height=${height} class=${`tone-${index % COLOURS}`}><title>${`${series.name}, ${label}: ${value}`}</title></rect>
    ${value ? html`<text x=${x + width / 2} y=${y - 3} text-anchor="middle">${value}</text>` : null}
  `;
}

function tableOf({ segments, series, axis_config: axes }) {
  const columns = series ?? [{ name: "", data: segments }];
  const labels = axes?.categories ?? segments.map((segment) => segment.label);
  const row = (label) => html`<tr><th scope="row">${label}</th>${columns.map((each) => html`<td>${valueOf(each, label)}</td>`)}</tr>`;
  return html`<table>
    <thead><tr><td>${axes?.x_label}</td>${columns.map((each) => html`<th scope="col">${each.name || "Value"}</th>`)}</tr></thead>
    <tbody>${labels.map(row)}</tbody>
  </table>`;
}
