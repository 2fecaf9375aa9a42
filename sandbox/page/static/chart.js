// Charts of numbers. Source: https://docs.slack.dev/reference/block-kit/blocks/data-visualization-block
import { el, svg } from "./dom.js";

const WIDTH = 360;
const HEIGHT = 120;
const LABEL_HEIGHT = 18;
const GAP = 0.25;
const COLOURS = 6;

/** Bars with their table behind a switch; any other chart is its table. */
export function chart({ title, chart: drawn }) {
  const table = tableOf(drawn);
  const caption = el("figcaption", {}, el("strong", {}, title));
  if (drawn.type !== "bar") return el("figure", { class: "chart" }, caption, table);
  const key = drawn.series.map((each, index) => el("span", { class: `key tone-${index % COLOURS}` }, each.name));
  const { x_label, y_label } = drawn.axis_config;
  return el(
    "figure",
    { class: "chart" },
    caption,
    el("p", { class: "keys quiet" }, y_label ? el("span", {}, y_label) : null, key),
    bars(drawn, title),
    x_label ? el("p", { class: "keys quiet" }, x_label) : null,
    el("details", {}, el("summary", { class: "quiet" }, "As a table"), table),
  );
}

const valueOf = (series, label) => series.data.find((point) => point.label === label)?.value ?? 0;

function bars({ series, axis_config: { categories } }, title) {
  const values = series.flatMap((each) => each.data.map((point) => point.value));
  const top = Math.max(1, ...values);
  const slot = WIDTH / categories.length;
  const width = (slot * (1 - GAP)) / series.length;
  const every = Math.ceil(categories.length / 8);
  const columns = categories.map((label, position) => {
    const left = position * slot + (slot * GAP) / 2;
    const columnsOf = series.map((each, index) => bar(label, each, { index, x: left + index * width, width, top }));
    const middle = { x: position * slot + slot / 2, y: HEIGHT + LABEL_HEIGHT - 4, "text-anchor": "middle" };
    return svg("g", {}, columnsOf, position % every ? null : svg("text", middle, label));
  });
  const box = { viewBox: `0 -14 ${WIDTH} ${HEIGHT + LABEL_HEIGHT + 14}`, role: "img", "aria-label": `${title}: bars, at most ${top}` };
  return svg("svg", box, svg("line", { x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT }), columns);
}

function bar(label, series, { index, x, width, top }) {
  const value = valueOf(series, label);
  const height = Math.max(0, (value / top) * HEIGHT);
  const place = { x, y: HEIGHT - height, width, height, class: `tone-${index % COLOURS}` };
  const number = { x: x + width / 2, y: HEIGHT - height - 3, "text-anchor": "middle" };
  return [
    svg("rect", place, svg("title", {}, `${series.name}, ${label}: ${value}`)),
    value ? svg("text", number, String(value)) : null,
  ];
}

function tableOf({ segments, series, axis_config: axes }) {
  const columns = series ?? [{ name: "", data: segments }];
  const labels = axes?.categories ?? segments.map((segment) => segment.label);
  const head = el("tr", {}, el("th", {}, axes?.x_label), columns.map((each) => el("th", { scope: "col" }, each.name)));
  const rows = labels.map((label) =>
    el("tr", {}, el("th", { scope: "row" }, label), columns.map((each) => el("td", {}, String(valueOf(each, label))))),
  );
  return el("table", {}, el("thead", {}, head), el("tbody", {}, rows));
}
