// Small parts that several panels use.
import { classes, html, useEffect, useRef, useState } from "./lib.js";
import { act } from "./store.js";

const GOOD = new Set(["started", "passing", "complete", "deployed", "success", "running", "open", "attached", "delivered"]);
const BAD = new Set(["failed", "critical", "unreachable", "failure", "timed_out", "killed"]);
const RESTING = new Set(["stopped", "suspended", "pending", "created", "queued", "cancelled", "skipped", "closed", "merged", "detached"]);

/** Whether a state's word means `good`, `bad`, `resting` or `busy`. */
export function tone(word) {
  if (GOOD.has(word)) return "good";
  if (BAD.has(word)) return "bad";
  return RESTING.has(word) ? "resting" : "busy";
}

export const Pill = ({ word }) => html`<span class=${`pill ${tone(word)}`}>${word.replaceAll("_", " ")}</span>`;

/**
 * A button that does something at the server: busy until it is answered, the refusal in words beside it. `disabled` it
 * can still have the focus, which a person would otherwise lose whenever there is nothing to do for a moment.
 */
export function Deed({ path, body, confirm, style, label, pressed, disabled, children, onDone }) {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const press = async () => {
    if (isBusy || disabled || (confirm && !(await ask(confirm)))) return;
    setBusy(true);
    setProblem("");
    try {
      const answer = await act(path, body);
      onDone?.(answer);
    } catch (error) {
      setProblem(error.message);
    }
    setBusy(false);
  };
  return html`<span class="deed">
    <button type="button" class=${style ?? ""} aria-busy=${isBusy} aria-label=${label} aria-pressed=${pressed} aria-disabled=${disabled || null} onClick=${press}>${children}</button>
    ${problem && html`<span class="problem" role="alert">${problem}</span>`}
  </span>`;
}

let pending = null;
let showDialog = () => {};

/** Ask before something is done: `{title, text (nodes), confirm, deny, style}`; whether the person means it. */
export function ask(question) {
  return new Promise((resolve) => {
    pending = { ...question, resolve };
    showDialog();
  });
}

/** The place where `ask` asks; once in the page. */
export function Dialog() {
  const [, again] = useState(0);
  const dialog = useRef();
  useEffect(() => {
    showDialog = () => {
      again((count) => count + 1);
      dialog.current.returnValue = "";
      dialog.current.showModal();
    };
  }, []);
  const closed = () => {
    pending.resolve(dialog.current.returnValue === "yes");
    pending = null;
  };
  return html`<dialog ref=${dialog} aria-labelledby="dialog-title" onClose=${closed}>
    <form method="dialog">
      <h2 id="dialog-title">${pending?.title}</h2>
      <div class="text">${pending?.text}</div>
      <p class="buttons">
        <button type="submit" value="no">${pending?.deny ?? "Cancel"}</button>
        <button type="submit" value="yes" class=${pending?.style ?? "primary"}>${pending?.confirm ?? "Yes"}</button>
      </p>
    </form>
  </dialog>`;
}

/** Tabs of a panel; `tabs` are `{id, title, note}`. Arrow keys move as in https://www.w3.org/WAI/ARIA/apg/patterns/tabs/ */
export function Tabs({ tabs, chosen, choose, label, panelId }) {
  const moved = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = tabs.findIndex((tab) => tab.id === chosen);
    const next = tabs[(at + step + tabs.length) % tabs.length];
    choose(next.id);
    event.currentTarget.querySelector(`[data-tab="${next.id}"]`).focus();
  };
  return html`<div class="tabs" role="tablist" aria-label=${label} onKeyDown=${moved}>
    ${tabs.map(
      (tab) => html`<button type="button" role="tab" key=${tab.id} data-tab=${tab.id} aria-selected=${tab.id === chosen}
        aria-controls=${panelId} tabindex=${tab.id === chosen ? 0 : -1} onClick=${() => choose(tab.id)}>
        ${tab.title}${tab.note ? html` <span class="count">${tab.note}</span>` : null}
      </button>`,
    )}
  </div>`;
}

export const quiet = (text) => html`<span class="quiet">${text}</span>`;
export { classes };
