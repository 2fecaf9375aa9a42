// A list of messages cut into days and into groups of one author, ready to be drawn.
import { classes, html } from "../lib.js";
import { item, now } from "../store.js";
import { isDismissed, Message } from "./message.js";
import { messagesOf, userOf } from "./place.js";
import { lastRead, newOf } from "./unread.js";

const GROUP_S = 5 * 60;
const AVATARS = 3;

/** The rows of `messages` (oldest first). `since`: where what is new begins, or null; `thread`: the ts of the open one. */
export function rows(messages, { channel, user, since, thread = null, isInThread = false }) {
  const { replies } = messagesOf(channel.id, user);
  const drawn = [];
  let before = null;
  let isNew = false;
  for (const message of messages.filter((each) => !isDismissed(each))) {
    const day = dayOf(message);
    const isNewDay = !isInThread && (!before || day !== dayOf(before));
    const isFirstNew = !isNew && since !== null && message.ts > since;
    isNew ||= isFirstNew;
    if (isNewDay) drawn.push(html`<${Divider} key=${`day ${day}`}>${dayText(message)}<//>`);
    if (isFirstNew) drawn.push(html`<${Divider} key="new" isNew>New<//>`);
    const isGrouped = !isNewDay && !isFirstNew && continues(before, message);
    const answers = isInThread ? "" : threadText(user, channel, message, replies.get(message.ts));
    drawn.push(html`<${Message} key=${message.ts} message=${message} author=${userOf(message.user)} me=${user} isGrouped=${isGrouped}
      thread=${answers} notice=${noticeOf(message, user)} isInThread=${isInThread} isOpen=${message.ts === thread} />`);
    before = message;
  }
  return drawn;
}

const Divider = ({ isNew = false, children }) => html`<li class=${classes("divider", isNew && "divider-new")}><span>${children}</span></li>`;

const dayOf = (message) => new Date(Number(message.ts) * 1000).toDateString();

function dayText(message) {
  const at = new Date(Number(message.ts) * 1000);
  const ago = Math.round((new Date(now() * 1000).setHours(0, 0, 0, 0) - new Date(at).setHours(0, 0, 0, 0)) / 86_400_000);
  return ["Today", "Yesterday"][ago] ?? at.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long" });
}

function continues(before, message) {
  const isSame = before && before.user === message.user && before.visible_to === message.visible_to && !message.reply_broadcast;
  return Boolean(isSame && !message.visible_to && Number(message.ts) - Number(before.ts) < GROUP_S);
}

function threadText(user, channel, message, replies) {
  if (!replies) return "";
  const users = [...new Set(replies.map((reply) => reply.user))].slice(0, AVATARS);
  const fresh = newOf(replies, user, lastRead(user, channel.id, message.ts)).length;
  return JSON.stringify({ count: replies.length, last: replies.at(-1).ts, users, fresh });
}

// A click that nobody answered is told at the message until it changes.
function noticeOf(message, user) {
  const since = Number(message.edited?.ts ?? message.ts);
  const own = (notice) => notice.user === user && notice.place === message.ts && notice.at >= since;
  return item("slack/workspace/notices").findLast(own)?.text ?? "";
}
