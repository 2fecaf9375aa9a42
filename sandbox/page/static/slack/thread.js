// A thread in its side panel: the message, its replies, and a line to reply in.
import { html, useEffect, useLayoutEffect, useRef } from "../lib.js";
import { look, view } from "../view.js";
import { toEnd, useAtEnd } from "./at_end.js";
import { Composer, focusComposer } from "./compose.js";
import { Icon } from "./icons.js";
import { conversation, messagesOf, nameOf, openThread, takesPart } from "./place.js";
import { rows } from "./rows.js";
import { isWatched, markRead } from "./unread.js";

/** The thread that is open beside the conversation. */
export function Thread() {
  const parent = openThread();
  return parent && html`<${Panel} key=${`${view.user} ${parent.channel} ${parent.ts}`} parent=${parent} />`;
}

function Panel({ parent }) {
  const channel = conversation();
  const replies = messagesOf(channel.id, view.user).replies.get(parent.ts) ?? [];
  const pane = useRef();
  useFocusIn();
  useLayoutEffect(() => {
    if (isWatched()) markRead(view.user, channel.id, replies, parent.ts);
  });
  const { isAtEnd, scrolled } = useAtEnd(pane);
  useLayoutEffect(() => {
    isAtEnd.current = true;
    toEnd(pane.current);
  }, [replies.length]);
  const close = () => look({ thread: null });
  const keys = (event) => {
    if (event.key === "Escape" && !event.defaultPrevented) close();
  };
  const context = { channel, user: view.user, since: null, isInThread: true };
  return html`<aside class="thread-panel" aria-label="Thread" onKeyDown=${keys}>
    <header class="thread-head">
      <h2>Thread <span class="quiet"><bdi>${nameOf(channel)}</bdi></span></h2>
      <button type="button" class="icon-button" aria-label="Close the thread" title="Close (Escape)" onClick=${close}><${Icon} name="close" /></button>
    </header>
    <div class="thread-pane" ref=${pane} onScroll=${scrolled} tabindex="0" role="region" aria-label="Messages of the thread"><div>
      <ol class="messages">${rows([parent], context)}</ol>
      ${replies.length > 0 && html`<p class="divider reply-count"><span>${replies.length} ${replies.length === 1 ? "reply" : "replies"}</span></p>`}
      <ol class="messages" aria-label="Replies">${rows(replies, context)}</ol>
    </div></div>
    ${takesPart(channel, view.user) && html`<${Composer} channel=${channel} thread=${parent.ts} />`}
  </aside>`;
}

// The focus goes to the line to reply in, and back to where it was once the thread is closed.
function useFocusIn() {
  useEffect(() => {
    const opener = document.activeElement;
    focusComposer("thread");
    return () => requestAnimationFrame(() => (opener?.isConnected && opener !== document.body ? opener.focus() : focusComposer("text")));
  }, []);
}
