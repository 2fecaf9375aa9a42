// Input blocks: a label, an element, a hint, and what is wrong. Source: https://docs.slack.dev/reference/block-kit/blocks/input-block
import { html, useId, useRef } from "../lib.js";
import { useChoice } from "./acting.js";
import { Menu } from "./menus.js";
import { lineOf, stringOf } from "./mrkdwn.js";
import { Boxes, Circles, Moment } from "./pickers.js";
import { Unsupported } from "./unsupported.js";

const MOST_CHARACTERS = 3000;
const TYPES = { plain_text_input: "text", email_text_input: "email", url_text_input: "url", number_input: "number" };
const ENTER = "on_enter_pressed";
const CHARACTER = "on_character_entered";

const CONTROLS = {
  plain_text_input: Typed,
  email_text_input: Typed,
  url_text_input: Typed,
  number_input: Typed,
  datepicker: Moment,
  timepicker: Moment,
  datetimepicker: Moment,
  checkboxes: Boxes,
  radio_buttons: Circles,
};
const GROUPS = new Set(["checkboxes", "radio_buttons"]);

/** The control for an element that keeps a choice, or undefined. */
export const controlOf = ({ type }) => CONTROLS[type] ?? (type.endsWith("_select") ? Menu : undefined);

export const isGroup = ({ type }) => GROUPS.has(type);

/** An input block. `place.errors` are the app's by block id, `place.missing` what the form itself found. */
export function Field({ block, place }) {
  const Control = controlOf(block.element);
  const caption = html`${lineOf(block.label)}${block.optional && html`<span class="quiet"> (optional)</span>`}`;
  if (!Control) return html`<div class="field"><p class="label">${caption}</p><${Unsupported} what=${`“${block.element.type}” inputs`} /></div>`;
  return html`<${Known} block=${block} place=${place} Control=${Control} caption=${caption} />`;
}

function Known({ block, place, Control, caption }) {
  const { element } = block;
  const id = useId();
  const choice = useChoice(place, block, element);
  const error = place.errors?.[block.block_id] || place.missing?.[block.block_id] || choice.problem;
  const naming = {
    id: isGroup(element) ? null : id,
    required: !block.optional && place.kind === "view",
    "data-first": element.focus_on_load || null,
    "aria-invalid": error ? "true" : null,
    "aria-describedby": `${block.hint ? `${id}-hint ` : ""}${id}-error`,
  };
  const control = html`<${Control} element=${element} block=${block} choice=${choice} naming=${naming} />`;
  const below = html`
    ${block.hint && html`<p class="hint quiet" id=${`${id}-hint`} dir="auto">${stringOf(block.hint)}</p>`}
    <p class="problem" id=${`${id}-error`} role=${error ? "alert" : null}><bdi>${error}</bdi></p>
  `;
  if (isGroup(element)) {
    return html`<fieldset class="field" data-block=${block.block_id} aria-describedby=${naming["aria-describedby"]}><legend>${caption}</legend>${control}${below}</fieldset>`;
  }
  return html`<div class="field" data-block=${block.block_id}><label for=${id}>${caption}</label>${control}${below}</div>`;
}

function Typed({ element, block, choice, naming }) {
  const sent = useRef(0);
  const wanted = block.dispatch_action ? (element.dispatch_action_config?.trigger_actions_on ?? [ENTER]) : [];
  // What does not fit is told when the form is sent; until then the app has the last text that did.
  const choose = ({ value, validity }, trigger) => {
    if (!validity.valid && !validity.valueMissing) return;
    const mine = ++sent.current;
    choice.choose(value || null, value, { trigger, isWanted: () => mine === sent.current });
  };
  const typed = (event) => {
    choice.hold(event.currentTarget.value);
    if (wanted.includes(CHARACTER)) choose(event.currentTarget, CHARACTER);
  };
  const pressed = (event) => {
    if (event.key !== "Enter" || element.multiline || !wanted.includes(ENTER)) return;
    event.preventDefault();
    choose(event.currentTarget, ENTER);
  };
  const shared = {
    ...naming,
    value: choice.shown ?? "",
    placeholder: element.placeholder ? stringOf(element.placeholder) : null,
    dir: "auto",
    onInput: typed,
    onKeyDown: pressed,
    onChange: (event) => choose(event.currentTarget),
  };
  const lengths = { minlength: element.min_length, maxlength: element.max_length ?? MOST_CHARACTERS };
  if (element.multiline) return html`<textarea rows="4" ...${shared} ...${lengths}></textarea>`;
  if (element.type !== "number_input") return html`<input type=${TYPES[element.type]} ...${shared} ...${lengths} />`;
  return html`<input type="number" ...${shared} min=${element.min_value} max=${element.max_value} step=${element.is_decimal_allowed ? "any" : 1} />`;
}
