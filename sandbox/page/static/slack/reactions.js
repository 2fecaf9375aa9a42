// Emoji below a message: a click adds one's own, another takes it back.
import { Emoji } from "../blocks/emoji.js";
import { html, useRef, useState } from "../lib.js";
import { act } from "../store.js";
import { Icon } from "./icons.js";
import { userOf } from "./place.js";

const OFFERED = ["white_check_mark", "eyes", "tada", "+1", "thinking_face", "rotating_light"];

const react = (message, user, name, remove) => act("react", { user, channel: message.channel, ts: message.ts, name, remove });

/** The reactions that a message has. */
export function Reactions({ message, me, tell }) {
  const all = Object.entries(message.reactions).filter(([, users]) => users.length);
  if (!all.length) return null;
  return html`<ul class="reactions" aria-label="Reactions">${all.map(([name, users]) => {
    const isMine = users.includes(me);
    const who = users.map((id) => userOf(id).name).join(", ");
    const press = () => react(message, me, name, isMine).then(() => tell(""), (error) => tell(error.message));
    return html`<li key=${name}><button type="button" aria-pressed=${isMine} aria-label=${`${name}: ${who}`} title=${`${who} reacted with :${name}:`} onClick=${press}>
      <${Emoji} name=${name} /> <span class="count">${users.length}</span>
    </button></li>`;
  })}</ul>`;
}

/** A button that offers some emoji. */
export function ReactionMenu({ message, me, tell }) {
  const [isOpen, setOpen] = useState(false);
  const box = useRef();
  const button = useRef();
  const close = () => {
    setOpen(false);
    button.current.focus();
  };
  const choose = (name) => {
    close();
    react(message, me, name, false).then(() => tell(""), (error) => tell(error.message));
  };
  const keys = (event) => {
    if (event.key !== "Escape" || !isOpen) return;
    event.stopPropagation();
    close();
  };
  const left = (event) => {
    if (!box.current.contains(event.relatedTarget)) setOpen(false);
  };
  return html`<span class="react-menu" ref=${box} onKeyDown=${keys} onFocusOut=${left}>
    <button type="button" ref=${button} aria-label="Add a reaction" title="Add a reaction" aria-expanded=${isOpen} onClick=${() => setOpen(!isOpen)}><${Icon} name="smile" /></button>
    ${isOpen && html`<span class="emoji-menu" role="group" aria-label="Reactions to choose from">${OFFERED.map(
      (name) => html`<button type="button" key=${name} aria-label=${name.replaceAll("_", " ")} title=${`:${name}:`} onClick=${() => choose(name)}><${Emoji} name=${name} /></button>`,
    )}</span>`}
  </span>`;
}
