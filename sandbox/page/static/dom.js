// The only place where elements are made: text becomes text nodes, never markup, and attributes are set by name.

const prints = new WeakMap();

/** An element; `options` are attributes, `on…` functions are listeners, strings among `children` become text. */
export function el(tag, options = {}, ...children) {
  return made(document.createElement(tag), options, children);
}

/** The same for drawings. */
export function svg(tag, options = {}, ...children) {
  return made(document.createElementNS("http://www.w3.org/2000/svg", tag), options, children);
}

function made(node, options, children) {
  for (const [name, value] of Object.entries(options)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

export const byId = (id) => document.getElementById(id);

/** Make the children of `container` show `items`: what did not change stays, with its focus and its selection. */
export function keyed(container, items, keyOf, render) {
  const old = new Map([...container.children].map((node) => [node.dataset.key, node]));
  items.forEach((item, index) => {
    const key = String(keyOf(item));
    const print = JSON.stringify(item);
    let node = old.get(key);
    old.delete(key);
    if (!node || prints.get(node) !== print) {
      const fresh = render(item);
      fresh.dataset.key = key;
      prints.set(fresh, print);
      if (node) replaceKeepingFocus(node, fresh);
      node = fresh;
    }
    if (container.children[index] !== node) container.insertBefore(node, container.children[index] ?? null);
  });
  for (const node of old.values()) node.remove();
}

function replaceKeepingFocus(node, fresh) {
  const active = document.activeElement;
  const focus = node.contains(active) ? active.dataset.focus : undefined;
  node.replaceWith(fresh);
  if (focus === undefined) return;
  const all = [fresh, ...fresh.querySelectorAll("[data-focus]")];
  const actionOf = (text) => text?.split(" ")[0];
  // A button that leads to another page has another value there.
  const again = all.find((each) => each.dataset.focus === focus) ?? all.find((each) => actionOf(each.dataset.focus) === actionOf(focus));
  again?.focus({ preventScroll: true });
}

/** Set text only where it differs, so that nothing is announced or selected away for nothing. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

const GOOD = new Set(["started", "passing", "complete", "deployed", "success"]);
const BAD = new Set(["failed", "critical", "unreachable", "failure", "timed_out"]);
const RESTING = new Set(["stopped", "suspended", "pending", "created", "queued", "cancelled", "skipped"]);

/** Whether a state's word means well, ill, rest or work. */
export function tone(word) {
  if (GOOD.has(word)) return "good";
  if (BAD.has(word)) return "bad";
  return RESTING.has(word) ? "resting" : "busy";
}

export const pill = (word) => el("span", { class: `pill ${tone(word)}` }, word.replaceAll("_", " "));
