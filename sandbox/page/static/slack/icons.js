// The few drawings of the workspace, in the colour of the text beside them.
import { html } from "../lib.js";

const PATHS = {
  lock: "M6.5 9V7a3.5 3.5 0 0 1 7 0v2M5 9h10v7.5H5z",
  close: "M5 5l10 10M15 5L5 15",
  reply: "M3.5 4.5h13v9H9.5L6 16.5v-3H3.5z",
  smile: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM7 11.5c1.5 2 4.5 2 6 0M7.6 7.8v.01M12.4 7.8v.01",
  send: "M3 10l14-6.5-4.5 13.5-3-6z",
  window: "M8.5 5H4v11.5h11.5V12M11.5 4H16.5v5M16.5 4l-7 7",
  file: "M5.5 3h6l3.5 3.5V17H5.5zM11.5 3v3.5H15",
  people: "M7.5 9.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM3 16c0-5 9-5 9 0M13 9.5a2.3 2.3 0 1 0 0-4.6M14.5 12c1.7 .6 2.5 2 2.5 4",
  eye: "M2.5 10S5 5.2 10 5.2 17.5 10 17.5 10 15 14.8 10 14.8 2.5 10 2.5 10zM10 12.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4z",
  down: "M10 4v11.5M5 11l5 4.7 5-4.7",
  hash: "M8 3.5l-1.5 13M13.5 3.5l-1.5 13M4 7.5h13M3 12.5h13",
  world: "M10 3a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM3 10h14M10 3c-4.5 4-4.5 10 0 14M10 3c4.5 4 4.5 10 0 14",
};

/** A drawing; the words beside it or the label of its button say what it means. */
export const Icon = ({ name }) => html`<svg class="icon" viewBox="0 0 20 20" aria-hidden="true"><path d=${PATHS[name]} /></svg>`;
