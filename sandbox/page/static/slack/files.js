// Files of a message: pictures are shown, everything else is there to be saved.
import { html } from "../lib.js";
import { Icon } from "./icons.js";

const UNITS = ["bytes", "kB", "MB", "GB"];

/** A number of bytes in words. */
export function sizeText(bytes) {
  const step = Math.min(UNITS.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${(bytes / 1000 ** step).toLocaleString([], { maximumFractionDigits: 1 })} ${UNITS[step]}`;
}

export const Files = ({ files }) => html`<ul class="files" aria-label="Files">${files.map((file) => html`<${File} key=${file.id} file=${file} />`)}</ul>`;

function File({ file }) {
  const address = `/api/files/${encodeURIComponent(file.id)}`;
  const name = html`<a href=${address} download=${file.name}><bdi>${file.title || file.name}</bdi></a>`;
  if (!file.is_picture) return html`<li class="file"><${Icon} name="file" /><span>${name} <span class="quiet">${sizeText(file.size)}</span></span></li>`;
  return html`<li class="picture">
    <span>${name} <span class="quiet">${sizeText(file.size)}</span></span>
    <img src=${`/api/pictures/${encodeURIComponent(file.id)}`} alt=${file.alt_txt || file.title || file.name} loading="lazy" />
  </li>`;
}
