// Branches and tags of the simulated GitHub.
import { html } from "../lib.js";
import { Deed } from "../ui.js";
import { Checks, Commit, when } from "./parts.js";

const KINDS = { heads: "branch", tags: "tag" };

/** The refs of a kind (`heads`, `tags`), newest first. */
export function Refs({ kind, refs, repository }) {
  if (!refs.length) return html`<p class="quiet">None yet.</p>`;
  return html`<ul class="rows">${refs.map((ref) => html`<${Ref} key=${ref.name} kind=${kind} gitRef=${ref} repository=${repository} />`)}</ul>`;
}

function Ref({ kind, gitRef: { name, commit }, repository }) {
  const word = KINDS[kind];
  const isDefault = kind === "heads" && name === repository.default_branch;
  const deleting = { title: `Delete the ${word} ${name}?`, text: "Its commits stay where another branch or tag has them.", confirm: "Delete", style: "danger" };
  return html`<li class="git-ref">
    <p class="line"><strong class="name">${name}</strong> ${isDefault && html`<span class="tag">default</span>`} <${Checks} state=${commit.ci} /></p>
    <p class="line"><${Commit} commit=${commit} /></p>
    <p class="line"><span class="quiet">${commit.author} · ${when(commit.at)}</span>${!isDefault && html`<span class="small"><${Deed} path="github/delete" body=${{ repository: repository.id, ref: `${kind}/${name}` }} label=${`Delete ${word} ${name}`} confirm=${deleting}>Delete<//></span>`}</p>
  </li>`;
}
