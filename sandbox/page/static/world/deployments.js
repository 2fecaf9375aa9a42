// Deployments of the simulated GitHub: what workflows and the bot report about environments.
import { html } from "../lib.js";
import { table } from "../store.js";
import { Pill } from "../ui.js";
import { when } from "./parts.js";

/** Newest first, each with its statuses. */
export function Deployments() {
  const all = [...table("github/deployment").values()].sort((one, other) => other.id - one.id);
  if (!all.length) return html`<p class="quiet">No deployments yet. Workflows report theirs here, and so does the bot.</p>`;
  return html`<ul class="rows">
    ${all.map(
      (each) => html`<li key=${each.id}>
        <p class="line"><strong>${each.environment}</strong> <${Pill} word=${each.state} /> <code>${each.short}</code> <span class="title">${each.title}</span></p>
        <p class="quiet"><bdi>${each.ref}</bdi> · ${each.creator} · ${when(each.created_at)}${each.description ? html` · <bdi>${each.description}</bdi>` : ""}</p>
        <ol class="statuses">${each.statuses.map((status, index) => html`<li key=${index} class="quiet">${when(status.at)} ${status.state.replaceAll("_", " ")}${status.description ? `: ${status.description}` : ""}</li>`)}</ol>
      </li>`,
    )}
  </ul>`;
}
