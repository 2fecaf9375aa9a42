// Menus of all kinds: what each offers, and how it is shown.
import { html } from "../lib.js";
import { item, table } from "../store.js";
import { view } from "../view.js";
import { Combobox } from "./combobox.js";
import { stringOf } from "./mrkdwn.js";

const QUERY_LENGTH = 3;
const KINDS = ["public", "private", "im"];
const KEEPS_OPTIONS = new Set(["static_select", "external_select"]);

/** A menu: `choice` of useChoice, `naming` the attributes that name and describe it. */
export function Menu({ element, choice, naming }) {
  const isMulti = element.type.startsWith("multi_");
  const kind = element.type.replace("multi_", "");
  const keepsOptions = KEEPS_OPTIONS.has(kind);
  const rowOf = keepsOptions ? optionRow : (id) => idRow(kind, id);
  const valueOf = (row) => (keepsOptions ? row.option : row.value);
  const chosen = (isMulti ? (choice.shown ?? []) : [choice.shown]).filter((each) => each !== null).map(rowOf);
  const choose = (rows) => {
    const values = rows.map((row) => row.value);
    const shown = rows.map(valueOf);
    return isMulti ? choice.choose(values, shown) : choice.choose(values[0] ?? null, shown[0] ?? null);
  };
  const external = kind === "external_select";
  return html`<${Combobox}
    chosen=${chosen} isMulti=${isMulti} most=${element.max_selected_items ?? Infinity} choose=${choose} naming=${naming}
    placeholder=${element.placeholder ? stringOf(element.placeholder) : "Choose…"}
    offer=${external ? null : () => OFFERS[kind](element)}
    search=${external ? searching(choice) : null} least=${element.min_query_length ?? QUERY_LENGTH}
  />`;
}

const searching = (choice) => async (typed, isWanted) => {
  const answer = await choice.search(typed, isWanted);
  return answer && { groups: groupsOf(answer), problem: answer.problem };
};

function optionRow(option) {
  return { value: option.value, text: stringOf(option.text), about: option.description ? stringOf(option.description) : "", option };
}

function groupsOf({ options, option_groups: groups }) {
  if (!groups?.length) return [{ label: "", rows: (options ?? []).map(optionRow) }];
  return groups.map((group) => ({ label: stringOf(group.label), rows: group.options.map(optionRow) }));
}

const OFFERS = {
  static_select: groupsOf,
  users_select: () => ids("users_select", [...table("slack/user").keys()]),
  channels_select: () => ids("channels_select", channels((channel) => channel.kind === "public")),
  conversations_select: ({ filter = {} }) => ids("conversations_select", channels((channel) => isOffered(channel, filter))),
};

const ids = (kind, list) => [{ label: "", rows: list.map((id) => idRow(kind, id)) }];

const channels = (isWanted) => [...table("slack/channel").values()].filter(isWanted).map((channel) => channel.id);

function isOffered(channel, filter) {
  if (!(filter.include ?? KINDS).includes(channel.kind)) return false;
  if (channel.kind === "im") return channel.user === view.user && !filter.exclude_bot_users;
  return channel.kind === "public" || channel.members.includes(view.user);
}

function idRow(kind, id) {
  if (kind === "users_select") {
    const user = item(`slack/user/${id}`);
    return { value: id, text: user?.real_name ?? id, about: user ? `@${user.name}` : "" };
  }
  const channel = item(`slack/channel/${id}`);
  const app = item("slack/workspace/workspace").app.name;
  return { value: id, text: channel?.kind === "im" ? app : `#${channel?.name ?? id}`, about: "" };
}
