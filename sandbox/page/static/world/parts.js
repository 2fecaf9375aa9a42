// What the panels of Fly and GitHub share: folds, small forms, logs, and the glow of what has just changed.
import { classes, html, useEffect, useId, useRef, useState } from "../lib.js";
import { act, now } from "../store.js";

const GLOW_MS = 1800;
const DAY_S = 86400;
// Programs colour what they print for terminals.
const COLOURS = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");
const calm = matchMedia("(prefers-reduced-motion: reduce)");
// Which folds a person opened or closed; a panel that is left and entered again looks as before.
const opened = new Map();

/** A ref for an element that glows softly whenever `value` becomes another one. */
export function useGlow(value) {
  const element = useRef();
  const before = useRef(value);
  useEffect(() => {
    if (before.current === value) return;
    before.current = value;
    if (calm.matches || !element.current) return;
    const colour = getComputedStyle(element.current).getPropertyValue("--glow");
    element.current.animate([{ backgroundColor: colour }, {}], { duration: GLOW_MS, easing: "ease-out" });
  }, [value]);
  return element;
}

/** A heading that opens and closes what is below it; `children` is a function, called only while it is open. */
export function Fold({ id, title, note, isOpen = false, level = 4, children }) {
  const [, again] = useState(0);
  const body = useId();
  const open = opened.get(id) ?? isOpen;
  const toggle = () => {
    opened.set(id, !open);
    again((count) => count + 1);
  };
  const button = html`<button type="button" class="fold-button" aria-expanded=${open} aria-controls=${open ? body : undefined} onClick=${toggle}>${title}${note !== undefined && html` <span class="quiet">${note}</span>`}</button>`;
  const Heading = `h${level}`;
  return html`<div class="fold">
    <${Heading} class="fold-head">${button}<//>
    ${open && html`<div class="fold-body" id=${body}>${children()}</div>`}
  </div>`;
}

/** Leave a fold open that opened by itself. */
export const keepOpen = (id) => opened.has(id) || opened.set(id, true);

/** Buttons of which each opens a form below all of them: `forms` are `{id, title, about, form: (close) => nodes}`; `last` ends their row. */
export function Forms({ forms, children, last, label }) {
  const [chosen, choose] = useState(null);
  const place = useRef();
  const form = forms.find((each) => each.id === chosen);
  useEffect(() => {
    if (chosen) place.current?.querySelector("input, select")?.focus();
  }, [chosen]);
  const close = () => {
    place.current?.parentElement.querySelector(`[data-form="${chosen}"]`)?.focus();
    choose(null);
  };
  const pressed = (event) => {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    close();
  };
  return html`<div class="forms">
    <div class="buttons small" role="group" aria-label=${label}>
      ${children}
      ${forms.map(
        ({ id, title, about }) => html`<button type="button" key=${id} data-form=${id} aria-expanded=${id === chosen} aria-label=${about} onClick=${() => choose(id === chosen ? null : id)}>${title}…</button>`,
      )}
      ${last}
    </div>
    <div ref=${place} onKeyDown=${pressed}>${form?.form(close)}</div>
  </div>`;
}

/**
 * A form that does something at the server. `fields` are `{name, label, value, kind, options, hint}`, where `kind` is
 * `text`, `check` or `choice` (of `options`, as `[value, words]`); `body` makes the request of the values.
 */
export function Form({ label, path, fields, body, submit, onDone }) {
  const [values, setValues] = useState(() => Object.fromEntries(fields.map(({ name, value }) => [name, value ?? ""])));
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const send = async (event) => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setProblem("");
    try {
      await act(path, body(values));
      onDone();
    } catch (error) {
      setProblem(error.message);
      setBusy(false);
    }
  };
  const set = (name, value) => setValues((before) => ({ ...before, [name]: value }));
  return html`<form class="small-form" aria-label=${label} onSubmit=${send}>
    ${fields.map((field) => html`<${Field} key=${field.name} field=${field} value=${values[field.name]} set=${set} />`)}
    <p class="buttons small">
      <button type="submit" class="primary" aria-busy=${isBusy}>${submit}</button>
      <button type="button" onClick=${onDone}>Cancel</button>
    </p>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
  </form>`;
}

function Field({ field: { name, label, kind = "text", options, hint }, value, set }) {
  const id = useId();
  if (kind === "check") {
    return html`<p class="entry-check"><input id=${id} type="checkbox" checked=${Boolean(value)} onChange=${(event) => set(name, event.target.checked)} /> <label for=${id}>${label}</label></p>`;
  }
  const input =
    kind === "choice"
      ? html`<select id=${id} value=${value} onChange=${(event) => set(name, event.target.value)}>${options.map(([each, words]) => html`<option key=${each} value=${each} selected=${each === value}>${words}</option>`)}</select>`
      : html`<input id=${id} type="text" value=${value} placeholder=${hint} autocomplete="off" spellcheck=${false} onInput=${(event) => set(name, event.target.value)} />`;
  return html`<p class="entry"><label for=${id}>${label}</label>${input}</p>`;
}

/** The lines that `path` answers for `body`, asked for when it is drawn and whenever `print` becomes another one. */
export function Log({ label, path, body, print, line }) {
  const [lines, setLines] = useState(null);
  const [problem, setProblem] = useState("");
  const box = useRef();
  const read = () =>
    act(path, body).then(
      (answer) => setLines(answer.lines),
      (error) => setProblem(error.message),
    );
  useEffect(() => void read(), [print]);
  useEffect(() => {
    if (box.current) box.current.scrollTop = box.current.scrollHeight;
  }, [lines]);
  if (problem) return html`<p class="problem" role="alert">${problem}</p>`;
  if (!lines) return html`<p class="quiet">Reading…</p>`;
  return html`<div class="log">
    ${lines.length ? html`<pre ref=${box} tabindex="0" role="region" aria-label=${label}>${lines.map((each) => line(each).replace(COLOURS, "")).join("\n")}</pre>` : html`<p class="quiet">Nothing has been logged yet.</p>`}
    <p class="buttons small"><button type="button" onClick=${read}>Read again</button></p>
  </div>`;
}

/** The seconds until a simulated Unix time, counted down. */
export function Left({ until }) {
  const [, again] = useState(0);
  useEffect(() => {
    const ticking = setInterval(() => again((count) => count + 1), 500);
    return () => clearInterval(ticking);
  }, []);
  return html`<span>${Math.max(0, Math.ceil(until - now()))} s left</span>`;
}

/** A commit as people know it: tag, short hash, title. */
export function Commit({ commit, label }) {
  if (!commit) return html`<span class="cut" title=${label}>${label}</span>`;
  return html`<span class="commit" title=${label}>${commit.tag && html`<strong>${commit.tag}</strong> `}<code>${commit.short}</code> <span class="title">${commit.title}</span></span>`;
}

/** How the checks of a commit stand. */
export function Checks({ state }) {
  const words = { success: ["good", "✓ checks passed"], failure: ["bad", "✗ checks failed"], pending: ["busy", "● checks running"] }[state];
  return words ? html`<span class=${classes("pill", words[0])}>${words[1]}</span>` : null;
}

/** The time of day, with the day where it was not within the last 24 hours. */
export function when(seconds) {
  const date = new Date(seconds * 1000);
  const time = date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  return now() - seconds < DAY_S ? time : `${date.toLocaleDateString([], { day: "numeric", month: "short" })} ${time}`;
}

export const dollars = (amount) => `$${amount.toFixed(2)}`;
export const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
