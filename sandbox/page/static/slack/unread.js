// What each person has read in this window. What stood there when the window was opened counts as read.
import { item, link, table, tablesOf } from "../store.js";
import { look } from "../view.js";
import { messagesOf } from "./place.js";

const MANY = ["channel", "here", "everyone"];
const read = new Map();
let opening = null;
let rewinds = 0;

const keyOf = (user, channelId, thread) => `${user} ${channelId} ${thread}`;

/** The ts up to which a person has read a conversation, or one thread of it. */
export function lastRead(user, channelId, thread = "") {
  forgetTheFuture();
  opening ??= tablesOf("slack/message/").reduce((newest, name) => [...table(name).keys()].reduce(later, newest), "");
  return read.get(keyOf(user, channelId, thread)) ?? opening;
}

// Where a saved state was loaded, or another sandbox begun, the clock went back: what was read then has not been said yet.
function forgetTheFuture() {
  if (link.rewinds === rewinds) return;
  rewinds = link.rewinds;
  opening = null;
  read.clear();
}

const later = (one, other) => (one > other ? one : other);

/** The person has seen these messages. */
export function markRead(user, channelId, messages, thread = "") {
  const newest = messages.reduce((ts, message) => later(ts, message.ts), "");
  if (newest <= lastRead(user, channelId, thread)) return;
  read.set(keyOf(user, channelId, thread), newest);
  look({});
}

/** The messages of a list (oldest first) that a person has not read. */
export function newOf(messages, user, since) {
  let at = messages.length;
  while (at > 0 && messages[at - 1].ts > since) at -= 1;
  return messages.slice(at).filter((message) => message.user !== user);
}

/** How many messages a person has not read in a conversation, and how many of them call this person. */
export function unreadOf(user, channel) {
  const { tops, replies } = messagesOf(channel.id, user);
  const since = lastRead(user, channel.id);
  const unread = newOf(tops, user, since);
  const answers = [...replies].flatMap(([parent, each]) => newOf(each, user, later(since, lastRead(user, channel.id, parent))));
  const calls = new Set([...unread, ...answers].filter((message) => isCalled(message, user)));
  return { count: unread.length, mentions: channel.kind === "im" ? unread.length : calls.size };
}

/** Whether a message mentions a person, a group that they are in, or everybody. */
export function isCalled(message, user) {
  const groups = item("slack/workspace/groups").filter((group) => group.users.includes(user));
  return message.mentions.some((id) => id === user || MANY.includes(id) || groups.some((group) => group.id === id));
}

/** Whether the person can be looking at this window. */
export const isWatched = () => document.visibilityState === "visible";
