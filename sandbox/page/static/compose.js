// The line to type in: completion of commands, what was typed before, and what came of it.
import { post } from "./api.js";
import { chosen } from "./chat.js";
import { byId, el, say } from "./dom.js";

const input = byId("text");
const list = byId("suggestions");
const typed = [];
let commands = [];
let active = -1;
let recalled = 0;

/** Commands as the app's manifest registers them. */
export function setCommands(registered) {
  commands = registered;
}

/** Wire the form; `refresh` is called after something was sent. */
export function startCompose(refresh) {
  input.addEventListener("input", suggest);
  input.addEventListener("keydown", keys);
  input.addEventListener("blur", close);
  byId("compose").addEventListener("submit", (event) => {
    event.preventDefault();
    send(refresh);
  });
}

async function send(refresh) {
  const text = input.value.trim();
  if (!text) return;
  close();
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
  const offered = word.startsWith("/") && !rest.length ? commands.filter((entry) => entry.command.startsWith(word)) : [];
  list.replaceChildren(...offered.map(option));
  open(offered.length > 0);
  mark(offered.length ? 0 : -1);
}

function option(entry, index) {
  const take = (event) => {
    event.preventDefault();
    accept(index);
  };
  const hint = el("span", { class: "quiet" }, ` ${entry.usage_hint ?? ""}`);
  const about = el("span", { class: "about quiet" }, entry.description ?? "");
  return el("li", { role: "option", id: `option-${index}`, "data-command": entry.command, onmousedown: take }, el("strong", {}, entry.command), hint, about);
}

function open(isOpen) {
  list.hidden = !isOpen;
  input.setAttribute("aria-expanded", String(isOpen));
}

function close() {
  open(false);
  mark(-1);
}

function mark(index) {
  active = index;
  [...list.children].forEach((node, position) => node.setAttribute("aria-selected", String(position === index)));
  if (index >= 0) input.setAttribute("aria-activedescendant", `option-${index}`);
  else input.removeAttribute("aria-activedescendant");
}

function accept(index) {
  input.value = `${list.children[index].dataset.command} `;
  suggest();
}

function keys(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (list.hidden) {
    if (step) recall(step, event);
    return;
  }
  const count = list.children.length;
  if (step) mark((active + step + count) % count);
  else if (event.key === "Tab" && !event.shiftKey) accept(active);
  else if (event.key === "Enter" && list.children[active].dataset.command !== input.value) accept(active);
  else if (event.key === "Escape") close();
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
