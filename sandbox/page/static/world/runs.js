// Workflow runs of the simulated GitHub, with their jobs, steps and logs.
import { html, memo, useEffect } from "../lib.js";
import { Deed, Pill } from "../ui.js";
import { Fold, Log, keepOpen, useGlow, when } from "./parts.js";

const STAMP = /^\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)\S* /;

/** Whether a run has not ended. */
export const isUnderWay = (run) => run.status !== "completed";

/** A run: what started it, how far it is, and the buttons of its state. */
export const Run = memo(function Run({ run }) {
  const glow = useGlow(`${run.attempt} ${run.status} ${run.conclusion}`);
  const jobs = `jobs/${run.id}`;
  const isGoing = isUnderWay(run);
  useEffect(() => void (isGoing && keepOpen(jobs)), [isGoing]);
  return html`<li class="run" ref=${glow} aria-label=${`${run.name} on ${run.branch ?? run.short}`}>
    <p class="line"><strong>${run.name}</strong> <${Pill} word=${run.conclusion ?? run.status} />${run.attempt > 1 && html` <span class="tag">attempt ${run.attempt}</span>`}</p>
    ${run.title !== run.name && html`<p class="title">${run.title}</p>`}
    <p class="quiet"><code>${run.short}</code> <bdi>${run.branch ?? ""}</bdi> · ${run.event.replaceAll("_", " ")} by ${run.actor} · ${when(run.created_at)}</p>
    <div class="run-deeds">
      <${RunDeeds} run=${run} />
      <${Fold} id=${jobs} title="Jobs" note=${run.jobs.map(({ name }) => name).join(", ")} level=${5} isOpen=${isGoing}>${() => html`<ul class="jobs">${run.jobs.map((job) => html`<${Job} key=${job.id} job=${job} />`)}</ul>`}<//>
    </div>
  </li>`;
});

function RunDeeds({ run }) {
  const deed = (what, words, style) => html`<${Deed} path="github/run" body=${{ run: run.id, do: what }} label=${`${words} ${run.name}`} style=${style}>${words}<//>`;
  if (run.status === "waiting") {
    return html`<p class="buttons small">${deed("approve", "Approve", "primary")} ${deed("reject", "Reject", "danger")} ${deed("cancel", "Cancel")}</p>`;
  }
  if (isUnderWay(run)) return html`<p class="buttons small">${deed("cancel", "Cancel")}</p>`;
  return html`<p class="buttons small">${deed("rerun", "Re-run")}${run.conclusion !== "success" && html` ${deed("rerun_failed", "Re-run failed jobs")}`}</p>`;
}

function Job({ job }) {
  return html`<li class="job">
    <p class="line">${job.name} <${Pill} word=${job.conclusion ?? job.status} /> <span class="quiet">${lasted(job.seconds)}</span></p>
    <ol class="steps">
      ${job.steps.map((step) => html`<li key=${step.name} class="line" data-step=${step.conclusion ?? step.status}><span aria-hidden="true" class="mark">${markOf(step)}</span><span class="hidden">${(step.conclusion ?? step.status).replaceAll("_", " ")}:</span> ${step.name} <span class="quiet">${lasted(step.seconds)}</span></li>`)}
    </ol>
    ${job.lines > 0 && html`<${Fold} id=${`log/${job.id}`} title="Log" note=${`${job.lines} lines`} level=${6}>${() => html`<${Log} label=${`Log of ${job.name}`} path="github/log" body=${{ job: job.id }} print=${job.lines} line=${(line) => line.replace(STAMP, "$1 ")} />`}<//>`}
  </li>`;
}

const MARKS = { success: "✓", failure: "✗", in_progress: "●", skipped: "–", cancelled: "–" };
const markOf = ({ status, conclusion }) => MARKS[conclusion ?? status] ?? "○";

function lasted(seconds) {
  if (seconds === null) return "";
  return seconds < 60 ? `${Math.round(seconds)} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
