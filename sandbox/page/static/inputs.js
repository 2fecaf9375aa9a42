// Inputs of a modal. Source: https://docs.slack.dev/reference/block-kit/blocks/input-block
import { textOf, unsupported } from "./blocks.js";
import { STEPS, combobox } from "./combobox.js";
import { el, say } from "./dom.js";

const PAUSE_MS = 250;
const QUERY_LENGTH = 3;

/** An input block with its label. `context` has `names`, `values`, `choose` and `search`. */
export function field(block, context) {
  const { element } = block;
  const id = `in-${block.block_id}`;
  const make = INPUTS[element.type];
  const state = context.values[block.block_id]?.[element.action_id] ?? {};
  const choose = (value) => context.choose(block, element, value);
  const part = make?.({ element, block, id, state, choose, context }) ?? unsupported(`“${element.type}” inputs`);
  const isGroup = element.type === "checkboxes" && make;
  const label = [block.label.text, block.optional ? el("span", { class: "quiet" }, " (optional)") : null];
  return el(
    isGroup ? "fieldset" : "div",
    { class: "field", "data-block": block.block_id, "aria-describedby": isGroup ? `${id}-error` : null },
    isGroup ? el("legend", {}, label) : el("label", { for: make ? id : null }, label),
    part,
    block.hint ? el("p", { class: "hint quiet", id: `${id}-hint` }, block.hint.text) : null,
    el("p", { class: "problem", id: `${id}-error` }),
  );
}

/** Show the app's errors, by block id, beside the fields; the first control with one, or null. */
export function showErrors(container, errors) {
  let first = null;
  for (const node of container.querySelectorAll(".field")) {
    const text = errors[node.dataset.block] ?? "";
    const control = node.querySelector("input, select, textarea");
    say(node.querySelector(".problem"), text);
    if (text) control?.setAttribute("aria-invalid", "true");
    else control?.removeAttribute("aria-invalid");
    if (text) first ??= control;
  }
  return first;
}

const INPUTS = {
  plain_text_input: text,
  static_select: menu,
  external_select: search,
  checkboxes,
};

const common = ({ element, block, id }) => ({
  id,
  required: !block.optional,
  placeholder: element.placeholder?.text,
  "data-focus": id,
  "aria-describedby": block.hint ? `${id}-hint ${id}-error` : `${id}-error`,
});

function text(input) {
  const { element, state, choose } = input;
  const limits = { minlength: element.min_length, maxlength: element.max_length ?? 3000 };
  const node = el(element.multiline ? "textarea" : "input", {
    ...common(input),
    ...limits,
    type: element.multiline ? null : "text",
    onchange: () => choose(node.value),
  });
  node.value = state.value ?? "";
  return node;
}

function menu(input) {
  const { element, state, choose } = input;
  const groups = element.option_groups?.map((group) => el("optgroup", { label: group.label.text }, group.options.map(choice)));
  const node = el(
    "select",
    { ...common(input), placeholder: null, onchange: () => choose(node.value || null) },
    el("option", { value: "" }, element.placeholder?.text ?? "Choose…"),
    groups ?? element.options.map(choice),
  );
  node.value = state.selected_option?.value ?? "";
  return node;
}

const choice = ({ text: caption, value, description }) =>
  el("option", { value }, description ? `${caption.text} – ${description.text}` : caption.text);

function checkboxes({ element, block, id, state, choose, context }) {
  const ticked = new Set((state.selected_options ?? []).map((each) => each.value));
  const boxes = element.options.map((each, index) => {
    const box = el("input", { type: "checkbox", id: `${id}-${index}`, "data-focus": `${id}-${index}`, onchange: change });
    box.checked = ticked.has(each.value);
    return box;
  });
  function change() {
    check();
    choose(element.options.filter((_, index) => boxes[index].checked).map((each) => each.value));
  }
  function check() {
    const isMissing = !block.optional && !boxes.some((box) => box.checked);
    boxes[0].setCustomValidity(isMissing ? "Tick at least one box." : "");
  }
  check();
  return el("div", {}, element.options.map((each, index) => tick(each, boxes[index], context)));
}

function tick({ text: caption, description }, box, context) {
  const about = description ? el("span", { class: "about quiet" }, textOf(description, context)) : null;
  return el("label", { class: "tick" }, box, el("span", {}, textOf(caption, context), about));
}

function search(input) {
  const { element, block, id, choose, context } = input;
  let option = input.state.selected_option ?? null;
  let offered = [];
  let asked = 0;
  let timer;
  const list = el("ul", { id: `${id}-list`, class: "options", role: "listbox", "aria-label": block.label.text, hidden: true });
  const line = el("input", {
    ...common(input),
    type: "text",
    role: "combobox",
    autocomplete: "off",
    spellcheck: "false",
    "aria-autocomplete": "list",
    "aria-expanded": "false",
    "aria-controls": list.id,
    onfocus: () => ask(""),
    oninput: () => later(line.value),
    onkeydown: keys,
    onblur: leave,
  });
  const box = combobox(line, list, take);
  const restore = () => (line.value = option?.text.text ?? "");
  restore();

  function later(typed) {
    clearTimeout(timer);
    timer = setTimeout(() => ask(typed), PAUSE_MS);
  }

  async function ask(typed) {
    if (typed.length < (element.min_query_length ?? QUERY_LENGTH)) return box.close();
    const mine = ++asked;
    box.tell("Searching…");
    const answer = await context.search(block, element, typed, () => mine === asked);
    if (mine !== asked) return;
    offered = answer.options;
    if (offered.length) box.show(offered.map(row));
    else box.tell(answer.problem ?? "Nothing was found.");
  }

  function row({ text: caption, description }) {
    return [caption.text, description ? el("span", { class: "about quiet" }, description.text) : ""];
  }

  function take(index) {
    option = offered[index];
    stop();
    restore();
    choose(option.value);
  }

  function stop() {
    clearTimeout(timer);
    asked += 1;
    box.close();
  }

  // What was typed but not chosen means nothing to the app; an emptied line takes the choice back.
  function leave() {
    stop();
    if (option && !line.value) {
      option = null;
      choose(null);
    }
    restore();
  }

  function keys(event) {
    const step = STEPS[event.key];
    if (step && list.hidden) ask(line.value === option?.text.text ? "" : line.value);
    else if (step) box.move(step);
    else if (event.key === "Enter") {
      if (box.active >= 0) take(box.active);
    } else if (event.key === "Escape" && !list.hidden) {
      stop();
      restore();
      event.stopPropagation();
    } else return;
    event.preventDefault();
  }

  return el("div", { class: "search" }, line, list);
}
