// Block Kit as nodes. Source: https://docs.slack.dev/reference/block-kit/blocks
import { chart } from "./chart.js";
import { byId, el } from "./dom.js";
import { link, mrkdwn } from "./mrkdwn.js";
import { richText } from "./richtext.js";

const STYLES = { primary: "primary", danger: "danger" };

/** One block; `context` has `names` and `press(element, block)`. A block that is not known says so. */
export function renderBlock(block, context) {
  const make = BLOCKS[block.type];
  return make ? make(block, context) : unsupported(`“${block.type}” blocks`);
}

export const unsupported = (what) => el("p", { class: "unsupported" }, `This page does not show ${what}.`);

const BLOCKS = {
  header: (block, context) => el("h3", { class: "block-header" }, textOf(block.text, context)),
  divider: () => el("hr"),
  section: (block, context) =>
    el(
      "div",
      { class: "section" },
      el(
        "div",
        { class: "section-body" },
        block.text ? el("div", { class: "text" }, textOf(block.text, context)) : null,
        block.fields ? el("div", { class: "fields" }, block.fields.map((field) => fieldOf(field, context))) : null,
      ),
      block.accessory ? elementOf(block.accessory, block, context) : null,
    ),
  context: (block, context) =>
    el("div", { class: "context" }, block.elements.map((element) => elementOf(element, block, context))),
  actions: (block, context) =>
    el("div", { class: "buttons" }, block.elements.map((element) => elementOf(element, block, context))),
  image: (block) => image(block),
  data_visualization: chart,
  rich_text: (block, context) => el("div", { class: "rich" }, richText(block, context.names)),
};

const fieldOf = (field, context) => el("div", { class: "text" }, textOf(field, context));

/** Nodes of a text object. */
export function textOf(text, context) {
  return text.type === "mrkdwn" ? mrkdwn(text.text, context.names) : [text.text];
}

function elementOf(element, block, context) {
  if (element.type === "mrkdwn" || element.type === "plain_text") return fieldOf(element, context);
  if (element.type === "image") return image(element);
  if (element.type === "button") return button(element, block, context);
  return unsupported(`“${element.type}” elements`);
}

// Nothing is loaded from elsewhere: the description stands for the picture, and a click opens it.
function image({ image_url, alt_text, title }) {
  const caption = title ? el("figcaption", { class: "quiet" }, alt_text) : null;
  return el("figure", { class: "image" }, "🖼 ", link(image_url ?? "", title?.text ?? alt_text), caption);
}

function button(element, block, context) {
  const press = async () => {
    const isMeant = !element.confirm || (await confirmed(element.confirm, context));
    // The card may have been drawn anew behind the dialog.
    if (!node.isConnected) twin(node)?.focus({ preventScroll: true });
    if (isMeant && element.action_id) context.press(element, block, node);
  };
  const node = el(
    "button",
    {
      type: "button",
      class: STYLES[element.style] ?? "",
      "aria-label": element.accessibility_label,
      "data-focus": `${element.action_id} ${element.value ?? ""}`,
      onclick: press,
    },
    element.text.text,
  );
  return node;
}

function twin(node) {
  return [...document.querySelectorAll("button[data-focus]")].find((each) => each.dataset.focus === node.dataset.focus);
}

function confirmed(ask, context) {
  const dialog = byId("confirm");
  byId("confirm-title").replaceChildren(ask.title.text);
  byId("confirm-text").replaceChildren(...textOf(ask.text, context));
  byId("confirm-no").replaceChildren(ask.deny.text);
  byId("confirm-yes").replaceChildren(ask.confirm.text);
  byId("confirm-yes").className = STYLES[ask.style] ?? "primary";
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
