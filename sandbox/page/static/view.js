// What this window looks at: whose hands it has, which conversation, which thread, which side panel. Two windows differ.
import { useLayoutEffect, useState } from "./lib.js";
import { subscribe } from "./store.js";

const KEPT = ["user", "channel", "tab", "panel"];
const DEFAULTS = { user: "U0ANA", channel: "C0DEPLOYS", tab: "messages", thread: null, panel: "scenes", drawer: null };
const listeners = new Set();

/** The address names what differs from the usual, so that a link can open a second window as somebody else. */
function opened() {
  const asked = new URLSearchParams(location.hash.slice(1));
  const kept = Object.fromEntries(KEPT.map((name) => [name, asked.get(name) ?? sessionStorage.getItem(name)]));
  return { ...DEFAULTS, ...Object.fromEntries(Object.entries(kept).filter(([, value]) => value)) };
}

/** `user`, `channel` (an id, or `app`), `tab` (`messages` or `home`, of the app), `thread` (a ts or null), `panel`, `drawer` (narrow windows). */
export const view = opened();

/** Change what this window looks at. */
export function look(change) {
  Object.assign(view, change);
  for (const name of KEPT) sessionStorage.setItem(name, view[name] ?? "");
  for (const listener of listeners) listener();
}

// Whoever types another address into this window means it.
addEventListener("hashchange", () => location.hash && look({ ...opened(), thread: null }));

/** The address of another window that looks as this one does, with a change. */
export function addressOf(change) {
  const asked = { user: view.user, channel: view.channel, panel: view.panel, ...change };
  return `#${new URLSearchParams(asked)}`;
}

/** Draw the calling component again after each change of what there is or of what is looked at. */
export function useEverything() {
  const [, again] = useState(0);
  // At once, not after the first frame: the first news may come before it.
  useLayoutEffect(() => {
    const redraw = () => again((count) => count + 1);
    const end = subscribe(redraw);
    listeners.add(redraw);
    return () => {
      end();
      listeners.delete(redraw);
    };
  }, []);
}
