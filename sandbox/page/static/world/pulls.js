// A pull request of the simulated GitHub.
import { html, memo } from "../lib.js";
import { Deed, Pill } from "../ui.js";
import { Checks, Forms, plural, useGlow, when } from "./parts.js";
import { PushForm } from "./push.js";

/** What it is, how it stands, and what `by` can do with it. */
export const Pull = memo(function Pull({ pull, by }) {
  const glow = useGlow(pull);
  const { number, title, author, state, head_ref: head, base_ref: base } = pull;
  return html`<li class="pull" ref=${glow} aria-label=${`Pull request ${number}`}>
    <p class="line"><span class="quiet">#${number}</span> <strong class="title">${title}</strong> <${Pill} word=${state} />${pull.draft && html` <span class="tag">draft</span>`}${pull.fork && html` <span class="tag">from ${pull.fork}</span>`} <${Checks} state=${pull.head.ci} /></p>
    <p class="quiet"><code>${head}</code> → <code>${base}</code> · ${author} · ${plural(pull.commits, "commit")} · <code>${pull.head.short}</code> · ${when(pull.updated_at)}${pull.merged_by ? ` · merged by ${pull.merged_by}` : ""}</p>
    <${PullDeeds} pull=${pull} by=${by} />
  </li>`;
});

function PullDeeds({ pull, by }) {
  const { repository, number, state, draft, has_branch: hasBranch } = pull;
  const deed = (what, words, more) => html`<${Deed} path="github/pull" body=${{ repository, number, do: what, by }} label=${`${words} #${number}`} ...${more}>${words}<//>`;
  if (state === "merged" || (state === "closed" && !hasBranch)) return null;
  if (state === "closed") return html`<p class="buttons small">${deed("reopen", "Reopen")}</p>`;
  const pushing = {
    id: "push",
    title: "Push a commit",
    about: `Push a commit to #${number}`,
    form: (close) => html`<${PushForm} repository=${repository} pull=${number} onDone=${close} />`,
  };
  return html`<${Forms} forms=${[pushing]} label=${`What to do with #${number}`}>
    ${!draft && deed("merge", "Merge", { style: "primary" })}
    ${!draft && deed("squash", "Squash and merge")}
    ${draft ? deed("ready", "Ready for review") : deed("draft", "Make it a draft")}
    ${deed("close", "Close")}
  <//>`;
}
