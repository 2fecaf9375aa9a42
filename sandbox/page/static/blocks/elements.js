// Elements that stand beside text or in a row. Source: https://docs.slack.dev/reference/block-kit/block-elements
import { classes, html, useId, useLayoutEffect, useRef, useState } from "../lib.js";
import { view } from "../view.js";
import { useChoice, usePress } from "./acting.js";
import { controlOf, isGroup } from "./inputs.js";
import { isAddress, lineOf, plain, stringOf } from "./mrkdwn.js";
import { useBeside } from "./popup.js";
import { Unsupported } from "./unsupported.js";

const STYLES = new Set(["primary", "danger"]);
const STEPS = { ArrowDown: 1, ArrowUp: -1 };
const NAMES = { datepicker: "Date", timepicker: "Time", datetimepicker: "Date and time", checkboxes: "Boxes", radio_buttons: "One of these" };

/** One interactive element of `block`; `about` is the id of the text that it belongs to. */
export function Element({ element, block, place, about }) {
  if (element.type === "button") return html`<${Button} element=${element} block=${block} place=${place} about=${about} />`;
  if (element.type === "overflow") return html`<${Overflow} element=${element} block=${block} place=${place} about=${about} />`;
  const Control = controlOf(element);
  if (!Control) return html`<${Unsupported} what=${`“${element.type}” elements`} />`;
  return html`<${Standing} element=${element} block=${block} place=${place} about=${about} Control=${Control} />`;
}

/** What is wrong, beside what was pressed. */
const Trouble = ({ text }) => (text ? html`<span class="problem" role="alert">⚠ ${text}</span>` : null);

function Standing({ element, block, place, about, Control }) {
  const choice = useChoice(place, block, element);
  const name = element.placeholder ? stringOf(element.placeholder) : (NAMES[element.type] ?? "Choose…");
  const naming = { "aria-label": name, "aria-describedby": about ?? null };
  const control = html`<${Control} element=${element} block=${block} choice=${choice} naming=${naming} />`;
  const group = isGroup(element) ? html`<div role="group" class="choice-lines" ...${naming}>${control}</div>` : control;
  return html`<span class="standing" aria-busy=${choice.isBusy || null}>${group}<${Trouble} text=${choice.problem} /></span>`;
}

function Button({ element, block, place, about }) {
  const { press, isBusy, problem } = usePress(place, block, element);
  const { url, style, visible_to_user_ids: only } = element;
  if (only && !only.includes(view.user)) return null;
  const shared = {
    class: classes("press", STYLES.has(style) && style),
    "aria-label": element.accessibility_label,
    "aria-describedby": about ?? null,
    "aria-busy": isBusy || null,
    onClick: () => press(element.value),
  };
  const caption = html`<bdi>${plain(element.text)}</bdi>`;
  const away = { href: url, title: url, target: "_blank", rel: "noopener noreferrer" };
  const node = url && isAddress(url)
    ? html`<a ...${shared} ...${away}>${caption}</a>`
    : html`<button type="button" ...${shared}>${caption}</button>`;
  return html`<span class="standing">${node}<${Trouble} text=${problem} /></span>`;
}

function Overflow({ element, block, place, about }) {
  const button = useRef();
  const [isOpen, setOpen] = useState(false);
  const { press, isBusy, problem } = usePress(place, block, element, "select");
  const close = () => {
    setOpen(false);
    button.current.focus();
  };
  const take = (option) => {
    close();
    press(option.value);
  };
  return html`<span class="standing">
    <button ref=${button} type="button" class="overflow" aria-label="More" aria-haspopup="menu" aria-expanded=${isOpen} aria-describedby=${about ?? null}
      aria-busy=${isBusy || null} onClick=${() => setOpen(!isOpen)}>⋯</button>
    ${isOpen && html`<${Choices} anchor=${button} options=${element.options} take=${take} close=${close} leave=${() => setOpen(false)} />`}
    <${Trouble} text=${problem} />
  </span>`;
}

// Source: https://www.w3.org/WAI/ARIA/apg/patterns/menu-button/
function Choices({ anchor, options, take, close, leave }) {
  const popup = useBeside(anchor);
  const id = useId();
  useLayoutEffect(() => popup.current.querySelector("[role=menuitem]").focus(), []);
  const keys = (event) => {
    const items = [...popup.current.querySelectorAll("[role=menuitem]")];
    const step = STEPS[event.key];
    if (step) items[(items.indexOf(document.activeElement) + step + items.length) % items.length].focus();
    else if (event.key === "Escape" || event.key === "Tab") close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const left = (event) => popup.current?.contains(event.relatedTarget) || event.relatedTarget === anchor.current || leave();
  return html`<div ref=${popup} popover="manual" class="popup" role="menu" aria-label="More" onKeyDown=${keys} onFocusOut=${left}>
    ${options.map((option, index) => html`<${Choice} key=${index} id=${`${id}-${index}`} option=${option} take=${take} />`)}
  </div>`;
}

function Choice({ option, take, id }) {
  const inside = html`${lineOf(option.text)}${option.description && html`<span class="about quiet">${lineOf(option.description)}</span>`}`;
  const shared = { id, role: "menuitem", class: "option", tabindex: -1, onClick: () => take(option) };
  if (!option.url || !isAddress(option.url)) return html`<button type="button" ...${shared}>${inside}</button>`;
  return html`<a ...${shared} href=${option.url} target="_blank" rel="noopener noreferrer">${inside}</a>`;
}
