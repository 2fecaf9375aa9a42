// What a person presses and chooses in blocks, on its way to the server and back.
import { html, useRef, useState } from "../lib.js";
import { act, item } from "../store.js";
import { ask } from "../ui.js";
import { view } from "../view.js";
import { Text, stringOf } from "./mrkdwn.js";

const STYLES = new Set(["primary", "danger"]);
const INITIAL = {
  plain_text_input: ["value", "initial_value"],
  email_text_input: ["value", "initial_value"],
  url_text_input: ["value", "initial_value"],
  number_input: ["value", "initial_value"],
  static_select: ["selected_option", "initial_option"],
  external_select: ["selected_option", "initial_option"],
  radio_buttons: ["selected_option", "initial_option"],
  users_select: ["selected_user", "initial_user"],
  conversations_select: ["selected_conversation", "initial_conversation"],
  channels_select: ["selected_channel", "initial_channel"],
  datepicker: ["selected_date", "initial_date"],
  timepicker: ["selected_time", "initial_time"],
  datetimepicker: ["selected_date_time", "initial_date_time"],
  checkboxes: ["selected_options", "initial_options"],
  multi_static_select: ["selected_options", "initial_options"],
  multi_external_select: ["selected_options", "initial_options"],
  multi_users_select: ["selected_users", "initial_users"],
  multi_conversations_select: ["selected_conversations", "initial_conversations"],
  multi_channels_select: ["selected_channels", "initial_channels"],
};

const underWay = new Map();

/** Do something in a place, after all that was done there before: the app hears of it in the order in which it happened. */
export function send(place, path, body, isWanted = () => true) {
  const where = place.kind === "view" ? { view_id: place.view_id } : { channel: place.channel, ts: place.ts, version: place.version };
  const all = { user: view.user, ...where, ...body };
  const key = place.view_id ?? `${place.channel} ${place.ts}`;
  const next = (underWay.get(key) ?? Promise.resolve()).then(() => (isWanted() ? act(path, all) : null));
  underWay.set(key, next.catch(() => null));
  return next;
}

const idsOf = (block, element) => ({ block_id: block.block_id, action_id: element.action_id });

/** Whether the person means it, where the app wants that asked. */
export async function isMeant({ confirm }) {
  if (!confirm) return true;
  return ask({
    title: stringOf(confirm.title),
    text: html`<${Text} text=${confirm.text} />`,
    confirm: stringOf(confirm.confirm),
    deny: stringOf(confirm.deny),
    style: STYLES.has(confirm.style) ? confirm.style : "primary",
  });
}

// Beside a message its own notice says that the app did not hear of something.
const shownHere = (place, answer) => (place.kind === "view" ? (answer?.problem ?? "") : "");

/** `press(value)` for what keeps no choice; `isBusy` until the app has heard of it, `problem` where it has not. */
export function usePress(place, block, element, path = "click") {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const press = async (value) => {
    if (isBusy || !(await isMeant(element))) return;
    setBusy(true);
    setProblem(await problemOf(place, send(place, path, { ...idsOf(block, element), value: value ?? null })));
    setBusy(false);
  };
  return { press, isBusy, problem };
}

async function problemOf(place, answer) {
  try {
    return shownHere(place, await answer);
  } catch (error) {
    return error.message;
  }
}

/** What is chosen in an element, as the server knows it: what the person chose last, else what the app preset. */
function known(place, block, element) {
  const [key, initial] = INITIAL[element.type];
  const chosen = place.kind === "view" ? place.values : item(`slack/message/${place.channel}/${place.ts}`)?.chosen?.[view.user];
  const state = chosen?.[block.block_id]?.[element.action_id];
  return (state ? state[key] : element[initial]) ?? null;
}

/**
 * What is chosen in an element. `shown` is what the person chose, even before the server knows; `choose(value, shown)`
 * sends it, `hold(shown)` only shows it, as while somebody types.
 */
export function useChoice(place, block, element) {
  const now = known(place, block, element);
  const print = JSON.stringify(now);
  const latest = useRef();
  latest.current = print;
  const pending = useRef(0);
  const [mine, setMine] = useState(null);
  const [problem, setProblem] = useState("");
  // Until the server shows another state than it did after it had heard of the choice.
  const isMine = mine && (mine.print === null || mine.print === print);
  const hold = (shown) => setMine({ shown, print: null });
  const choose = async (value, shown, { trigger, isWanted } = {}) => {
    if (!(await isMeant(element))) return setMine(null);
    hold(shown);
    pending.current += 1;
    const body = { ...idsOf(block, element), value, trigger };
    const trouble = await problemOf(place, send(place, "select", body, isWanted));
    pending.current -= 1;
    setProblem(trouble);
    if (!pending.current) setMine((held) => (held?.print === null && held.shown === shown ? { shown, print: latest.current } : held));
    return undefined;
  };
  const search = (value, isWanted) => searched(send(place, "suggest", { ...idsOf(block, element), value }, isWanted));
  return { shown: isMine ? mine.shown : now, choose, hold, search, problem, isBusy: pending.current > 0 };
}

async function searched(answer) {
  try {
    return await answer;
  } catch (error) {
    return { options: [], option_groups: [], problem: error.message };
  }
}
