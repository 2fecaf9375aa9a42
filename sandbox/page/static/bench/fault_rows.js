// The table of faults: each with its meaning, what it is aimed at, how often, and a switch.
import { classes, html, memo, useEffect, useId, useState } from "../lib.js";
import { act } from "../store.js";

const ALWAYS = "always";
const OFTEN = [1, 2, 3, 5, 10];
// What a person chose for a fault, for as long as the page is open.
const aims = new Map();

const aimOf = (row) => aims.get(row.name) ?? { target: "", call: row.has_calls ? "any" : null, times: row.times ?? ALWAYS, where: "" };
const often = (times) => (times === ALWAYS ? "always" : times === 1 ? "once" : `${times} times`);
const places = { app: "every app", machine: "everywhere", place: "everywhere", organization: "every organisation", image: "every image", commit: "every commit", step: "every step", workflow: "every workflow", environment: "every environment", event: "every event", payload: "everything" };

/** The faults of one simulator, by topic; `on` are those that are on. */
export function FaultRows({ rows, calls, on }) {
  return [...byTopic(rows)].map(
    ([topic, some]) => html`<section key=${topic} class="fault-topic" aria-label=${topic}>
      <h5>${topic}</h5>
      <ul class="fault-list">${some.map((row) => html`<${Fault} key=${row.name} row=${row} calls=${calls} on=${on.get(row.name) ?? NONE} />`)}</ul>
    </section>`,
  );
}

const NONE = [];

function byTopic(rows) {
  const topics = new Map();
  for (const row of rows) topics.set(row.topic, [...(topics.get(row.topic) ?? []), row]);
  return topics;
}

const Fault = memo(({ row, calls, on }) => {
  const [, again] = useState(0);
  const [isOpen, setOpen] = useState(false);
  const [problem, setProblem] = useState("");
  const id = useId();
  const aim = aimOf(row);
  const isOn = on.some((fault) => (fault.target ?? "") === aim.target && (fault.call ?? null) === aim.call);
  const send = async (wanted, turnsOn) => {
    setProblem("");
    const times = wanted.times === ALWAYS || row.lasts ? null : wanted.times;
    try {
      await act("fault", { name: row.name, target: wanted.target || null, call: wanted.call, times, on: turnsOn });
    } catch (error) {
      setProblem(error.message);
    }
  };
  const choose = (change) => {
    aims.set(row.name, { ...aim, ...change });
    again((count) => count + 1);
    // A number of times is no other fault: the one that is on takes it over.
    if (isOn && "times" in change) send(aimOf(row), true);
  };
  const hasAim = row.menu || row.has_calls || !row.lasts;
  return html`<li class=${classes("fault", isOn && "on")}>
    <div class="fault-words">
      <p class="fault-name" id=${id}>${row.label}</p>
      <span class="fault-meaning" id=${`${id}-meaning`}>${row.meaning}</span>
      ${hasAim && html` <button type="button" class="fault-aim" aria-expanded=${isOpen} aria-label=${`${row.label}: ${summary(row, aim, calls)}. Change`} onClick=${() => setOpen(!isOpen)}>${summary(row, aim, calls)}</button>`}
    </div>
    <button type="button" class="switch" role="switch" aria-checked=${isOn} aria-labelledby=${id} aria-describedby=${`${id}-meaning`} onClick=${() => send(aim, !isOn)}><span></span></button>
    ${isOpen && html`<${Aim} row=${row} aim=${aim} calls=${calls} choose=${choose} />`}
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
  </li>`;
});

function summary(row, aim, calls) {
  const call = row.has_calls && calls.find((each) => each.name === aim.call)?.label;
  const where = row.menu && (aim.where || places[row.menu]);
  return [call, where, row.lasts ? "while it is on" : often(aim.times)].filter(Boolean).join(" · ");
}

function Aim({ row, aim, calls, choose }) {
  const [options, setOptions] = useState([]);
  useEffect(() => {
    if (!row.menu) return;
    act("fault/menu", { menu: row.menu }).then((answer) => setOptions(answer.options), () => setOptions([]));
  }, []);
  const times = OFTEN.includes(aim.times) || aim.times === ALWAYS ? OFTEN : [...OFTEN, aim.times];
  const aimAt = (target) => choose({ target, where: options.find((option) => option.value === target)?.label ?? "" });
  return html`<div class="fault-choices">
    ${row.has_calls && html`<${Choice} label="Call" value=${aim.call} options=${calls.map(({ name, label }) => [name, label])} choose=${(call) => choose({ call })} />`}
    ${row.menu && html`<${Choice} label="For" value=${aim.target} options=${[["", places[row.menu]], ...options.map(({ value, label }) => [value, label])]} choose=${aimAt} />`}
    ${!row.lasts && html`<${Choice} label="How often" value=${String(aim.times)} options=${[...times.map((each) => [String(each), often(each)]), [ALWAYS, "always"]]} choose=${(each) => choose({ times: each === ALWAYS ? ALWAYS : Number(each) })} />`}
  </div>`;
}

function Choice({ label, value, options, choose }) {
  const id = useId();
  return html`<p class="fault-choice">
    <label for=${id}>${label}</label>
    <select id=${id} onChange=${(event) => choose(event.target.value)}>${options.map(([each, words]) => html`<option key=${each} value=${each} selected=${each === value}>${words}</option>`)}</select>
  </p>`;
}
