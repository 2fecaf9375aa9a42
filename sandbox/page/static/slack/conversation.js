// What is open in the middle: a channel, or the app with its two tabs.
import { html } from "../lib.js";
import { link } from "../store.js";
import { Deed } from "../ui.js";
import { view } from "../view.js";
import { Announcer } from "./announce.js";
import { AppConversation } from "./app_tabs.js";
import { Composer, fill } from "./compose.js";
import { Icon } from "./icons.js";
import { MessageList } from "./list.js";
import { Avatar } from "./people.js";
import { conversation, messagesOf, nameOf, openThread, takesPart, userOf, workspace } from "./place.js";

const EXAMPLES = ["/deploy", "/deploy status", "/deploy staging main", "/deploy help"];

/** The conversation in the middle. */
export function Conversation() {
  const channel = conversation();
  if (!channel) return html`<section class="conversation"><p class="nothing">There is no conversation that ${userOf(view.user).name} can see.</p></section>`;
  const { tops, replies } = messagesOf(channel.id, view.user);
  const heard = [...new Set([...tops, ...[...replies.values()].flat()])].sort((one, other) => (one.ts < other.ts ? -1 : 1));
  // A direct message has no id before it is opened.
  const key = `${view.user} ${channel.kind === "im" ? "app" : channel.id}`;
  return html`<section class="conversation" aria-label=${nameOf(channel)}>
    ${channel.kind === "im" ? html`<${AppConversation} key=${key} channel=${channel}><${Talk} channel=${channel} key=${key} /><//>` : html`<${Head} channel=${channel} /><${Talk} channel=${channel} key=${key} />`}
    <${Announcer} key=${`heard ${link.rewinds} ${key}`} messages=${heard} user=${view.user} />
  </section>`;
}

function Head({ channel }) {
  const members = channel.members.map(userOf);
  return html`<header class="conversation-head">
    <h2>${channel.kind === "private" ? html`<${Icon} name="lock" />` : "# "}<bdi>${channel.name}</bdi></h2>
    ${channel.is_ext_shared && html`<span class="tag" title="People of another workspace see this channel too">shared</span>`}
    ${channel.topic && html`<p class="topic quiet" dir="auto">${channel.topic}</p>`}
    <details class="members" onFocusOut=${closeWhenLeft}>
      <summary aria-label=${`${members.length} members`} title="Who is here"><${Icon} name="people" /> ${members.length}</summary>
      <ul>${members.map((user) => html`<li key=${user.id}><${Avatar} user=${user} size="small" /> <bdi>${user.real_name}</bdi> <span class="quiet">${user.is_bot ? "app" : user.note}</span></li>`)}</ul>
    </details>
  </header>`;
}

function closeWhenLeft(event) {
  if (!event.currentTarget.contains(event.relatedTarget)) event.currentTarget.open = false;
}

/** Messages with the line below them. */
function Talk({ channel }) {
  const thread = openThread();
  return html`<${MessageList} channel=${channel} user=${view.user} thread=${thread?.ts ?? null}><${Beginning} channel=${channel} /><//>
    ${takesPart(channel, view.user) ? html`<${Composer} channel=${channel} />` : html`<${Outside} channel=${channel} />`}`;
}

function Outside({ channel }) {
  return html`<div class="outside-note">
    <p>You are looking at <strong>${nameOf(channel)}</strong>. Whoever joins can write here.</p>
    <${Deed} path="join" body=${{ user: view.user, channel: channel.id }} style="primary">Join ${nameOf(channel)}<//>
  </div>`;
}

function Beginning({ channel }) {
  const { app } = workspace();
  const examples = EXAMPLES.filter((text) => app.commands.some((entry) => entry.command === text.split(" ")[0]));
  return html`<div class="beginning">
    <h3>${channel.kind === "im" ? html`<${Avatar} user=${userOf(app.bot_user_id)} /> ${app.name}` : `This is the beginning of ${nameOf(channel)}`}</h3>
    <p>${channel.kind === "im" ? "What the app has for you alone arrives here, files too." : channel.purpose}</p>
    ${takesPart(channel, view.user) && html`<p>Type a command below, for example:</p>
      <p class="buttons">${examples.map((text) => html`<button type="button" key=${text} onClick=${() => fill(text)}><code>${text}</code></button>`)}</p>`}
  </div>`;
}
