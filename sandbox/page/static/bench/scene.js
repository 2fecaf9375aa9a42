// The scene that is being played: its story, its steps with what to try, and their ticks.
import { classes, html, useEffect, useRef } from "../lib.js";
import { item } from "../store.js";
import { Deed } from "../ui.js";
import { addressOf, look, view } from "../view.js";
import { CHANNEL, Start, Words, news } from "./scene_parts.js";

const PANELS = { fly: "Fly", github: "GitHub" };

/** One scene from its set-up to its end. */
export function Scene({ scene }) {
  const title = useRef();
  const steps = useRef();
  const follow = useFocusOnStep(scene, steps);
  useEffect(() => {
    // Whoever writes in another window is not disturbed.
    if (document.hasFocus() && document.activeElement === document.body) title.current.focus();
  }, []);
  return html`<section class="scene" aria-labelledby="scene-title">
    <p class="scene-kicker quiet">Scene${scene.is_ready && !scene.is_over ? ` · step ${scene.held + 1} of ${scene.steps.length}` : ""}</p>
    <h2 id="scene-title" ref=${title} tabindex="-1">${scene.title}</h2>
    <p class="scene-story"><${Words} text=${scene.story} /></p>
    ${scene.trouble && html`<p class="problem" role="alert">${scene.trouble}</p>`}
    ${
      scene.is_ready || scene.is_over || scene.trouble
        ? html`<ol class="scene-steps" ref=${steps}>${scene.steps.map((step, number) => html`<${Step} key=${number} step=${step} number=${number} scene=${scene} onDone=${follow} />`)}</ol>`
        : html`<p class="scene-setting"><span class="spinner" aria-hidden="true"></span> Setting the scene…</p>`
    }
    ${scene.is_over && html`<${End} scene=${scene} />`}
    <p class="buttons scene-leave">
      ${!scene.is_over && html`<${Start} scene=${scene}>Start again<//>`}
      <${Deed} path="scenes/leave">Leave the scene<//>
    </p>
  </section>`;
}

function Step({ step, number, scene, onDone }) {
  const isHeld = number < scene.held;
  const isCurrent = number === scene.held && scene.is_ready;
  return html`<li class=${classes("scene-step", isHeld && "held", isCurrent && "current")} aria-current=${isCurrent ? "step" : null} tabindex="-1">
    <span class="tick" aria-hidden="true">${isHeld ? "✔" : number + 1}</span>
    <div class="step-body">
      <p class="step-say">${isHeld && html`<span class="hidden">Happened: </span>`}<${Words} text=${step.say} />${isCurrent ? "." : ""}</p>
      ${isCurrent && html`<${Hands} step=${step} number=${number} onDone=${onDone} />`}
      ${(isHeld || isCurrent) && html`<p class="step-then">${isCurrent && html`<span class="quiet">Then: </span>`}<${Words} text=${step.then} /></p>`}
    </div>
  </li>`;
}

/** What leads to where the step is done, and what does it for the person. */
function Hands({ step, number, onDone }) {
  const isHere = view.channel === CHANNEL && view.tab === "messages";
  const toChannel = () => look({ channel: CHANNEL, tab: "messages", drawer: null });
  const isInChannel = step.by.length > 0;
  return html`<p class="buttons step-hands">
    ${step.by.map((person) => html`<${Person} key=${person.id} person=${person} isOneOfThem=${step.by.some(({ id }) => id === view.user)} />`)}
    ${step.panel && html`<button type="button" onClick=${() => look({ panel: step.panel, drawer: "world", thread: null })}>Open ${PANELS[step.panel]}</button>`}
    ${isInChannel && html`<button type="button" class=${isHere ? "only-narrow" : ""} onClick=${toChannel}>Go to #deploys</button>`}
    ${
      step.can_be_done
        ? html`<${Deed} path="scenes/do" body=${{ step: number }} label=${`Do step ${number + 1} for me`} onDone=${() => onDone(number)}>Do it for me<//>`
        : html`<span class="scene-setting"><span class="spinner" aria-hidden="true"></span> waiting…</span>`
    }
  </p>`;
}

function Person({ person, isOneOfThem }) {
  const another = `/${addressOf({ user: person.id, channel: CHANNEL })}`;
  if (view.user === person.id) return html`<span class="tag you-are">You are ${person.name}</span>`;
  return html`<button type="button" class="primary" onClick=${() => look({ user: person.id })}>Be ${person.name}</button>
    ${isOneOfThem && html`<a href=${another} target="_blank" rel="noopener">Window as ${person.name}</a>`}`;
}

function End({ scene }) {
  return html`<div class="scene-end">
    <h3>What this showed</h3>
    <p><${Words} text=${scene.shown} /></p>
    <p class="buttons">
      ${scene.next && html`<${Start} scene=${scene.next} style="primary">Next: ${scene.next.title}<//>`}
      <${Start} scene=${scene}>Play again<//>
    </p>
  </div>`;
}

/** The step that is on, in one line, for wherever the scene itself cannot be seen. */
export function SceneStrip() {
  const scene = item("scenes/playing/playing");
  if (!scene || scene.trouble) return null;
  const step = scene.steps[scene.held];
  const open = () => look({ panel: "scenes", drawer: "world", thread: null });
  return html`<aside class="scene-strip" aria-label="Scene" data-panel=${view.panel} data-thread=${view.thread ? "open" : "none"} data-drawer=${view.drawer ?? "none"}>
    <span class="tick" aria-hidden="true">${scene.is_over ? "✔" : scene.held + 1}</span>
    <p class="strip-say" role="status"><span class="hidden">${news(scene)}</span><span aria-hidden="true">
      ${scene.is_over ? html`“${scene.title}” is over.` : scene.is_ready ? html`<${Words} text=${step.say} />` : "Setting the scene…"}
    </span></p>
    ${step?.by.map((person) => person.id !== view.user && html`<button type="button" key=${person.id} onClick=${() => look({ user: person.id })}>Be ${person.name}</button>`)}
    <button type="button" onClick=${open}>Scene</button>
  </aside>`;
}

/** Keep the keyboard where it was: a step that was done for the person takes its button with it. */
function useFocusOnStep(scene, steps) {
  const wanted = useRef(null);
  const go = () => {
    if (wanted.current === null || scene.held <= wanted.current) return;
    wanted.current = null;
    (steps.current?.querySelector('[aria-current="step"]') ?? document.querySelector(".scene-end button"))?.focus();
  };
  useEffect(() => {
    go();
    (steps.current?.querySelector('[aria-current="step"]') ?? document.querySelector(".scene-end"))?.scrollIntoView({ block: "nearest" });
  }, [scene.held]);
  return (number) => {
    wanted.current = number;
    go();
  };
}
