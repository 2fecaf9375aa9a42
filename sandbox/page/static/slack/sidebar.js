// Channels, the app, and the people to act as.
import { classes, html } from "../lib.js";
import { look, view } from "../view.js";
import { Icon } from "./icons.js";
import { Avatar, People } from "./people.js";
import { APP, channelsOf, conversation, directOf, takesPart, userOf, workspace } from "./place.js";
import { unreadOf } from "./unread.js";

/** The workspace on the left. */
export function Sidebar() {
  const { team, app } = workspace();
  const current = conversation();
  const direct = directOf(view.user);
  return html`<nav class="sidebar" aria-label="Workspace">
    <h2><bdi>${team}</bdi></h2>
    <div class="sidebar-lists">
      <h3 id="channels-head">Channels</h3>
      <ul aria-labelledby="channels-head">${channelsOf(view.user).map((channel) => html`<${ChannelEntry} key=${channel.id} channel=${channel} isCurrent=${channel.id === current?.id} />`)}</ul>
      ${direct && html`<h3 id="apps-head">Apps</h3>
        <ul aria-labelledby="apps-head"><${AppEntry} app=${app} direct=${direct} isCurrent=${current === direct || current?.kind === "im"} /></ul>`}
    </div>
    <${People} />
  </nav>`;
}

function ChannelEntry({ channel, isCurrent }) {
  const isOutside = !takesPart(channel, view.user);
  const open = () => look({ channel: channel.id, thread: null, drawer: null });
  return html`<${Entry} isCurrent=${isCurrent} unread=${unreadOf(view.user, channel)} open=${open} isOutside=${isOutside}>
    <span class="sign">${channel.kind === "private" ? html`<${Icon} name="lock" /><span class="hidden">private </span>` : "#"}</span>
    <bdi class="entry-name">${channel.name}</bdi>
    ${isOutside && html`<span class="note">not a member</span>`}
  <//>`;
}

function AppEntry({ app, direct, isCurrent }) {
  const unread = unreadOf(view.user, direct);
  const open = () => look({ channel: APP, tab: unread.count || !app.home_tab_enabled ? "messages" : "home", thread: null, drawer: null });
  return html`<${Entry} isCurrent=${isCurrent} unread=${unread} open=${open}>
    <${Avatar} user=${userOf(app.bot_user_id)} size="tiny" /><bdi class="entry-name">${app.name}</bdi><span class="note">app</span>
  <//>`;
}

function Entry({ isCurrent, unread, isOutside, open, children }) {
  return html`<li><button type="button" class=${classes("entry", unread.count > 0 && "unread", isOutside && "outside")} aria-current=${isCurrent ? "page" : null} onClick=${open}>
    ${children}<${Badge} ...${unread} />
  </button></li>`;
}

/** How much is unread: a number where it concerns the person, otherwise a dot. */
export function Badge({ count, mentions }) {
  if (mentions) return html`<span class="badge">${mentions}<span class="hidden"> ${mentions === 1 ? "message" : "messages"} for you</span></span>`;
  return count > 0 && html`<span class="dot"></span><span class="hidden">${count} unread</span>`;
}

/** How much a person has not read anywhere: for the button that leads to the channels in a narrow window. */
export function unreadAnywhere() {
  const conversations = [...channelsOf(view.user), directOf(view.user)].filter(Boolean);
  const all = conversations.map((channel) => unreadOf(view.user, channel));
  return { count: all.reduce((sum, each) => sum + each.count, 0), mentions: all.reduce((sum, each) => sum + each.mentions, 0) };
}
