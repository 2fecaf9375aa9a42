// A line to type in, and a list of what may be meant. Source: https://www.w3.org/WAI/ARIA/apg/patterns/combobox/
import { classes, html, useEffect, useId, useRef, useState } from "../lib.js";
import { useBeside } from "./popup.js";

const PAUSE_MS = 250;
const STEPS = { ArrowDown: 1, ArrowUp: -1 };
// An emptied line marks nothing, so that Enter takes the choice back instead of making another one.
const NONE = -1;

/**
 * One or several rows (`{value, text, about}`) out of groups of them. `offer()` has them all, or `search(typed, isWanted)`
 * asks for those that fit, once `least` characters are typed. `choose(rows)` is called with what is chosen from now on.
 */
export function Combobox({ chosen, isMulti, most, choose, placeholder, naming, ...source }) {
  const id = useId();
  const line = useRef();
  const list = useList({ ...source, chosen, isMulti });
  const { typed, isOpen, rows, marked, open, close } = list;
  const isChosen = (row) => chosen.some((each) => each.value === row.value);
  const isFull = isMulti && chosen.length >= most;
  const drop = (row) => choose(chosen.filter((each) => each.value !== row.value));

  const take = (row) => {
    if (!isMulti) {
      choose([row]);
      close();
    } else {
      if (isChosen(row)) drop(row);
      else if (!isFull) choose([...chosen, row]);
      list.type("");
    }
  };
  // What was typed but not chosen means nothing to the app; an emptied line takes the choice back.
  const leave = () => {
    if (!isMulti && typed === "" && chosen.length) choose([]);
    close();
  };
  const undo = () => isMulti && !typed && chosen.length > 0 && drop(chosen.at(-1));
  const shown = typed ?? (isMulti ? "" : (chosen[0]?.text ?? ""));
  useMissing(line, isMulti && naming.required && !chosen.length);
  return html`<div class=${classes("menu", isMulti && "is-multi")}>
    ${isMulti && chosen.length > 0 && html`<${Chips} rows=${chosen} drop=${drop} line=${line} />`}
    <input ref=${line} type="text" role="combobox" autocomplete="off" spellcheck=${false} dir="auto" ...${naming}
      required=${naming.required && !isMulti} placeholder=${placeholder} value=${shown} aria-autocomplete="list"
      aria-expanded=${isOpen} aria-controls=${isOpen ? id : null} aria-activedescendant=${isOpen && marked ? `${id}-${rows.indexOf(marked)}` : null}
      onInput=${(event) => open(event.currentTarget.value)} onClick=${() => isOpen || open(null)} onFocus=${(event) => event.currentTarget.select()}
      onKeyDown=${(event) => pressed(event, list, { take, leave, undo })} onBlur=${leave} />
    ${isOpen && html`<${List} id=${id} anchor=${line} list=${list} isMulti=${isMulti} isChosen=${isChosen} take=${take}
      note=${isFull ? `At most ${most} can be chosen.` : list.note} name=${naming["aria-label"] ?? placeholder} />`}
  </div>`;
}

/** What is typed (null before that), whether the list is open, the rows in it, and the one that Enter takes. */
function useList({ offer, search, least, chosen, isMulti }) {
  const [typed, type] = useState(null);
  const [isOpen, setOpen] = useState(false);
  const [active, mark] = useState(0);
  const found = useSearch(search, least, isOpen ? (typed ?? "") : null);
  const groups = isOpen ? (search ? found.groups : fitting(offer(), typed ?? "")) : [];
  const rows = groups.flatMap((group) => group.rows);
  const at = Math.min(active, rows.length - 1);
  const open = (text) => {
    type(text);
    mark(text === null && offer ? indexOf(chosen[0], offer()) : text === "" && !isMulti && chosen.length ? NONE : 0);
    setOpen(true);
  };
  const close = () => {
    setOpen(false);
    type(null);
  };
  return { typed, type, isOpen, open, close, groups, rows, at, mark, marked: rows[at], note: found.note };
}

const indexOf = (row, groups) => Math.max(0, groups.flatMap((group) => group.rows).findIndex((each) => each.value === row?.value));

function pressed(event, { isOpen, rows, at, mark, marked, open, close }, { take, leave, undo }) {
  const step = STEPS[event.key];
  if (event.key === "Backspace") return undo() && event.preventDefault();
  if ((step || event.key === "Enter") && !isOpen) open(null);
  else if (step && rows.length) mark((Math.max(at, step < 0 ? 0 : NONE) + step + rows.length) % rows.length);
  else if (event.key === "Enter") marked ? take(marked) : leave();
  else if (event.key === "Escape" && isOpen) {
    close();
    event.stopPropagation();
  } else if (!step) return undefined;
  return event.preventDefault();
}

// A group of boxes or chips has no attribute of its own for "one is needed".
export function useMissing(control, isMissing) {
  useEffect(() => control.current?.setCustomValidity(isMissing ? "Please complete this required field." : ""), [isMissing]);
}

function fitting(groups, typed) {
  const wanted = typed.trim().toLowerCase();
  const fits = (row) => `${row.text}\n${row.about}`.toLowerCase().includes(wanted);
  return groups.map((group) => ({ ...group, rows: group.rows.filter(fits) })).filter((group) => group.rows.length);
}

/** What the app offers for `typed` (null while the list is closed), with a note where that is nothing. */
function useSearch(search, least, typed) {
  const [found, setFound] = useState({ groups: [], note: "" });
  const asked = useRef(0);
  useEffect(() => {
    const mine = ++asked.current;
    if (!search || typed === null) return undefined;
    if (typed.length < least) return setFound({ groups: [], note: `Type at least ${least} characters.` });
    setFound((known) => ({ ...known, note: "Searching…" }));
    const isWanted = () => mine === asked.current;
    const timer = setTimeout(async () => {
      const answer = await search(typed, isWanted);
      if (isWanted() && answer) setFound({ groups: answer.groups, note: answer.problem ?? "" });
    }, typed ? PAUSE_MS : 0);
    return () => clearTimeout(timer);
  }, [typed, Boolean(search)]);
  return found;
}

function List({ id, anchor, list: { groups, rows, marked }, isMulti, isChosen, note, take, name }) {
  const popup = useBeside(anchor);
  useEffect(() => popup.current.querySelector(".active")?.scrollIntoView({ block: "nearest" }), [marked]);
  const option = (row) => html`<div role="option" key=${row.value} id=${`${id}-${rows.indexOf(row)}`} class=${classes("option", row === marked && "active")}
    aria-selected=${isChosen(row)} onMouseDown=${(event) => event.preventDefault()} onClick=${() => take(row)}>
    <bdi>${row.text}</bdi>${row.about && html`<span class="about quiet" dir="auto">${row.about}</span>`}
  </div>`;
  const group = ({ label, rows: inside }) =>
    label ? html`<div role="group" aria-label=${label}><div class="group-label quiet" aria-hidden="true" dir="auto">${label}</div>${inside.map(option)}</div>` : inside.map(option);
  return html`<div ref=${popup} popover="manual" class="popup">
    <div role="listbox" id=${id} aria-label=${name} aria-multiselectable=${isMulti || null}>${groups.map(group)}</div>
    <p class="note quiet" role="status">${note || (rows.length ? "" : "Nothing was found.")}</p>
  </div>`;
}

function Chips({ rows, drop, line }) {
  const remove = (row) => {
    drop(row);
    line.current.focus();
  };
  return html`<ul class="chips" aria-label="Chosen">
    ${rows.map((row) => html`<li key=${row.value} class="chosen-chip"><bdi>${row.text}</bdi>
      <button type="button" aria-label=${`Remove ${row.text}`} onClick=${() => remove(row)}>✕</button></li>`)}
  </ul>`;
}
