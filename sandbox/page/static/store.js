// What the server says there is: items in tables (see sandbox/page/items.py), kept up to date.

const RETRY_MS = 2000;
const EMPTY = new Map();

const tables = new Map();
const listeners = new Set();
let known = { instance: "", revision: 0 };

let waiting = new AbortController();

/** What a redraw needs besides items: `isLost` while the sandbox does not answer, the clock, and how often it went back. */
export const link = { isLost: false, hasState: false, now: 0, speed: 1, at: 0, rewinds: 0 };

/** The items of a table such as `fly/app` or `slack/message/C0DEPLOYS`, by id. An item keeps its identity until it changes. */
export const table = (name) => tables.get(name) ?? EMPTY;

/** One item by its key, or undefined. */
export function item(key) {
  return table(tableOf(key)).get(idOf(key));
}

/** The names of the tables that begin with `prefix`. */
export const tablesOf = (prefix) => [...tables.keys()].filter((name) => name.startsWith(prefix));

/** Call `listener` after each change; returns what ends that. */
export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The simulated time now, in Unix seconds. */
export const now = () => link.now + ((performance.now() - link.at) / 1000) * link.speed;

/** Do something: `path` below /api/, JSON in and out; an Error with the server's sentence where it refuses. */
export async function act(path, body = {}) {
  // All windows of a browser share six connections, and each window holds one while it waits for news.
  waiting.abort();
  const asked = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body), priority: "high" };
  const response = await fetch(`/api/${path}`, asked).catch(() => {
    throw new Error("The sandbox does not answer. Is it still running?");
  });
  const answer = await response.json().catch(() => ({ error: `The server answered ${response.status}.` }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

/** Ask for news for as long as the page is open; the server holds each request until there are some. */
export async function follow() {
  for (;;) {
    try {
      take(await news());
    } catch {
      if (waiting.signal.aborted) continue;
      setLost(true);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

async function news() {
  waiting = new AbortController();
  const response = await fetch(`/api/poll?since=${known.revision}&of=${known.instance}`, { signal: waiting.signal, priority: "low" });
  if (!response.ok) throw new Error(`The server answered ${response.status}.`);
  return response.status === 204 ? null : response.json();
}

function take(fresh) {
  if (!fresh) return setLost(false);
  if (fresh.is_complete) tables.clear();
  const touched = new Set();
  for (const [key, value] of Object.entries(fresh.items)) open(key, touched).set(idOf(key), value);
  for (const key of fresh.gone) open(key, touched).delete(idOf(key));
  known = { instance: fresh.instance, revision: fresh.revision };
  if (fresh.now < link.now) link.rewinds += 1;
  Object.assign(link, { isLost: false, hasState: true, now: fresh.now, speed: fresh.speed, at: performance.now() });
  tell();
}

const tableOf = (key) => key.slice(0, key.lastIndexOf("/"));
const idOf = (key) => key.slice(key.lastIndexOf("/") + 1);

// A table is another object after a change, so that whoever depends on it can compare.
function open(key, touched) {
  const name = tableOf(key);
  if (!touched.has(name)) {
    touched.add(name);
    tables.set(name, new Map(tables.get(name)));
  }
  return tables.get(name);
}

function setLost(isLost) {
  if (link.isLost === isLost) return;
  link.isLost = isLost;
  tell();
}

function tell() {
  for (const listener of listeners) listener();
}
