// One Machine: what runs on it, how it is, and what can be done to it.
import { html } from "../lib.js";
import { Deed, Pill, tone } from "../ui.js";
import { look } from "../view.js";
import { Commit, Fold, Left, useGlow } from "./parts.js";

const DIGEST_SHOWN = 12;
const RUNNING = new Set(["started", "starting", "restarting", "replacing"]);

/** Whether it runs, or is on its way to. */
export const isAwake = ({ state }) => RUNNING.has(state);

/** The worst status among the checks of a Machine that runs; undefined without any. */
export function worst({ checks, state }) {
  if (state !== "started" || !checks.length) return undefined;
  const found = new Set(checks.map((check) => check.status));
  return found.has("critical") ? "critical" : found.has("warning") ? "warning" : "passing";
}

/** A Machine in the list of its region. */
export function Machine({ machine }) {
  const glow = useGlow(JSON.stringify(machine));
  return html`<li class="machine" ref=${glow}>
    <p class="line"><code title=${machine.name}>${machine.id}</code> <${Pill} word=${machine.state} /> <${ChecksCount} machine=${machine} />${tagsOf(machine).map((word) => html` <span class="tag" key=${word}>${word}</span>`)}</p>
    <p class="line"><${Commit} commit=${machine.commit} label=${machine.image} /></p>
    <p class="quiet">${machine.release ? `v${machine.release} · ` : ""}${sizeOf(machine.size)} · <code title=${machine.digest}>${machine.digest.replace("sha256:", "").slice(0, DIGEST_SHOWN)}</code></p>
    ${machine.lease && html`<p class="lease">🔒 ${machine.lease.owner} holds its lease${machine.lease.description ? ` (${machine.lease.description})` : ""} · <${Left} until=${machine.lease.expires_at} /></p>`}
    <${CheckLines} machine=${machine} />
    <${MachineDeeds} machine=${machine} />
  </li>`;
}

function ChecksCount({ machine }) {
  const { checks, state } = machine;
  if (!checks.length) return null;
  const passing = checks.filter((check) => check.status === "passing").length;
  const mood = state === "started" ? tone(worst(machine)) : "resting";
  return html`<span class=${`pill ${mood}`}>${passing}/${checks.length} checks</span>`;
}

function tagsOf(machine) {
  const group = machine.process_group;
  return [
    group && group !== "app" ? group.replace("fly_app_", "").replaceAll("_", " ") : "",
    machine.standby_for.length ? `standby for ${machine.standby_for.join(", ")}` : "",
    machine.cordoned ? "cordoned" : "",
    machine.is_reachable ? "" : "host unreachable",
    machine.restart_count ? `${machine.restart_count} restart${machine.restart_count === 1 ? "" : "s"}` : "",
  ].filter(Boolean);
}

function sizeOf({ cpu_kind: kind, cpus, memory_mb: memory }) {
  const name = kind === "shared" ? `shared-cpu-${cpus}x` : `performance-${cpus}x`;
  return `${name} · ${memory < 1024 ? `${memory} MB` : `${memory / 1024} GB`}`;
}

/** What the checks say, line by line: all of a database's, of others those that do not pass. */
function CheckLines({ machine: { checks, state } }) {
  const said = checks.filter((check) => check.status !== "passing" || check.output.includes("\n") || check.name === "role");
  if (!said.length) return null;
  return html`<dl class="checks">
    ${said.map(
      ({ name, status, output }) => html`<div key=${name}>
        <dt>${name} <span class=${`pill ${state === "started" ? tone(status) : "resting"}`}>${state === "started" ? status : `${status} before it stopped`}</span></dt>
        <dd>${output.split("\n").map((line, index) => html`<span key=${index} class="check-line">${line}</span>`)}</dd>
      </div>`,
    )}
  </dl>`;
}

function MachineDeeds({ machine }) {
  const { id, state, lease } = machine;
  const deed = (what, words, more) => html`<${Deed} path="fly/machine" body=${{ machine: id, do: what }} label=${`${words} ${id}`} ...${more}>${words}<//>`;
  const destroying = {
    title: `Destroy Machine ${id}?`,
    text: "It is gone for good. Its volume stays, and goes on costing.",
    confirm: "Destroy",
    style: "danger",
  };
  const isRunning = state === "started";
  return html`<div class="machine-deeds small">
    ${isAwake(machine) ? deed("stop", "Stop", { disabled: !isRunning }) : deed("start", "Start", { disabled: state === "destroying" || state === "stopping" })}
    <${Fold} id=${`machine/${id}`} title="More" level=${6}>${() =>
      html`<div class="buttons">
        ${deed("crash", "Crash", { disabled: !isRunning })}
        ${deed("crash_loop", "Crash again and again", { disabled: !isRunning })}
        ${deed("out_of_memory", "Run out of memory", { disabled: !isRunning })}
        ${deed("fail_checks", "Fail its checks", { disabled: !isRunning })}
        ${deed("heal_checks", "Heal its checks", { disabled: !isRunning })}
        ${lease ? deed("release_lease", "Break its lease") : deed("lease", "Take its lease for a minute")}
        ${deed("destroy", "Destroy", { style: "danger", confirm: destroying })}
      </div>
      <p class="quiet">What goes wrong later, or with the next deployment: <button type="button" class="as-link" onClick=${() => look({ panel: "faults" })}>Faults & time</button></p>`}<//>
  </div>`;
}
