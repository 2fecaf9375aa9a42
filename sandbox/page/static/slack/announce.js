// For screen readers: new messages, each once and complete. Edits, which come every few seconds, are not read out.
import { Mrkdwn } from "../blocks/mrkdwn.js";
import { html, memo, useRef } from "../lib.js";
import { userOf } from "./place.js";

const KEPT = 3;

/** Says what was said since one came to a conversation. It needs a `key` of its own for each conversation and person. */
export function Announcer({ messages, user }) {
  const start = useRef(messages.at(-1)?.ts ?? "");
  const first = useRef(new Map());
  const fresh = messages.filter((message) => message.ts > start.current && message.user !== user).slice(-KEPT);
  for (const message of fresh) if (!first.current.has(message.ts)) first.current.set(message.ts, message);
  return html`<div class="hidden" role="log" aria-label="New messages">${fresh.map((message) => html`<${News} key=${message.ts} message=${first.current.get(message.ts)} />`)}</div>`;
}

const News = memo(({ message }) => html`<div>${userOf(message.user).real_name}: <${Mrkdwn} text=${message.text} /></div>`);
