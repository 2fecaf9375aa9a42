// The whole sandbox under a name: save it, go back to it, begin anew.
import { html, memo, useId, useState } from "../lib.js";
import { act } from "../store.js";
import { Deed } from "../ui.js";

const RESET = {
  title: "Back to the start?",
  text: "Messages, deployments, pull requests and whatever else happened here is forgotten, the bot's database too. Saved states stay.",
  confirm: "Begin anew",
  style: "danger",
};

/** Saved states, newest first. */
export function Saves({ saves }) {
  const newest = [...saves.values()].sort((one, other) => other.saved_at - one.saved_at);
  return html`<div class="saves">
    <${SaveForm} />
    ${newest.length > 0 && html`<ul aria-label="Saved states">${newest.map((save) => html`<${Save} key=${save.name} save=${save} />`)}</ul>`}
    <p class="buttons small"><${Deed} path="reset" confirm=${RESET} style="danger">Back to the start<//></p>
  </div>`;
}

function SaveForm() {
  const [name, setName] = useState("");
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const id = useId();
  const save = async (event) => {
    event.preventDefault();
    if (isBusy) return;
    setBusy(true);
    setProblem("");
    try {
      await act("saves/save", { name });
      setName("");
    } catch (error) {
      setProblem(error.message);
    }
    setBusy(false);
  };
  return html`<form class="save-form" onSubmit=${save}>
    <label for=${id}>Save as</label>
    <input id=${id} type="text" value=${name} maxlength="40" autocomplete="off" spellcheck=${false} onInput=${(event) => setName(event.target.value)} />
    <button type="submit" aria-busy=${isBusy}>Save</button>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
  </form>`;
}

const Save = memo(({ save }) => {
  const load = { title: `Go back to “${save.name}”?`, text: "What happened since then is forgotten, unless it is saved too.", confirm: "Load" };
  const remove = { title: `Remove “${save.name}”?`, text: "The saved state is deleted.", confirm: "Remove", style: "danger" };
  return html`<li class="save">
    <span><strong>${save.name}</strong> <span class="quiet">${new Date(save.saved_at * 1000).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })}</span></span>
    <span class="buttons small">
      <${Deed} path="saves/load" body=${{ name: save.name }} confirm=${load} label=${`Load ${save.name}`}>Load<//>
      <${Deed} path="saves/remove" body=${{ name: save.name }} confirm=${remove} label=${`Remove ${save.name}`} style="icon">×<//>
    </span>
  </li>`;
});
