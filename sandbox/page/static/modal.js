// The modal that the app shows to the person one acts as. Source: https://docs.slack.dev/surfaces/modals
import { post } from "./api.js";
import { renderBlock } from "./blocks.js";
import { chosen, namesOf } from "./chat.js";
import { byId, keyed, say } from "./dom.js";
import { field, showErrors } from "./inputs.js";

const form = byId("modal");
let shown = { user: "", id: "" };
let errors = "";
let refresh;
let last = Promise.resolve();

/** Wire the buttons; `again` is called after something was done. */
export function startModal(again) {
  refresh = again;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act("submit", byId("modal-submit"));
  });
  byId("modal-close").addEventListener("click", (event) => act("close", event.target));
  byId("modal-cross").addEventListener("click", (event) => act("close", event.target));
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") act("close", byId("modal-close"));
  });
}

/** Show the topmost modal of the chosen person, or none. It leaves the rest of the page in reach. */
export function renderModal(slack) {
  const view = slack.views[chosen.user];
  const before = shown;
  const hadFocus = form.contains(document.activeElement);
  shown = { user: chosen.user, id: view?.id ?? "" };
  if (before.id !== shown.id) say(byId("modal-status"), "");
  byId("layer").hidden = !view;
  byId("behind").inert = Boolean(view);
  const faulty = view ? fill(view, slack) : null;
  if (before.user === shown.user) moveFocus({ view, faulty, hadFocus, isOther: before.id !== shown.id });
}

// Draw the view; the first input with an error that was not there before, or null.
function fill(view, slack) {
  const context = { names: namesOf(slack), values: view.values, choose, search, press };
  say(byId("modal-title"), view.title.text);
  say(byId("modal-trouble"), view.trouble ?? "");
  keyed(byId("modal-blocks"), view.blocks, (block) => `${view.id} ${block.block_id}`, (block) =>
    block.type === "input" ? field(block, context) : renderBlock(block, context),
  );
  say(byId("modal-close"), view.close?.text ?? "Close");
  say(byId("modal-submit"), view.submit?.text ?? "");
  byId("modal-submit").hidden = !view.submit;
  const faulty = showErrors(byId("modal-blocks"), view.errors);
  const known = errors;
  errors = JSON.stringify(view.errors);
  return errors === known ? null : faulty;
}

function moveFocus({ view, faulty, hadFocus, isOther }) {
  if (!view) {
    if (hadFocus) byId("text").focus();
    return;
  }
  const active = document.activeElement;
  if (faulty) faulty.focus();
  else if (isOther) (byId("modal-blocks").querySelector("input, select, textarea") ?? form).focus();
  // What had it went with the update: the next key still belongs to the modal.
  else if (hadFocus && (!form.contains(active) || active.closest("[hidden]"))) form.focus();
}

// One after the other: the app is asked with what was chosen before.
function send(name, body, isWanted = () => true) {
  const place = { user: shown.user, view_id: shown.id };
  const next = last.then(() => (isWanted() ? post(name, { ...place, ...body }) : null));
  last = next.catch(() => null);
  return next;
}

async function act(name, button) {
  if (button.hasAttribute("aria-busy")) return;
  button.setAttribute("aria-busy", "true");
  await told(send(name, {}));
  button.removeAttribute("aria-busy");
  refresh();
}

async function told(answer) {
  try {
    say(byId("modal-status"), (await answer)?.problem ?? "");
  } catch (error) {
    say(byId("modal-status"), error.message);
  }
}

const idsOf = (block, element) => ({ block_id: block.block_id, action_id: element.action_id });

function choose(block, element, value) {
  told(send("select", { ...idsOf(block, element), value }));
}

async function search(block, element, value, isWanted) {
  try {
    return await send("suggest", { ...idsOf(block, element), value }, isWanted);
  } catch (error) {
    return { options: [], problem: error.message };
  }
}

async function press(element, block, node) {
  node.setAttribute("aria-busy", "true");
  await told(send("click", { ...idsOf(block, element), value: element.value ?? null }));
  node.removeAttribute("aria-busy");
  refresh();
}
