// What the person of this window sees: conversations, the messages in them, their threads.
import { item, table } from "../store.js";
import { view } from "../view.js";

/** Instead of a channel's id: the app's direct message with whoever the person of the window is. */
export const APP = "app";
const NOBODY = { real_name: "Unknown", name: "unknown", color: "", is_bot: false, note: "" };

export const workspace = () => item("slack/workspace/workspace");
export const userOf = (id) => item(`slack/user/${id}`) ?? { ...NOBODY, id };
export const people = () => [...table("slack/user").values()].filter((user) => user.is_person);

/** The channels that a person sees, without direct messages. */
export const channelsOf = (user) =>
  [...table("slack/channel").values()].filter((channel) => channel.kind !== "im" && channel.seen_by.includes(user));

/** The app's direct message with a person, also before it was opened; null for somebody of another workspace. */
export function directOf(user) {
  if (userOf(user).is_stranger) return null;
  const opened = [...table("slack/channel").values()].find((channel) => channel.kind === "im" && channel.user === user);
  return opened ?? { id: APP, kind: "im", name: "", topic: "", user, members: [user], seen_by: [user] };
}

/** The conversation in the middle: the chosen one, or the first that this person sees; null where there is none. */
export function conversation() {
  const direct = directOf(view.user);
  const isDirect = view.channel === APP || item(`slack/channel/${view.channel}`)?.kind === "im";
  if (direct && isDirect) return direct;
  const channels = channelsOf(view.user);
  return channels.find((channel) => channel.id === view.channel) ?? channels[0] ?? direct;
}

/** Whether a person takes part in a conversation, or only looks at it. */
export const takesPart = (channel, user) => channel.members.includes(user) || (userOf(user).is_stranger && channel.is_ext_shared);

const sorted = new WeakMap();

/** The messages of a conversation that a person sees: `tops` of the conversation itself, `replies` by their parent's ts. */
export function messagesOf(channelId, user) {
  const all = table(`slack/message/${channelId}`);
  const byUser = sorted.get(all) ?? new Map();
  sorted.set(all, byUser);
  if (!byUser.has(user)) byUser.set(user, sort(all, user));
  return byUser.get(user);
}

function sort(all, user) {
  const visible = [...all.values()].filter((message) => !message.visible_to || message.visible_to === user);
  visible.sort((one, other) => (one.ts < other.ts ? -1 : 1));
  const replies = new Map();
  for (const reply of visible.filter((message) => message.is_reply)) {
    if (!replies.has(reply.thread_ts)) replies.set(reply.thread_ts, []);
    replies.get(reply.thread_ts).push(reply);
  }
  // A reply whose thread is gone would otherwise be seen nowhere.
  const isTop = (message) => !message.is_reply || message.reply_broadcast || !all.has(message.thread_ts);
  return { tops: visible.filter(isTop), replies };
}

/** The message whose thread is open beside the conversation, or null. */
export function openThread() {
  const channel = view.thread ? conversation() : null;
  const parent = channel && item(`slack/message/${channel.id}/${view.thread}`);
  return parent && (!parent.visible_to || parent.visible_to === view.user) ? parent : null;
}

/** What people call a conversation. */
export const nameOf = (channel) => (channel.kind === "im" ? workspace().app.name : `#${channel.name}`);
