// Dates, times, boxes and circles. Sources: the pages of the elements below https://docs.slack.dev/reference/block-kit/block-elements
import { html, useId, useRef } from "../lib.js";
import { useMissing } from "./combobox.js";
import { lineOf, Text } from "./mrkdwn.js";

const TYPES = { datepicker: "date", timepicker: "time", datetimepicker: "datetime-local" };
const NEUTRAL_KEYS = new Set(["Enter", "Tab"]);

/** A date, a time or both, with the browser's own calendar. */
export function Moment({ element, choice, naming }) {
  const typing = useRef(false);
  const isBoth = element.type === "datetimepicker";
  const shown = isBoth ? local(choice.shown) : (choice.shown ?? "");
  const commit = (text) => {
    typing.current = false;
    const value = isBoth ? unix(text) : text || null;
    if (value !== choice.shown || text !== shown) choice.choose(value === null ? null : String(value), value);
  };
  // What is typed goes through other dates on its way; what is picked in the calendar is meant.
  const changed = (event) => typing.current || commit(event.currentTarget.value);
  const pressed = (event) => {
    if (event.key === "Enter") commit(event.currentTarget.value);
    if (!NEUTRAL_KEYS.has(event.key)) typing.current = true;
  };
  const left = (event) => typing.current && commit(event.currentTarget.value);
  return html`<span class="moment"><input type=${TYPES[element.type]} value=${shown} ...${naming} onChange=${changed} onKeyDown=${pressed} onBlur=${left} />
    ${element.timezone && html`<span class="quiet">${element.timezone}</span>`}</span>`;
}

const unix = (text) => (text ? Math.floor(new Date(text).getTime() / 1000) : null);

function local(seconds) {
  if (!seconds) return "";
  const at = new Date(seconds * 1000);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** Boxes to tick. */
export function Boxes({ element, choice, naming }) {
  const first = useRef();
  const chosen = new Set((choice.shown ?? []).map((each) => each.value));
  useMissing(first, naming.required && !chosen.size);
  const changed = (option) => {
    const next = element.options.filter((each) => chosen.has(each.value) !== (each.value === option.value));
    choice.choose(next.map((each) => each.value), next);
  };
  return element.options.map((option, index) => html`<${Tick} key=${option.value} option=${option} type="checkbox" inputRef=${index ? null : first}
    checked=${chosen.has(option.value)} naming=${naming} onChange=${() => changed(option)} />`);
}

/** Circles of which one can be filled. */
export function Circles({ element, choice, naming }) {
  const name = useId();
  return element.options.map((option) => html`<${Tick} key=${option.value} option=${option} type="radio" name=${name} required=${naming.required}
    checked=${choice.shown?.value === option.value} naming=${naming} onChange=${() => choice.choose(option.value, option)} />`);
}

function Tick({ option, inputRef, naming, ...input }) {
  const id = useId();
  return html`<div class="choice-line">
    <input id=${id} ref=${inputRef} aria-invalid=${naming["aria-invalid"]} ...${input} />
    <label for=${id}>${lineOf(option.text)}${option.description && html`<span class="about quiet"><${Text} text=${option.description} /></span>`}</label>
  </div>`;
}
