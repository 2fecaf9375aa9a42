// Who this window's hands belong to, and how people look.
import { html, memo } from "../lib.js";
import { addressOf, look, view } from "../view.js";
import { Icon } from "./icons.js";
import { people } from "./place.js";

const COLOR = /^[0-9a-f]{6}$/i;

/** A square with a person's initials in their colour; the app has its own picture. */
export const Avatar = memo(({ user, size }) => {
  if (user.is_bot) return html`<img class="avatar" data-size=${size} src="/icon.svg" alt="" />`;
  const initials = user.real_name.split(/\s+/).map((word) => [...word][0]).slice(0, 2).join("").toUpperCase();
  const style = COLOR.test(user.color) ? { "--avatar": `#${user.color}` } : {};
  return html`<span class="avatar" data-size=${size} style=${style} aria-hidden="true">${initials}</span>`;
});

/** The people to act as: one click, or a window of their own beside this one. */
export function People() {
  return html`<section class="persons" aria-labelledby="you-are">
    <h3 id="you-are">You are <strong>${people().find((user) => user.id === view.user)?.name}</strong></h3>
    <ul>${people().map((user) => html`<${Person} key=${user.id} user=${user} isMe=${user.id === view.user} address=${addressOf({ user: user.id })} />`)}</ul>
  </section>`;
}

const Person = memo(({ user, isMe, address }) => html`<li class="person">
  <button type="button" aria-pressed=${isMe} title=${user.real_name} onClick=${() => look({ user: user.id, thread: null })}>
    <${Avatar} user=${user} size="small" />
    <span class="person-name"><bdi>${user.name}</bdi>${user.note && html` <span class="note">${user.note}</span>`}</span>
  </button>
  <a href=${address} target="_blank" rel="noopener" aria-label=${`Second window as ${user.name}`} title=${`Open a second window as ${user.name}`}><${Icon} name="window" /></a>
</li>`);
