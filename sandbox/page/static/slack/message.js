// One message: who said it, when, what, and what can be done with it.
import { Blocks } from "../blocks/blocks.js";
import { Mrkdwn } from "../blocks/mrkdwn.js";
import { classes, clock, html, memo, useState } from "../lib.js";
import { look } from "../view.js";
import { Files } from "./files.js";
import { Icon } from "./icons.js";
import { Avatar } from "./people.js";
import { userOf } from "./place.js";
import { ReactionMenu, Reactions } from "./reactions.js";

const FULL = new Intl.DateTimeFormat([], { dateStyle: "full", timeStyle: "medium" });
const dismissed = new Set();

/** Whether the person of this window has dismissed a private message. */
export const isDismissed = (message) => dismissed.has(`${message.channel} ${message.ts}`);

function dismiss(message) {
  dismissed.add(`${message.channel} ${message.ts}`);
  look({});
}

/**
 * A message in a list. `isGrouped`: it follows another of its author's; `thread` tells of its replies
 * (`count`, `last`, `users`, `fresh`, joined into one text, so that the message is drawn again only when that differs).
 */
export const Message = memo(({ message, author, me, isGrouped, thread, notice, isInThread, isOpen }) => {
  const [problem, tell] = useState("");
  const isPrivate = Boolean(message.visible_to);
  const names = classes("message", isPrivate && "private", isGrouped && "grouped", isOpen && "open");
  return html`<li class=${names} data-ts=${message.ts}>
    <div class="gutter">${isGrouped ? html`<${Time} ts=${message.ts} />` : html`<${Avatar} user=${author} />`}</div>
    <div class="message-body">
      ${isPrivate && html`<p class="only-you"><${Icon} name="eye" /> Only visible to you</p>`}
      <p class=${isGrouped ? "hidden" : "byline"}>
        <strong><bdi>${author.real_name}</bdi></strong>${author.is_bot && html` <span class="tag">APP</span>`}${!isGrouped && html` <${Time} ts=${message.ts} />`}
      </p>
      ${message.reply_broadcast && html`<p class="quiet broadcast">${isInThread ? "also sent to the channel" : html`replied to <${Opener} ts=${message.thread_ts}>a thread<//>`}</p>`}
      <${Content} message=${message} />
      ${notice && html`<p class="problem" role="alert">⚠ ${notice}</p>`}
      ${problem && html`<p class="problem" role="alert">${problem}</p>`}
      <${Reactions} message=${message} me=${me} tell=${tell} />
      ${isPrivate && html`<p class="dismiss"><button type="button" class="as-link" onClick=${() => dismiss(message)}>Dismiss message</button></p>`}
      ${thread && !isInThread && html`<${ThreadLine} ts=${message.ts} ...${JSON.parse(thread)} />`}
    </div>
    ${!isPrivate && html`<div class="message-tools">
      <${ReactionMenu} message=${message} me=${me} tell=${tell} />
      ${!isInThread && !message.is_reply && html`<button type="button" aria-label="Reply in thread" title="Reply in thread" onClick=${() => look({ thread: message.ts })}><${Icon} name="reply" /></button>`}
    </div>`}
  </li>`;
});

function Time({ ts }) {
  const at = new Date(Number(ts) * 1000);
  return html`<time class="time" datetime=${at.toISOString()} title=${FULL.format(at)}>${clock(Number(ts))}</time>`;
}

function Content({ message }) {
  const { channel, ts, version, chosen } = message;
  const place = { kind: "message", channel, ts, version, chosen };
  return html`<div class="content">
    ${message.blocks.length ? html`<${Blocks} blocks=${message.blocks} place=${place} />` : html`<${Plain} message=${message} />`}
    ${message.attachments.map((each, number) => html`<${Attachment} key=${number} attachment=${each} place=${place} />`)}
    ${message.edited && html`<span class="edited quiet" title=${`Edited at ${clock(Number(message.edited.ts), { withSeconds: true })}`}>(edited)</span>`}
    ${message.files.length > 0 && html`<${Files} files=${message.files} />`}
  </div>`;
}

function Plain({ message }) {
  if (!message.text) return null;
  // A command that was answered in public stands there as it was typed.
  if (message.source === "command") return html`<div class="text" dir="auto">${message.text}</div>`;
  return html`<${Mrkdwn} text=${message.text} />`;
}

const Attachment = ({ attachment, place }) => html`<div class="attachment">
  ${[attachment.pretext, attachment.title, attachment.text].filter(Boolean).map((text) => html`<${Mrkdwn} text=${text} />`)}
  ${attachment.blocks?.length > 0 && html`<${Blocks} blocks=${attachment.blocks} place=${place} />`}
</div>`;

const Opener = ({ ts, children }) => html`<button type="button" class="as-link" onClick=${() => look({ thread: ts })}>${children}</button>`;

function ThreadLine({ ts, count, last, users, fresh }) {
  return html`<button type="button" class="thread-line" onClick=${() => look({ thread: ts })}>
    <span class="thread-avatars">${users.map((id) => html`<${Avatar} key=${id} user=${userOf(id)} size="tiny" />`)}</span>
    <span class="thread-count">${count} ${count === 1 ? "reply" : "replies"}</span>
    ${fresh > 0 && html`<span class="badge quiet-badge">${fresh} new</span>`}
    <span class="quiet">last at ${clock(Number(last))}</span>
  </button>`;
}
