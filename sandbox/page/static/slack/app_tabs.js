// The app: its Home tab, and the direct messages with it. Source: https://docs.slack.dev/surfaces/app-home
import { Blocks } from "../blocks/blocks.js";
import { html, memo, useEffect, useState } from "../lib.js";
import { act, item } from "../store.js";
import { Deed, Tabs } from "../ui.js";
import { look, view } from "../view.js";
import { Avatar } from "./people.js";
import { userOf, workspace } from "./place.js";
import { unreadOf } from "./unread.js";

/** The app with its two tabs; `children` are what the tab of messages shows. */
export function AppConversation({ channel, children }) {
  const { app } = workspace();
  const tab = app.home_tab_enabled && view.tab === "home" ? "home" : "messages";
  const problem = useOpened(view.user, tab);
  const { count } = unreadOf(view.user, channel);
  const tabs = [{ id: "home", title: "Home" }, { id: "messages", title: "Messages", note: tab === "home" && count ? count : null }];
  return html`<header class="conversation-head">
      <h2><${Avatar} user=${userOf(app.bot_user_id)} size="small" /> <bdi>${app.name}</bdi></h2>
      <span class="tag">APP</span>
    </header>
    ${app.home_tab_enabled && html`<${Tabs} tabs=${tabs} chosen=${tab} choose=${(chosen) => look({ tab: chosen })} label=${app.name} panelId="app-panel" />`}
    ${problem && html`<p class="problem app-problem" role="alert">${problem}</p>`}
    <div id="app-panel" class="app-panel" role="tabpanel" aria-label=${tab === "home" ? "Home" : "Messages"}>${tab === "home" ? html`<${Home} />` : children}</div>`;
}

/** Tell the app each time that a person opens one of its tabs. */
function useOpened(user, tab) {
  const [problem, setProblem] = useState("");
  useEffect(() => {
    act("home", { user, tab }).then(() => setProblem(""), (error) => setProblem(error.message));
  }, [user, tab]);
  return problem;
}

function Home() {
  const home = item(`slack/home/${view.user}`);
  return html`<div class="home-pane" tabindex="0" role="region" aria-label="Home tab">${home ? html`<${HomeView} home=${home} />` : html`<${NoHome} />`}</div>`;
}

const HomeView = memo(({ home }) => {
  const place = { kind: "view", view_id: home.id, values: home.values, errors: home.errors };
  return html`<div class="home"><${Blocks} blocks=${home.blocks} place=${place} /></div>`;
});

function NoHome() {
  const { name } = workspace().app;
  return html`<div class="beginning">
    <h3>No Home tab yet</h3>
    <p>${name} draws one when it hears that somebody opened it. Is the bot running?</p>
    <p><${Deed} path="home" body=${{ user: view.user, tab: "home" }}>Open it again<//></p>
  </div>`;
}
