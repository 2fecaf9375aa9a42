// What may be meant by what stands before the caret: a command of the app, a person, a group.
import { item } from "../store.js";
import { people, workspace } from "./place.js";

const MENTION = /(^|\s)@([\w.-]*)$/;
const MOST = 8;

/**
 * The options for a text with the caret at `caret`, or null: `label`, and `options` of `id`, `title`, `hint`, `about`,
 * `insert`; the chosen `insert` takes the place of the text between `start` and the caret.
 */
export function completions(text, caret, { withCommands }) {
  const before = text.slice(0, caret);
  const found = withCommands && /^\/\S*$/.test(before) ? commands(before) : mentions(before);
  return found?.options.length ? found : null;
}

/** How the command that a text begins with is used; null where it is none, or is not finished. */
export function usageOf(text) {
  const [word, ...rest] = text.split(/\s/);
  const known = workspace().app.commands.find((entry) => entry.command === word);
  return known && rest.length ? known : null;
}

function commands(word) {
  const meant = workspace().app.commands.filter((entry) => entry.command.startsWith(word.toLowerCase()));
  const options = meant.map((entry) => ({
    id: entry.command,
    title: entry.command,
    hint: entry.usage_hint ?? "",
    about: entry.description ?? "",
    insert: `${entry.command} `,
  }));
  return { start: 0, label: `Commands of ${workspace().app.name}`, options };
}

function mentions(before) {
  const match = MENTION.exec(before);
  if (!match) return null;
  const asked = match[2].toLowerCase();
  const persons = people().map((user) => ({ id: user.id, title: `@${user.name}`, hint: user.real_name, about: user.note, name: user.name }));
  const groups = item("slack/workspace/groups").map((group) => ({ id: group.id, title: `@${group.handle}`, hint: "user group", about: "", name: group.handle }));
  const app = { id: workspace().app.bot_user_id, title: `@${workspace().app.name.toLowerCase()}`, hint: "app", about: "", name: workspace().app.name.toLowerCase() };
  const meant = [...persons, ...groups, app].filter((each) => each.name.startsWith(asked)).slice(0, MOST);
  const options = meant.map((each) => ({ ...each, insert: `@${each.name} ` }));
  return { start: before.length - match[2].length - 1, label: "People and groups", options };
}
