// The line to type in: completion, what was typed before, and what came of it.
import { classes, html, useEffect, useId, useLayoutEffect, useRef, useState } from "../lib.js";
import { act } from "../store.js";
import { view } from "../view.js";
import { completions, usageOf } from "./complete.js";
import { Icon } from "./icons.js";
import { APP, nameOf } from "./place.js";

const HIGHEST_PX = 180;
const STEPS = { ArrowDown: 1, ArrowUp: -1 };
// What was begun stays where it was begun; what was sent can be called back anywhere in this window.
const drafts = new Map();
const typed = [];

/** Put the focus into the line of the conversation (`text`) or of the open thread (`thread`). */
export const focusComposer = (kind) => document.getElementById(kind === "thread" ? "thread-text" : "text")?.focus();

/** Write into the line of the conversation, for the person to look at and send. */
export function fill(text) {
  const line = document.getElementById("text");
  if (!line) return;
  line.value = text;
  line.dispatchEvent(new Event("input", { bubbles: true }));
  line.focus();
}

/** The line of a conversation, or with `thread` (the parent's ts) of a thread. */
export function Composer({ channel, thread = null }) {
  // A direct message gets its id when it is opened, which may be while somebody types.
  const key = `${view.user} ${channel.kind === "im" ? APP : channel.id} ${thread ?? ""}`;
  return html`<${Line} key=${key} draftKey=${key} channel=${channel} thread=${thread} user=${view.user} />`;
}

function Line({ draftKey, channel, thread, user }) {
  const [text, setText] = useState(drafts.get(draftKey) ?? "");
  const [isBroadcast, setBroadcast] = useState(false);
  const [state, setState] = useState({ isBusy: false, problem: "" });
  const input = useRef();
  const write = (value) => {
    drafts.set(draftKey, value);
    setText(value);
  };
  const offer = useCompletion(input, text, write, !thread);
  const recall = useRecall(text, write);
  useHeight(input, text);

  const send = async () => {
    const said = text.trim();
    if (!said || state.isBusy) return;
    if (thread && said.startsWith("/")) return setState({ isBusy: false, problem: `${said.split(/\s/)[0]} is not supported in threads. Type it in the channel.` });
    write("");
    recall.keep(said);
    offer.close();
    setState({ isBusy: true, problem: "" });
    setState(await delivered({ user, channel: channel.id, text: said, thread_ts: thread, broadcast: isBroadcast }, () => write(said)));
  };
  const keys = (event) => {
    if (event.isComposing) return;
    if (offer.keys(event, text) || recall.keys(event)) event.preventDefault();
    else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send();
    }
  };
  const label = thread ? "Reply" : `Message ${nameOf(channel)}`;
  const usage = thread ? null : usageOf(text);
  return html`<form class="compose" aria-label=${thread ? "Reply in the thread" : "Write a message"} onSubmit=${(event) => event.preventDefault() ?? send()}>
    <${Suggestions} offer=${offer} />
    ${usage && html`<p class="usage" id="usage"><code>${usage.command}</code> <span dir="auto">${usage.usage_hint}</span></p>`}
    <div class="compose-box">
      <textarea id=${thread ? "thread-text" : "text"} ref=${input} rows="1" dir="auto" maxlength="4000" autocomplete="off" spellcheck=${false} aria-label=${label} placeholder=${thread ? "Reply…" : `${label}, or type / for commands`}
        aria-autocomplete="list" aria-controls=${offer.listId} aria-activedescendant=${offer.activeId} aria-describedby=${usage ? "usage" : null}
        value=${text} onInput=${(event) => write(event.currentTarget.value)} onKeyDown=${keys} onBlur=${offer.close} onClick=${offer.look} onKeyUp=${offer.look}></textarea>
      <button type="submit" class="send" disabled=${!text.trim() || state.isBusy} aria-label="Send" title="Send (Enter)"><${Icon} name="send" /></button>
    </div>
    <div class="compose-foot">
      ${thread && html`<label class="check"><input type="checkbox" checked=${isBroadcast} onChange=${(event) => setBroadcast(event.currentTarget.checked)} /> Also send to <bdi>${nameOf(channel)}</bdi></label>`}
      <p class="compose-status problem" role="alert">${state.problem}</p>
      <p class="compose-keys quiet">${state.isBusy ? "Sending…" : html`<kbd>Enter</kbd> sends · <kbd>Shift</kbd>+<kbd>Enter</kbd> new line`}</p>
    </div>
  </form>`;
}

async function delivered(body, takeBack) {
  try {
    const answer = await act("command", body);
    return { isBusy: false, problem: answer.problem ?? "" };
  } catch (error) {
    takeBack();
    return { isBusy: false, problem: error.message };
  }
}

/** The options for what stands before the caret. Keys as in https://www.w3.org/WAI/ARIA/apg/patterns/combobox/ */
function useCompletion(input, text, write, withCommands) {
  const listId = useId();
  const [caret, setCaret] = useState(-1);
  const [closedAt, setClosedAt] = useState(null);
  const [active, setActive] = useState(0);
  const caretAfter = useRef(null);
  useLayoutEffect(() => {
    if (caretAfter.current === null) return;
    input.current.setSelectionRange(caretAfter.current, caretAfter.current);
    caretAfter.current = null;
  }, [text]);
  const isOpen = caret >= 0 && closedAt !== text;
  const found = isOpen ? completions(text, Math.min(caret, text.length), { withCommands }) : null;
  const options = found?.options ?? [];
  const at = Math.min(active, options.length - 1);
  const look = () => setCaret(input.current.selectionStart);
  const close = () => setClosedAt(text);
  useEffect(() => {
    if (document.activeElement === input.current) look();
    setActive(0);
  }, [text]);

  const accept = (option) => {
    const next = text.slice(0, found.start) + option.insert + text.slice(caret).trimStart();
    caretAfter.current = found.start + option.insert.length;
    setCaret(caretAfter.current);
    write(next);
  };
  const keys = (event) => {
    if (!options.length) return false;
    const step = STEPS[event.key];
    if (step) setActive((at + step + options.length) % options.length);
    else if (event.key === "Escape") close();
    else if ((event.key === "Tab" && !event.shiftKey) || (event.key === "Enter" && options[at].insert.trim() !== text.trim())) accept(options[at]);
    else return false;
    return true;
  };
  return { listId: options.length ? listId : null, activeId: options.length ? `${listId}-${at}` : null, label: found?.label, options, at, look, close, accept, keys };
}

function Suggestions({ offer }) {
  const list = useRef();
  useLayoutEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [offer.at]);
  // Before the line loses its focus, which would close the list.
  const press = (option) => (event) => {
    event.preventDefault();
    offer.accept(option);
  };
  const count = offer.options.length;
  return html`<div class="hidden" role="status">${count ? `${count} ${count === 1 ? "suggestion" : "suggestions"}, arrow keys to choose` : ""}</div>
    ${count > 0 && html`<div class="suggestions">
      <p class="suggestions-head quiet" aria-hidden="true">${offer.label} <span><kbd>↑</kbd><kbd>↓</kbd> choose · <kbd>Tab</kbd> take · <kbd>Esc</kbd> close</span></p>
      <ul id=${offer.listId} role="listbox" aria-label=${offer.label} ref=${list}>
        ${offer.options.map((option, index) => html`<li key=${option.id} id=${`${offer.listId}-${index}`} role="option" aria-selected=${index === offer.at} class=${classes(index === offer.at && "active")} onMouseDown=${press(option)}>
          <strong>${option.title}</strong> <span class="quiet">${option.hint}</span>
          ${option.about && html`<span class="about">${option.about}</span>`}
        </li>`)}
      </ul>
    </div>`}`;
}

/** What was sent from this window comes back with the arrow keys, while the line is empty or holds such a text. */
function useRecall(text, write) {
  const at = useRef(typed.length);
  const keep = (said) => {
    if (typed.at(-1) !== said) typed.push(said);
    at.current = typed.length;
  };
  const keys = (event) => {
    const step = STEPS[event.key];
    if (!step || (text !== "" && text !== typed[at.current])) return false;
    if (text === "") at.current = typed.length;
    const next = at.current + step;
    if (next < 0 || next > typed.length) return false;
    at.current = next;
    write(typed[next] ?? "");
    return true;
  };
  return { keep, keys };
}

function useHeight(input, text) {
  useLayoutEffect(() => {
    input.current.style.height = "auto";
    input.current.style.height = `${Math.min(input.current.scrollHeight, HIGHEST_PX)}px`;
  }, [text]);
}
