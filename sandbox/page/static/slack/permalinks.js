// Links to messages of this workspace lead to them here, not to Slack's own site.
// Source: https://docs.slack.dev/reference/methods/chat.getPermalink
import { look } from "../view.js";
import { workspace } from "./place.js";

const MESSAGE = /^\/archives\/([A-Z0-9]+)\/p(\d{10})(\d{6})$/;

let sought = null;

/** The ts of the message that a link asked for in this conversation, once; null where none did. */
export function takeSought(channelId) {
  const ts = sought?.channel === channelId ? sought.ts : null;
  if (ts) sought = null;
  return ts;
}

/** For the clicks of the whole page: follow a link to a message. */
export function followPermalink(event) {
  const address = event.target.closest?.("a[href]")?.href;
  const url = address && new URL(address);
  const found = url?.host === `${workspace().domain}.slack.com` && MESSAGE.exec(url.pathname);
  if (!found) return;
  event.preventDefault();
  const thread = url.searchParams.get("thread_ts");
  sought = { channel: found[1], ts: thread ?? `${found[2]}.${found[3]}` };
  look({ channel: found[1], tab: "messages", thread, drawer: null });
}
