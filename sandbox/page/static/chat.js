// Channels, people and messages.
import { post } from "./api.js";
import { renderBlock } from "./blocks.js";
import { byId, clock, el, keyed, say } from "./dom.js";
import { mrkdwn } from "./mrkdwn.js";

const EXAMPLES = ["/deploy", "/deploy status", "/deploy staging main", "/deploy help"];
const NEAR_END_PX = 60;

/** Who the person at the page is and what they look at; kept over a reload. */
export const chosen = {
  user: sessionStorage.getItem("user") ?? "U0ANA",
  channel: sessionStorage.getItem("channel") ?? "C0DEPLOYS",
};
const seen = new Map();
let announced = null;

/** Show the workspace; `redraw` is called after a choice, `refresh` after something was done. */
export function renderChat(slack, { redraw, refresh }) {
  const choose = (key) => (value) => {
    chosen[key] = value;
    sessionStorage.setItem(key, value);
    say(byId("status"), "");
    redraw();
  };
  const channels = slack.channels.filter((channel) => channel.kind !== "im" || channel.user === chosen.user);
  const current = channels.find((channel) => channel.id === chosen.channel) ?? channels[0];
  chosen.channel = current.id;
  renderChannels(channels, current, choose("channel"));
  renderPeople(slack.users.filter((user) => user.is_person), choose("user"));
  const outside = current.kind === "public" && !current.members.includes(chosen.user);
  say(byId("topic"), [current.topic, outside && "you are not a member here"].filter(Boolean).join(" · "));
  renderMessages(slack, current, refresh);
}

function visible(channel) {
  return channel.messages.filter((message) => !message.visible_to || message.visible_to === chosen.user);
}

function renderChannels(channels, current, choose) {
  // What stands there when the page opens is not new; a conversation that begins later is.
  const isFirst = seen.size === 0;
  const items = channels.map((channel) => {
    const newest = visible(channel).at(-1)?.ts ?? "";
    if (channel === current || isFirst) seen.set(channel.id, newest);
    const name = channel.kind === "im" ? "✉ Flytower" : `#${channel.name}`;
    return { id: channel.id, name, isCurrent: channel === current, isNew: newest > (seen.get(channel.id) ?? "") };
  });
  keyed(byId("channels"), items, (item) => item.id, (item) =>
    el(
      "button",
      {
        type: "button",
        class: item.isNew ? "channel new" : "channel",
        "aria-current": item.isCurrent ? "page" : null,
        "data-focus": item.id,
        onclick: () => choose(item.id),
      },
      item.name,
      item.isNew ? el("span", { class: "hidden" }, " (new messages)") : null,
    ),
  );
}

function renderPeople(people, choose) {
  const items = people.map((person) => ({ ...person, isChosen: person.id === chosen.user }));
  let box = byId("people").querySelector(".persons");
  if (!box) byId("people").append((box = el("div", { class: "persons" })));
  keyed(box, items, (item) => item.id, (item) => {
    const radio = el("input", { type: "radio", name: "person", value: item.id, "data-focus": item.id, onchange: () => choose(item.id) });
    radio.checked = item.isChosen;
    const note = item.note ? el("span", { class: "quiet" }, ` ${item.note}`) : null;
    return el("label", { class: "person", title: item.real_name }, radio, avatar(item), el("span", {}, item.name, note));
  });
}

function avatar(user) {
  const initials = user.real_name.split(/\s+/).map((word) => [...word][0]).slice(0, 2).join("");
  const node = el("span", { class: user.is_bot ? "avatar is-bot" : "avatar", "aria-hidden": "true" }, initials.toUpperCase());
  if (/^[0-9a-f]{6}$/i.test(user.color)) node.style.setProperty("--avatar", `#${user.color}`);
  return node;
}

/** What people, channels and groups are called. */
export function namesOf(slack) {
  const named = (list, key) => (id) => list.find((each) => each.id === id)?.[key] ?? id;
  return { user: named(slack.users, "name"), channel: named(slack.channels, "name"), group: named(slack.groups, "handle") };
}

function renderMessages(slack, channel, refresh) {
  const pane = byId("messages-pane");
  const switched = pane.dataset.channel !== `${channel.id} ${chosen.user}`;
  const atEnd = pane.scrollHeight - pane.scrollTop - pane.clientHeight < NEAR_END_PX;
  const all = visible(channel);
  const isReply = (message) => message.thread_ts && message.thread_ts !== message.ts;
  const tops = new Set(all.filter((message) => !isReply(message)).map((message) => message.ts));
  const items = all
    .filter((message) => !isReply(message) || message.reply_broadcast || !tops.has(message.thread_ts))
    .map((message) => ({
      message,
      replies: all.filter((reply) => isReply(reply) && reply.thread_ts === message.ts),
      notice: noticeOf(slack, message),
    }));
  const context = { slack, channel, refresh, names: namesOf(slack) };
  keyed(byId("messages"), items, (item) => `${channel.id} ${item.message.ts}`, (item) => messageItem(item, context));
  renderEmpty(items.length === 0);
  announce(all, switched, context.names);
  pane.dataset.channel = `${channel.id} ${chosen.user}`;
  if (switched || atEnd) pane.scrollTop = pane.scrollHeight;
}

function noticeOf(slack, message) {
  const since = Number(message.edited?.ts ?? message.ts);
  const own = (notice) => notice.user === chosen.user && notice.place === message.ts && notice.at >= since;
  return slack.notices.findLast(own)?.text ?? "";
}

// Edits come every two seconds; a screen reader hears of new messages only, each with its complete text.
function announce(messages, switched, names) {
  const newest = messages.at(-1);
  const isNews = !switched && newest && newest.ts > (announced ?? "");
  if (isNews) say(byId("announcer"), el("p", {}, mrkdwn(newest.text, names)).textContent);
  announced = newest?.ts ?? announced;
}

function renderEmpty(isEmpty) {
  const box = byId("empty");
  box.hidden = !isEmpty;
  if (!isEmpty || box.childElementCount) return;
  const example = (text) => el("button", { type: "button", onclick: () => fill(text) }, text);
  box.append(el("p", {}, "Nothing here yet. Type a command below, for example:"), el("p", { class: "buttons" }, EXAMPLES.map(example)));
}

function fill(text) {
  byId("text").value = text;
  byId("text").focus();
}

function messageItem({ message, replies, notice }, context) {
  const thread = replies.length
    ? el("ol", { class: "thread", "aria-label": "Thread" }, replies.map((reply) => messageItem({ message: reply, replies: [], notice: "" }, context)))
    : null;
  const author = context.slack.users.find((user) => user.id === message.user) ?? { real_name: message.user, color: "" };
  return el(
    "li",
    { class: message.visible_to ? "message private" : "message" },
    avatar(author),
    el(
      "div",
      { class: "message-body" },
      byline(author, message),
      message.visible_to ? el("p", { class: "only-you quiet" }, "👁 Only visible to you") : null,
      contentOf(message, context),
      notice ? el("p", { class: "problem" }, `⚠ ${notice}`) : null,
      thread,
    ),
  );
}

function byline(author, message) {
  const at = Number(message.ts);
  return el(
    "p",
    { class: "byline" },
    el("strong", {}, author.real_name),
    author.is_bot ? el("span", { class: "tag" }, "APP") : null,
    el("time", { class: "quiet", title: new Date(at * 1000).toLocaleString() }, clock(at)),
    message.edited ? el("span", { class: "quiet" }, `(edited ${clock(Number(message.edited.ts))})`) : null,
    message.reply_broadcast ? el("span", { class: "quiet" }, "replied to a thread") : null,
  );
}

function contentOf(message, context) {
  const blocks = { names: context.names, press: (element, block, node) => press(message, element, block, node, context) };
  const shown = message.blocks.length
    ? message.blocks.map((block) => renderBlock(block, blocks))
    : [el("div", { class: "text" }, message.source === "command" ? message.text : mrkdwn(message.text, context.names))];
  if (message.attachments.length) shown.push(el("p", { class: "unsupported" }, "This page does not show attachments."));
  if (message.files.length) shown.push(el("ul", {}, message.files.map(fileItem)));
  const reactions = Object.entries(message.reactions).map(([name, users]) => `:${name}: ${users.length}`);
  if (reactions.length) shown.push(el("p", { class: "quiet" }, reactions.join("  ")));
  return shown;
}

function fileItem({ id, name, size }) {
  const link = el("a", { href: `/api/files/${encodeURIComponent(id)}`, download: name }, name);
  return el("li", {}, "📎 ", link, el("span", { class: "quiet" }, ` ${size} bytes`));
}

async function press(message, element, block, node, context) {
  node.setAttribute("aria-busy", "true");
  try {
    const place = { user: chosen.user, channel: context.channel.id, ts: message.ts, version: message.version };
    const what = { action_id: element.action_id, block_id: block.block_id };
    const answer = await post("click", { ...place, ...what, value: element.value ?? null });
    say(byId("status"), answer.problem ?? "");
  } catch (error) {
    say(byId("status"), error.message);
  }
  node.removeAttribute("aria-busy");
  context.refresh();
}
