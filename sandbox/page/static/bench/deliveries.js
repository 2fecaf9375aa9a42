// What the simulated GitHub and Slack sent to the bot, to be sent again.
import { clock, html, memo } from "../lib.js";
import { Deed, Pill } from "../ui.js";

const SHOWN = 12;

/** The newest deliveries of webhooks, and the last request of Slack. */
export function Deliveries({ deliveries }) {
  const newest = [...deliveries.values()].sort((one, other) => other.at - one.at).slice(0, SHOWN);
  return html`<div class="deliveries">
    <p class="buttons small"><${Deed} path="slack/resend">The last Slack request again<//></p>
    ${
      newest.length
        ? html`<ul aria-label="Webhooks, newest first">${newest.map((each) => html`<${Delivery} key=${each.id} delivery=${each} />`)}</ul>`
        : html`<p class="hint">No webhook has been delivered yet. Push, tag or open a pull request at GitHub.</p>`
    }
  </div>`;
}

const Delivery = memo(
  ({ delivery }) => html`<li class="delivery">
    <span class="delivery-event">${delivery.event}${delivery.action && html`<span class="quiet"> ${delivery.action}</span>`}</span>
    <${Pill} word=${delivery.outcome} />
    <span class="quiet">${[clock(delivery.at, { withSeconds: true }), delivery.status && String(delivery.status), delivery.ms !== null && `${delivery.ms} ms`, delivery.is_again && "again"].filter(Boolean).join(" · ")}</span>
    <${Deed} path="delivery/again" body=${{ id: delivery.id }} label=${`Redeliver ${delivery.event}`}>Redeliver<//>
  </li>`,
);
