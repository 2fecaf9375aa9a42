// What the list of scenes and the scene that is being played share.
import { html } from "../lib.js";
import { item, table, tablesOf } from "../store.js";
import { Deed } from "../ui.js";
import { look } from "../view.js";

export const CHANNEL = "C0DEPLOYS";
const RESET = "Everything in this sandbox goes back to its beginning: messages, deployments, pull requests, faults.";

/** Begins a scene, after a question unless the world is fresh and nothing can be lost. */
export function Start({ scene, isFresh, label, style, children }) {
  const confirm = { title: `Start “${scene.title}”?`, text: RESET, confirm: "Start" };
  const begun = () => look({ panel: "scenes", channel: CHANNEL, tab: "messages", thread: null, user: firstPerson() ?? "U0ANA" });
  return html`<${Deed} path="scenes/start" body=${{ name: scene.name }} confirm=${isFresh ? null : confirm} style=${style} label=${label} onDone=${begun}>${children}<//>`;
}

const firstPerson = () => item("scenes/playing/playing")?.steps[0].by[0]?.id;

/** Whether nobody has said anything yet. */
export const isFresh = () => tablesOf("slack/message/").every((name) => table(name).size === 0);

/** What a screen reader is told when something changes. */
export function news(scene) {
  if (!scene || scene.trouble) return "";
  if (!scene.is_ready) return "The scene is being set up.";
  if (scene.is_over) return `The scene is over. ${scene.shown}`;
  const done = scene.held ? `Step ${scene.held} has happened. ` : "";
  return `${done}Step ${scene.held + 1} of ${scene.steps.length}: ${scene.steps[scene.held].say.replace(/[`*]/g, "")}.`;
}

/** Text with `code` and *strong words*. */
export function Words({ text }) {
  return text.split(/(`[^`]+`|\*[^*\s][^*]*\*)/).map((part) => {
    if (part.startsWith("`")) return html`<code>${part.slice(1, -1)}</code>`;
    return part.startsWith("*") && part.endsWith("*") && part.length > 2 ? html`<strong>${part.slice(1, -1)}</strong>` : part;
  });
}
