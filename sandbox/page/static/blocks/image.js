// Pictures. Source: https://docs.slack.dev/reference/block-kit/blocks/image-block
import { html } from "../lib.js";
import { link, stringOf } from "./mrkdwn.js";

const FILE_ID = /\bF[A-Z0-9]{8,}\b/;

/** A picture of this workspace; of one from elsewhere, which is never loaded, its description with a link. */
export function Picture({ image_url: address, slack_file: file, alt_text: about, title }) {
  const caption = title ? html`<figcaption class="quiet" dir="auto">${stringOf(title)}</figcaption>` : null;
  const id = file && (FILE_ID.exec(file.id ?? file.url ?? "") ?? [])[0];
  if (id) return html`<figure class="block-image">${caption}<img src=${`/api/files/${id}`} alt=${about} loading="lazy" /></figure>`;
  return html`<figure class="block-image elsewhere">${caption}<span aria-hidden="true">🖼 </span>${link(address ?? "", about)}</figure>`;
}

/** A small picture in a line of text. */
export function Icon({ image_url: address, slack_file: file, alt_text: about }) {
  const id = file && (FILE_ID.exec(file.id ?? file.url ?? "") ?? [])[0];
  return id ? html`<img class="in-line" src=${`/api/files/${id}`} alt=${about} />` : html`<span class="elsewhere">🖼 ${link(address ?? "", about)}</span>`;
}
