// The simulated clock: what it shows, how fast it runs, and jumps ahead.
import { useBeside } from "../blocks/popup.js";
import { html, useEffect, useRef, useState } from "../lib.js";
import { link, now } from "../store.js";
import { Deed } from "../ui.js";

const TICK_MS = 250;
const SPEEDS = [1, 4, 20, 60];
const JUMPS = [
  [600, "+10 min"],
  [3600, "+1 h"],
  [86400, "+1 day"],
];

// A clock that is ahead of real time runs a hair's breadth off the speed that was asked for.
const shownSpeed = () => Number(link.speed.toPrecision(1)) === 1 ? 1 : Number(link.speed.toPrecision(2));

/** The simulated date and time, ticking. */
export function Clock() {
  const [, again] = useState(0);
  useEffect(() => {
    const ticking = setInterval(() => again((count) => count + 1), TICK_MS);
    return () => clearInterval(ticking);
  }, []);
  const at = new Date(now() * 1000);
  const day = at.toLocaleDateString([], { day: "numeric", month: "short" });
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
  return html`<time class="clock"><span class="wide-only">${day} ${time}</span><span class="narrow-only">${time.slice(0, -3)}</span></time>`;
}

/** How fast the clock runs, and jumps; `onDone` after each. */
export function TimeControls({ onDone }) {
  const speed = shownSpeed();
  return html`<div class="time-controls">
    <div class="buttons small" role="group" aria-label="Speed">
      ${SPEEDS.map(
        (each) => html`<${Deed} key=${each} path="time/speed" body=${{ speed: each }} style=${each === speed ? "chosen" : ""} pressed=${each === speed} onDone=${onDone}>×${each}<//>`,
      )}
    </div>
    <div class="buttons small" role="group" aria-label="Jump ahead">
      ${JUMPS.map(([seconds, title]) => html`<${Deed} key=${seconds} path="time/skip" body=${{ seconds }} onDone=${onDone}>${title}<//>`)}
    </div>
    <p class="hint">The simulators follow at once; a running bot is restarted, and goes on where it was.</p>
  </div>`;
}

/** The clock in the line above everything, with its controls behind it. */
export function TimeMenu() {
  const [isOpen, setOpen] = useState(false);
  const place = useRef();
  const close = () => {
    setOpen(false);
    place.current.querySelector("button").focus();
  };
  const pressed = (event) => {
    if (event.key !== "Escape" || !isOpen) return;
    event.stopPropagation();
    close();
  };
  const left = (event) => {
    if (event.relatedTarget && !place.current.contains(event.relatedTarget)) setOpen(false);
  };
  return html`<div class="time-menu" ref=${place} onKeyDown=${pressed} onFocusOut=${left}>
    <button type="button" class="time-button" aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}>
      <span class="hidden">Time in the sandbox: </span><${Clock} /> <span class="speed">×${shownSpeed()}</span>
    </button>
    ${isOpen && html`<${TimePopup} anchor=${place} close=${close} dismiss=${() => setOpen(false)} />`}
  </div>`;
}

function TimePopup({ anchor, close, dismiss }) {
  const popup = useBeside(anchor);
  useEffect(() => {
    popup.current.querySelector("button").focus();
    const outside = (event) => anchor.current.contains(event.target) || dismiss();
    addEventListener("pointerdown", outside);
    return () => removeEventListener("pointerdown", outside);
  }, []);
  return html`<div class="time-popup" popover="manual" ref=${popup} role="dialog" aria-label="Time in the sandbox">
    <${TimeControls} onDone=${close} />
  </div>`;
}
