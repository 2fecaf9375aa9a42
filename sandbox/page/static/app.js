// The whole page: a workspace on the left, the world around it on the right.
import { SceneStrip } from "./bench/scene.js";
import { TopBar } from "./bench/topbar.js";
import { ModalLayer } from "./blocks/modal.js";
import { keepFocus } from "./focus.js";
import { html, render, useEffect } from "./lib.js";
import { Conversation } from "./slack/conversation.js";
import { Icon } from "./slack/icons.js";
import { followPermalink } from "./slack/permalinks.js";
import { conversation, nameOf, openThread, people, userOf } from "./slack/place.js";
import { Badge, Sidebar, unreadAnywhere } from "./slack/sidebar.js";
import { Thread } from "./slack/thread.js";
import { follow, link } from "./store.js";
import { Dialog } from "./ui.js";
import { look, useEverything, view } from "./view.js";
import { World } from "./world/world.js";

const DRAWERS = [
  { id: "channels", title: "Channels", icon: "hash" },
  { id: null, title: "Chat", icon: "reply" },
  { id: "world", title: "World", icon: "world" },
];

function Page() {
  useEverything();
  if (!link.hasState) return html`<p class="waiting" role="status">${link.isLost ? "The sandbox does not answer. Is it still running?" : "…"}</p>`;
  // The address may name nobody.
  if (!people().some((user) => user.id === view.user)) view.user = people()[0].id;
  return html`
    <a class="skip" href="#talk" onClick=${skip}>To the command line</a>
    <${TopBar} />
    <${SceneStrip} />
    ${link.isLost && html`<p class="lost problem" role="alert">The sandbox does not answer. Is it still running?</p>`}
    <div class="frame" onClick=${followPermalink} data-drawer=${view.drawer ?? "none"} data-thread=${openThread() ? "open" : "none"}>
      <${Sidebar} />
      <main class="talk" id="talk" tabindex="-1">
        <${Conversation} />
        <${ModalLayer} />
      </main>
      <${Thread} />
      <${World} />
    </div>
    <${DrawerSwitch} />
    <${Title} />
    <${Dialog} />
  `;
}

// The address names what this window looks at, so the link itself must not be followed.
function skip(event) {
  event.preventDefault();
  look({ drawer: null });
  requestAnimationFrame(() => (document.getElementById("text") ?? document.getElementById("talk")).focus());
}

/** Where a window is too narrow for all at once, one part is seen at a time. */
function DrawerSwitch() {
  const unread = unreadAnywhere();
  return html`<nav class="drawer-switch" aria-label="Parts of the page">${DRAWERS.map(
    ({ id, title, icon }) => html`<button type="button" key=${title} aria-current=${view.drawer === id ? "true" : null} onClick=${() => look({ drawer: id, thread: null })}>
      <${Icon} name=${icon} /> ${title} ${id === "channels" && html`<${Badge} ...${unread} />`}
    </button>`,
  )}</nav>`;
}

/** Windows of several people are told apart by their titles. */
function Title() {
  const channel = conversation();
  const { mentions } = unreadAnywhere();
  const title = `${mentions ? `(${mentions}) ` : ""}${userOf(view.user).name}${channel ? ` · ${nameOf(channel)}` : ""} · Flytower sandbox`;
  useEffect(() => {
    document.title = title;
  }, [title]);
  return null;
}

render(html`<${Page} />`, document.getElementById("page"));
keepFocus(document.getElementById("page"));
follow();
