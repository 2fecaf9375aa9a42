// The line above everything: whose sandbox, what time it is there, what is wrong on purpose, and the bot.
import { html } from "../lib.js";
import { item, table } from "../store.js";
import { Deed, Pill } from "../ui.js";
import { look } from "../view.js";
import { TimeMenu } from "./time.js";

/** The product's name, the clock, the faults that are on, the bot's process. */
export function TopBar() {
  return html`<header class="top">
    <h1>Flytower <span class="quiet">sandbox</span></h1>
    <${TimeMenu} />
    <${FaultCount} count=${table("fault/on").size} />
    <${Bot} bot=${item("workbench/bot")} />
  </header>`;
}

function FaultCount({ count }) {
  const open = () => look({ panel: "faults", drawer: "world", thread: null });
  const words = count === 1 ? "1 fault on" : `${count} faults on`;
  return html`<button type="button" class=${count ? "fault-count chip" : "fault-count quiet"} aria-label=${count ? words : undefined} onClick=${open}>
    ${count ? html`<span class="wide-only">${words}</span><span class="narrow-only">⚠ ${count}</span>` : "No faults"}
  </button>`;
}

function Bot({ bot }) {
  const isUp = bot.is_running && !bot.is_starting;
  return html`<div class="bot" role="group" aria-label="The bot">
    <span class="bot-name quiet">Bot</span>
    <span role="status" title=${bot.under_way || (bot.pid ? `Process ${bot.pid}` : "")}><${Pill} word=${bot.state} /></span>
    ${
      isUp || bot.is_starting
        ? html`<${Deed} key="kill" path="bot" body=${{ do: "kill" }} style="danger" label="Kill the bot" disabled=${!isUp}>Kill<//>`
        : html`<${Deed} key="start" path="bot" body=${{ do: "start" }} style="primary" label="Start the bot">Start<//>`
    }
  </div>`;
}
