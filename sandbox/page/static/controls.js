// What breaks the world: the bot's process and the faults of the simulated Fly.
import { post } from "./api.js";
import { byId, el, keyed, say } from "./dom.js";

const WORDS = { running: "bot running", starting: "bot starting…", stopped: "bot stopped" };
const TONES = { running: "good", starting: "busy", stopped: "bad" };
let app = sessionStorage.getItem("fault-app") ?? "reify-studio-staging";

/** Wire the buttons; `act` sends a request and shows what is wrong with it. */
export function startControls(refresh, redraw) {
  const act = (name, body) => send(name, body, refresh);
  // On a telephone the conversation comes first.
  byId("strip").open = !matchMedia("(max-width: 900px)").matches;
  byId("kill").addEventListener("click", () => act("bot", { do: "kill" }));
  byId("start").addEventListener("click", () => act("bot", { do: "start" }));
  byId("clear").addEventListener("click", () => act("fault", { clear: true }));
  byId("fault-app").addEventListener("change", (event) => {
    app = event.target.value;
    sessionStorage.setItem("fault-app", app);
    redraw();
  });
  return act;
}

async function send(name, body, refresh) {
  try {
    await post(name, body);
    say(byId("status"), "");
  } catch (error) {
    say(byId("status"), error.message);
  }
  refresh();
}

export function renderBot(bot) {
  const state = bot.is_starting ? "starting" : bot.is_running ? "running" : "stopped";
  say(byId("bot-state"), WORDS[state]);
  byId("bot-state").className = `pill ${TONES[state]}`;
  byId("bot-state").title = bot.pid ? `process ${bot.pid}` : "";
  byId("kill").disabled = state === "stopped";
  byId("start").disabled = state !== "stopped";
}

export function renderFaults(faults, organisations, act) {
  const apps = organisations.flatMap((each) => each.apps).filter((each) => !each.role).map((each) => each.name);
  if (!apps.includes(app)) [app] = apps;
  keyed(byId("fault-app"), apps, (name) => name, (name) => el("option", { value: name }, name));
  byId("fault-app").value = app;
  const on = new Set(faults.on.filter((each) => each.app === app).map((each) => each.fault));
  const items = faults.offered.map((fault) => ({ ...fault, app, isOn: on.has(fault.name) }));
  keyed(byId("faults"), items, (item) => item.name, (item) =>
    el(
      "button",
      {
        type: "button",
        class: "switch",
        "aria-pressed": String(item.isOn),
        title: item.meaning,
        "data-focus": item.name,
        onclick: () => act("fault", { app: item.app, fault: item.name, on: !item.isOn }),
      },
      item.label,
    ),
  );
  byId("clear").disabled = faults.on.length === 0;
  say(byId("faults-on"), faults.on.length ? `${faults.on.length} on` : "");
}
