// The messages of a conversation: the newest at the bottom, earlier ones as one scrolls up.
import { html, useLayoutEffect, useRef, useState } from "../lib.js";
import { toEnd, useAtEnd } from "./at_end.js";
import { Icon } from "./icons.js";
import { takeSought } from "./permalinks.js";
import { messagesOf, nameOf } from "./place.js";
import { rows } from "./rows.js";
import { isWatched, lastRead, markRead, newOf } from "./unread.js";

// So many messages are drawn at first, and so many more each time that the top comes near.
const PAGE = 100;
const NEAR_TOP_PX = 400;
const SHOWN_MS = 2000;

/** A conversation's messages. It needs a `key` of its own for each conversation and person. */
export function MessageList({ channel, user, thread, children }) {
  const { tops } = messagesOf(channel.id, user);
  const [from, setFrom] = useState(() => tops.at(-PAGE)?.ts ?? "");
  const [isAway, setAway] = useState(false);
  const pane = useRef();
  const end = useAtEnd(pane);
  const { isAtEnd } = end;
  const since = useNewMark(channel, user, tops, isAtEnd);
  const kept = useKeptPosition(pane, from);
  const start = Math.max(0, tops.findIndex((message) => message.ts >= from));

  useEnd(pane, isAtEnd, tops, user);
  useSought(pane, isAtEnd, channel, tops, (ts) => setFrom((first) => (ts < first ? ts : first)));
  useLayoutEffect(() => {
    if (isAtEnd.current && isWatched()) markRead(user, channel.id, tops);
    if (isAtEnd.current && tops.length - start > 2 * PAGE) setFrom(tops.at(-PAGE).ts);
  });

  const scrolled = (event) => {
    end.scrolled();
    setAway(!isAtEnd.current);
    if (event.currentTarget.scrollTop > NEAR_TOP_PX || start === 0) return;
    kept();
    setFrom(tops[Math.max(0, start - PAGE)].ts);
  };
  const jump = () => {
    isAtEnd.current = true;
    toEnd(pane.current);
    setAway(false);
  };
  const fresh = isAway ? newOf(tops, user, lastRead(user, channel.id)).length : 0;
  return html`<div class="messages-frame">
    <div class="messages-pane" ref=${pane} onScroll=${scrolled} tabindex="0" role="region" aria-label=${`Messages of ${nameOf(channel)}`}>
      <div class="messages-inner">
        ${start === 0 && children}
        <ol class="messages">${rows(tops.slice(start), { channel, user, since, thread })}</ol>
      </div>
    </div>
    ${isAway && html`<button type="button" class="jump" onClick=${jump}><${Icon} name="down" /> ${fresh ? `${fresh} new` : "Jump to latest"}</button>`}
  </div>`;
}

/** Where what is new begins: it stays until the conversation is left, however much of it was read by then. */
function useNewMark(channel, user, tops, isAtEnd) {
  const since = useRef(null);
  const isFirst = useRef(true);
  const read = lastRead(user, channel.id);
  const isSeenAtOnce = !isFirst.current && isAtEnd.current && isWatched();
  if (since.current === null && !isSeenAtOnce && newOf(tops, user, read).length) since.current = read;
  isFirst.current = false;
  return since.current;
}

/** Stay at the end while one is there, whatever grows; what one says oneself leads there too. */
function useEnd(pane, isAtEnd, tops, user) {
  const newest = useRef(tops.at(-1)?.ts);
  useLayoutEffect(() => {
    const last = tops.at(-1);
    if (last && last.ts !== newest.current && last.user === user) isAtEnd.current = true;
    newest.current = last?.ts;
    if (isAtEnd.current) toEnd(pane.current);
  });
}

/** Go to the message that a link asked for, which may be one that is not drawn yet. */
function useSought(pane, isAtEnd, channel, tops, reachBackTo) {
  const goal = useRef(null);
  useLayoutEffect(() => {
    goal.current = takeSought(channel.id) ?? goal.current;
    if (!tops.some((message) => message.ts === goal.current)) goal.current = null;
    if (!goal.current) return;
    isAtEnd.current = false;
    const node = pane.current.querySelector(`li[data-ts="${CSS.escape(goal.current)}"]`);
    if (!node) return reachBackTo(goal.current);
    goal.current = null;
    node.scrollIntoView({ block: "center" });
    node.animate([{ backgroundColor: "var(--busy-back)" }, {}], { duration: SHOWN_MS });
  });
}

/** What one looks at stays where it is when earlier messages come in above; call the result before they do. */
function useKeptPosition(pane, from) {
  const anchor = useRef(null);
  useLayoutEffect(() => {
    if (!anchor.current?.node.isConnected) return;
    pane.current.scrollTop += anchor.current.node.getBoundingClientRect().top - anchor.current.top;
    anchor.current = null;
  }, [from]);
  return () => {
    const top = pane.current.getBoundingClientRect().top;
    const node = [...pane.current.querySelectorAll("li.message")].find((each) => each.getBoundingClientRect().bottom > top);
    anchor.current = node ? { node, top: node.getBoundingClientRect().top } : null;
  };
}
