import { html } from "../lib.js";

/** Says that something stands here which this page does not draw. */
export const Unsupported = ({ what }) => html`<p class="unsupported">This page does not show ${what}.</p>`;
