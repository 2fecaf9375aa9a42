// The line to type in: completion of commands, what was typed before, and what came of it.
import { post } from "./api.js";
import { chosen } from "./chat.js";
import { STEPS, combobox } from "./combobox.js";
import { byId, el, say } from "./dom.js";

const input = byId("text");
const list = byId("suggestions");
const box = combobox(input, list, accept);
const typed = [];
let commands = [];
let offered = [];
let recalled = 0;

/** Commands as the app's manifest registers them. */
export function setCommands(registered) {
  commands = registered;
}

/** Wire the form; `refresh` is called after something was sent. */
export function startCompose(refresh) {
  input.addEventListener("input", suggest);
  input.addEventListener("keydown", keys);
  input.addEventListener("blur", box.close);
  byId("compose").addEventListener("submit", (event) => {
    event.preventDefault();
    send(refresh);
  });
}

async function send(refresh) {
  const text = input.value.trim();
  if (!text) return;
  box.close();
  say(byId("status"), "Sending…");
  input.value = "";
  say(byId("hint"), "");
  typed.push(text);
  recalled = typed.length;
  try {
    const answer = await post("command", { user: chosen.user, channel: chosen.channel, text });
    say(byId("status"), answer.problem ?? "");
  } catch (error) {
    say(byId("status"), error.message);
    input.value = input.value || text;
  }
  refresh();
}

function suggest() {
  const [word, ...rest] = input.value.split(" ");
  const known = commands.find((entry) => entry.command === word);
  say(byId("hint"), known && rest.length ? `${known.command} ${known.usage_hint ?? ""}` : "");
  offered = word.startsWith("/") && !rest.length ? commands.filter((entry) => entry.command.startsWith(word)) : [];
  box.show(offered.map(row));
}

function row(entry) {
  const hint = el("span", { class: "quiet" }, ` ${entry.usage_hint ?? ""}`);
  return [el("strong", {}, entry.command), hint, el("span", { class: "about quiet" }, entry.description ?? "")];
}

function accept(index) {
  input.value = `${offered[index].command} `;
  suggest();
}

function keys(event) {
  const step = STEPS[event.key];
  if (list.hidden) {
    if (step) recall(step, event);
    return;
  }
  if (step) box.move(step);
  else if (event.key === "Tab" && !event.shiftKey) accept(box.active);
  else if (event.key === "Enter" && offered[box.active].command !== input.value) accept(box.active);
  else if (event.key === "Escape") box.close();
  else return;
  event.preventDefault();
}

function recall(step, event) {
  const next = recalled + step;
  if (next < 0 || next > typed.length) return;
  recalled = next;
  input.value = typed[next] ?? "";
  event.preventDefault();
}
