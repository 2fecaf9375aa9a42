// The form that the app shows to a person. Source: https://docs.slack.dev/surfaces/modals
import { html, useEffect, useLayoutEffect, useRef, useState } from "../lib.js";
import { item } from "../store.js";
import { view } from "../view.js";
import { send } from "./acting.js";
import { Blocks } from "./blocks.js";
import { useKeptFocus } from "./focus.js";
import { plain } from "./mrkdwn.js";

const CONTROLS = "input, select, textarea";
const REQUIRED = "Please complete this required field.";
// Whose form was shown last: another person's form takes nobody's focus.
let shownTo = null;

/** The form that is open for the person of this window, over the conversation. The rest of the page stays in reach. */
export function ModalLayer() {
  const { user } = view;
  const form = item(`slack/view/${user}`);
  const isSame = shownTo === user;
  useEffect(() => {
    shownTo = user;
  });
  return form ? html`<${Layer} key=${form.id} form=${form} takesFocus=${isSame} />` : null;
}

function Layer({ form, takesFocus }) {
  const layer = useRef();
  // After every redraw, since another conversation may have taken the place of the one below.
  useLayoutEffect(() => keepOut(layer.current));
  useLayoutEffect(() => () => layer.current.contains(document.activeElement) && document.getElementById("text")?.focus(), []);
  return html`<div class="modal-layer" ref=${layer}><${Form} form=${form} takesFocus=${takesFocus} /></div>`;
}

// What lies below the form can be neither pressed nor read until it is closed; then the line to type in has the focus.
function keepOut(layer) {
  const below = [...layer.parentElement.children].filter((each) => each !== layer);
  for (const each of below) each.inert = true;
  return () => {
    for (const each of below) each.inert = false;
  };
}

function Form({ form, takesFocus }) {
  const node = useKeptFocus();
  const [isBusy, setBusy] = useState(false);
  const [status, setStatus] = useState("");
  const [missing, setMissing] = useState({});
  const place = { kind: "view", view_id: form.id, values: form.values, errors: form.errors, missing };
  useFocus(node, form, takesFocus);

  const act = async (path, more = {}) => {
    if (isBusy) return;
    setBusy(true);
    try {
      setStatus((await send(place, path, more))?.problem ?? "");
    } catch (error) {
      setStatus(error.message);
    }
    setBusy(false);
  };
  const submit = (event) => {
    event.preventDefault();
    if (!form.submit) return;
    const found = unfinished(node.current);
    setMissing(Object.fromEntries(found.map((each) => [each.block, each.sentence])));
    if (found.length) found[0].control.focus();
    else act("submit");
  };
  const touched = (event) => {
    const block = event.target.closest("[data-block]")?.dataset.block;
    if (missing[block]) setMissing({ ...missing, [block]: "" });
  };
  const escape = (event) => event.key === "Escape" && act("close");
  return html`<form ref=${node} class="modal" role="dialog" aria-labelledby="modal-title" tabindex="-1" novalidate onSubmit=${submit} onInput=${touched} onKeyDown=${escape}>
    <header class="modal-head">
      <h2 id="modal-title" dir="auto">${plain(form.title)}</h2>
      <button type="button" class="cross" aria-label="Close all" title="Close" onClick=${() => act("close", { all: true })}>✕</button>
    </header>
    <div class="modal-body">
      ${form.trouble && html`<p class="problem trouble" role="alert">${form.trouble}</p>`}
      <${Blocks} blocks=${form.blocks} place=${place} />
    </div>
    <footer class="modal-foot">
      <p class="problem" role="status">${form.trouble ? "" : status}</p>
      <button type="button" onClick=${() => act("close")}>${form.close ? plain(form.close) : "Close"}</button>
      ${form.submit && html`<button type="submit" class="primary" aria-busy=${isBusy || null}>${plain(form.submit)}</button>`}
    </footer>
  </form>`;
}

/** The controls that cannot be sent as they are, each with its block and what is wrong. */
function unfinished(form) {
  const controls = [...form.elements].filter((each) => each.willValidate && !each.checkValidity());
  return controls.map((control) => ({ control, block: control.closest("[data-block]")?.dataset.block, sentence: sentenceOf(control) }));
}

function sentenceOf({ validity, validationMessage, minLength }) {
  if (validity.valueMissing) return REQUIRED;
  return validity.tooShort ? `Type at least ${minLength} characters.` : validationMessage;
}

// To the first field when the form opens, to the first with an error when there are new ones.
function useFocus(node, form, takesFocus) {
  useLayoutEffect(() => {
    const opened = node.current;
    if (takesFocus) (opened.querySelector("[data-first]") ?? opened.querySelector(CONTROLS) ?? opened).focus();
  }, []);
  const errors = JSON.stringify(form.errors);
  useLayoutEffect(() => {
    const faulty = Object.keys(form.errors ?? {})[0];
    if (faulty) node.current.querySelector(`[data-block="${CSS.escape(faulty)}"]`)?.querySelector(CONTROLS)?.focus();
  }, [errors]);
}
