// The only place where elements are made: text becomes text nodes, never markup, and attributes are set by name.

const prints = new WeakMap();

/** An element; `options` are attributes, `on…` functions are listeners, strings among `children` become text. */
export function el(tag, options = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
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
  const again = [fresh, ...fresh.querySelectorAll("[data-focus]")].find((each) => each.dataset.focus === focus);
  again?.focus({ preventScroll: true });
}

/** Set text only where it differs, so that nothing is announced or selected away for nothing. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}
