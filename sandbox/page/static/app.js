// Polls the server and shows what changed.
import { poll } from "./api.js";
import { renderChat } from "./chat.js";
import { setCommands, startCompose } from "./compose.js";
import { renderBot, renderFaults, startControls } from "./controls.js";
import { byId, clock, say } from "./dom.js";
import { renderFly } from "./fly.js";
import { renderModal, startModal } from "./modal.js";
import { renderRuns } from "./runs.js";

const POLL_MS = 400;
const RETRY_MS = 2000;

let state = null;
let received = 0;
let timer;
let polling = false;
let again = false;

function redraw() {
  if (!state) return;
  setCommands(state.slack.commands);
  renderChat(state.slack, { redraw, refresh });
  renderModal(state.slack);
  renderFly(state.fly, state.faults);
  renderRuns(state.runs, act);
  renderBot(state.bot);
  renderFaults(state.faults, state.fly, act);
  say(byId("speed"), `×${state.speed}`);
}

// One request at a time: answers that overtake each other would show the past.
async function refresh() {
  if (polling) {
    again = true;
    return;
  }
  clearTimeout(timer);
  polling = true;
  const pause = await ask();
  polling = false;
  timer = setTimeout(refresh, again ? 0 : pause);
  again = false;
}

async function ask() {
  let fresh;
  try {
    fresh = await poll(state?.revision ?? "");
  } catch {
    byId("lost").hidden = false;
    return RETRY_MS;
  }
  byId("lost").hidden = true;
  if (fresh) {
    state = fresh;
    received = performance.now();
    redraw();
  }
  return POLL_MS;
}

function tick() {
  if (state) say(byId("time"), clock(state.now + ((performance.now() - received) / 1000) * state.speed));
}

const act = startControls(refresh, redraw);
startCompose(refresh);
startModal(refresh);
setInterval(tick, 250);
refresh();
