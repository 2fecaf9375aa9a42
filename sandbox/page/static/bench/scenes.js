// The guided scenes: which there are, and the one that is being played.
import { classes, html, memo } from "../lib.js";
import { item, table } from "../store.js";
import { Scene } from "./scene.js";
import { Start, isFresh, news } from "./scene_parts.js";

/** The list of scenes, or the one that is being played. */
export function ScenesPanel() {
  const playing = item("scenes/playing/playing");
  return html`<div class="scenes">
    <p class="hidden" role="status">${news(playing)}</p>
    ${playing ? html`<${Scene} key=${playing.name} scene=${playing} />` : html`<${List} scenes=${table("scenes/scene")} isFresh=${isFresh()} />`}
  </div>`;
}

const List = memo(({ scenes, isFresh }) => {
  const all = [...scenes.values()];
  const played = all.filter((scene) => scene.was_played).length;
  const next = all.find((scene) => !scene.was_played);
  return html`
    <header class="scenes-head">
      <h2>Guided scenes</h2>
      <p class="quiet">Short stories with you in them. Each begins in a fresh world, says what to try, and ticks off what happens.</p>
      <p class="quiet">${played ? `${played} of ${all.length} played` : "The first one takes two minutes."}</p>
    </header>
    <ol class="scene-list">${all.map((scene) => html`<${Entry} key=${scene.name} scene=${scene} isNext=${scene === next} isFresh=${isFresh} />`)}</ol>
  `;
});

const Entry = memo(({ scene, isNext, isFresh }) => {
  return html`<li class=${classes("scene-entry", scene.was_played && "played")}>
    <h3>${scene.title}</h3>
    <p class="scene-facts">
      <span class="quiet">${scene.minutes} min</span>
      ${scene.was_played && html`<span class="pill good">✔ played</span>`}
    </p>
    <p class="scene-summary">${scene.summary}</p>
    <${Start} scene=${scene} isFresh=${isFresh} style=${isNext ? "primary" : ""} label=${`${scene.was_played ? "Play again" : "Start"}: ${scene.title}`}>${scene.was_played ? "Play again" : "Start"}<//>
  </li>`;
});
