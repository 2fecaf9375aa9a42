// Who pushes at the simulated GitHub, and the form to do it with.
import { html } from "../lib.js";
import { item } from "../store.js";
import { view } from "../view.js";
import { Form } from "./parts.js";

/** The login of the person whose hands this window has: people are called the same at GitHub as in Slack. */
export const login = () => item(`slack/user/${view.user}`)?.name ?? "";

/** Push a commit to a branch, or to that of the pull request with the number `pull`. */
export function PushForm({ repository, branch, pull, onDone }) {
  const place = pull ? [] : [{ name: "branch", label: "Branch", value: branch }];
  return html`<${Form} label="Push a commit" path="github/push" submit="Push" onDone=${onDone} fields=${[
    { name: "title", label: "Title", hint: "Fix rounding of prices" },
    ...place,
    { name: "migration", label: "It adds a migration", kind: "check" },
    { name: "fails", label: "Its CI fails", kind: "check" },
  ]} body=${(values) => ({ repository, pull, author: login(), ...checked(values) })} />`;
}

/** The values of a form, with what was not ticked as false. */
export function checked(values) {
  const boxes = ["migration", "fails", "draft", "fork"].filter((name) => name in values);
  return { ...values, ...Object.fromEntries(boxes.map((name) => [name, Boolean(values[name])])) };
}
