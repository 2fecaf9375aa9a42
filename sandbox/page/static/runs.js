// Workflow runs of the simulated GitHub, and a person's answer where one waits for it.
import { byId, el, keyed, pill } from "./dom.js";

/** Show the runs; `act` sends a request and shows what is wrong with it. */
export function renderRuns(runs, act) {
  byId("runs-part").hidden = runs.length === 0;
  keyed(byId("runs"), runs, (run) => run.id, (run) => runItem(run, act));
}

function runItem(run, act) {
  const attempt = run.attempt > 1 ? el("span", { class: "tag" }, `attempt ${run.attempt}`) : null;
  const title = run.title === run.workflow ? "" : ` · ${run.title}`;
  return el(
    "li",
    { class: "run" },
    el("p", {}, el("strong", {}, run.workflow), pill(run.conclusion ?? run.status), attempt),
    el("p", { class: "quiet" }, el("code", {}, run.short), ` ${run.head_branch ?? ""} · ${run.event}${title}`),
    run.conclusion === "success" ? null : el("ul", { class: "jobs", "aria-label": "Jobs" }, run.jobs.map(jobItem)),
    run.status === "waiting" ? decision(run, act) : null,
  );
}

function jobItem(job) {
  const step = job.step ? el("span", { class: "quiet" }, job.step) : null;
  const log = job.log.length ? el("pre", {}, job.log.join("\n")) : null;
  return el("li", {}, el("p", {}, job.name, pill(job.conclusion ?? job.status), step), log);
}

function decision(run, act) {
  const button = (caption, what, style) =>
    el("button", { type: "button", class: style, "data-focus": what, onclick: () => act("run", { run: run.id, do: what }) }, caption);
  return el("p", { class: "buttons" }, button("Approve", "approve", "primary"), button("Reject", "reject", "danger"));
}
