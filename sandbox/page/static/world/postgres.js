// What is in a database app of the simulated Fly: who uses it, how full it is, its databases and users.
import { html } from "../lib.js";
import { sizeText } from "../slack/files.js";
import { plural } from "./parts.js";

/** How many databases there are, for the heading. */
export const databasesNote = ({ databases }) => plural(databases.length, "database");

/** A cluster as its own server sees it. */
export function Postgres({ cluster }) {
  const { databases, users, attached, connections, is_read_only: isReadOnly } = cluster;
  return html`<dl class="cost">
      <div><dt>Connections</dt><dd>${connections ? `${connections.used} of ${connections.most}, ${connections.reserved} reserved` : "its primary does not run"}</dd></div>
      <div><dt>Attached apps</dt><dd>${attached.length ? attached.join(", ") : "none"}</dd></div>
      ${isReadOnly && html`<div><dt>Writes</dt><dd><span class="pill bad">read-only</span></dd></div>`}
    </dl>
    <ul class="rows" aria-label="Databases">${databases.map(({ name, owner, bytes }) => html`<li key=${name}>
      <p class="line"><strong>${name}</strong> <span class="quiet">owner ${owner} · ${sizeText(bytes)}</span></p>
    </li>`)}</ul>
    <p class="quiet">Users: ${users.map(({ name, superuser }, index) => html`${index > 0 && ", "}<code key=${name}>${name}</code>${superuser && " (superuser)"}`)}</p>`;
}
