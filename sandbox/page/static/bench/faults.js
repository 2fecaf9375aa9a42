// What goes wrong on purpose, and what else a person can do to the sandbox as a whole.
import { html } from "../lib.js";
import { item, table } from "../store.js";
import { Deed } from "../ui.js";
import { Fold } from "../world/parts.js";
import { BotSection } from "./bot.js";
import { Deliveries } from "./deliveries.js";
import { FaultRows } from "./fault_rows.js";
import { Saves } from "./saves.js";
import { Clock, TimeControls } from "./time.js";

const SIMULATORS = [
  ["fly", "Fly"],
  ["github", "GitHub"],
  ["slack", "Slack"],
];

/** Faults, the bot, the clock, webhooks, saved states. */
export function FaultsPanel() {
  const on = [...table("fault/on").values()];
  return html`<div class="bench">
    <h3>Faults</h3>
    <${OnNow} on=${on} />
    ${SIMULATORS.map(([name, title]) => html`<${Simulator} key=${name} name=${name} title=${title} on=${on.filter((fault) => fault.simulator === name)} />`)}
    <h3>The bot</h3>
    <${BotSection} bot=${item("workbench/bot")} offered=${item("workbench/moments")} />
    <h3>Time <span class="quiet"><${Clock} /></span></h3>
    <${TimeControls} />
    <h3>Sent to the bot</h3>
    <${Deliveries} deliveries=${table("delivery/github")} />
    <h3>Saved states</h3>
    <${Saves} saves=${table("save/state")} />
  </div>`;
}

function OnNow({ on }) {
  if (!on.length) return html`<p class="hint" role="status">Nothing is wrong on purpose. A fault that is used up goes off by itself.</p>`;
  return html`<div class="on-now">
    <p class="on-head"><span role="status">${on.length === 1 ? "1 fault is on" : `${on.length} faults are on`}</span> <${Deed} path="fault/clear">Switch all off<//></p>
    <ul aria-label="Faults that are on">
      ${on.map(
        (fault) => html`<li key=${`${fault.simulator}-${fault.id}`} class="on-fault">
          <span><strong>${SIMULATORS.find(([name]) => name === fault.simulator)[1]}: ${fault.label}</strong>${fault.where && html` <span class="quiet">${fault.where}</span>`}${fault.left && html` <span class="tag">${fault.left === 1 ? "once more" : `${fault.left} more times`}</span>`}</span>
          <${Deed} path="fault/off" body=${{ simulator: fault.simulator, id: fault.id }} style="icon" label=${`Switch off ${fault.label}`}>×<//>
        </li>`,
      )}
    </ul>
  </div>`;
}

function Simulator({ name, title, on }) {
  const rows = [...table("fault/row").values()].filter((row) => row.simulator === name);
  const ours = new Map();
  for (const fault of on.filter((each) => each.is_ours)) ours.set(fault.name, [...(ours.get(fault.name) ?? []), fault]);
  return html`<${Fold} id=${`faults-${name}`} title=${title} note=${on.length ? `${on.length} on` : `${rows.length} faults`} isOpen=${name === "fly"}>
    ${() => html`<${FaultRows} rows=${rows} calls=${item(`fault/calls/${name}`)} on=${ours} />`}
  <//>`;
}
