// A line to type in above a list of what may be meant. Source: https://www.w3.org/WAI/ARIA/apg/patterns/combobox/
import { el } from "./dom.js";

/** Wire `input` to `list`; `take(index)` is called for an option that is chosen with the mouse. */
export function combobox(input, list, take) {
  let active = -1;

  function mark(index) {
    active = index;
    [...list.children].forEach((node, position) => node.setAttribute("aria-selected", String(position === index)));
    list.children[index]?.scrollIntoView({ block: "nearest" });
    if (index >= 0) input.setAttribute("aria-activedescendant", list.children[index].id);
    else input.removeAttribute("aria-activedescendant");
  }

  function open(isOpen) {
    list.hidden = !isOpen;
    input.setAttribute("aria-expanded", String(isOpen));
  }

  function option(parts, index) {
    // Before the line loses its focus, which would close the list.
    const press = (event) => {
      event.preventDefault();
      take(index);
    };
    return el("li", { role: "option", id: `${list.id}-${index}`, onmousedown: press }, parts);
  }

  return {
    /** Offer these rows, each a list of nodes, with the first one marked. */
    show(rows) {
      list.replaceChildren(...rows.map(option));
      open(rows.length > 0);
      mark(rows.length ? 0 : -1);
    },
    /** Say something where the options would stand. */
    tell(text) {
      list.replaceChildren(el("li", { class: "quiet" }, text));
      open(true);
      active = -1;
      input.removeAttribute("aria-activedescendant");
    },
    close() {
      open(false);
      active = -1;
      input.removeAttribute("aria-activedescendant");
    },
    move(step) {
      const count = list.children.length;
      if (active >= 0) mark((active + step + count) % count);
    },
    get active() {
      return active;
    },
  };
}

/** Up and down, as steps in a list. */
export const STEPS = { ArrowDown: 1, ArrowUp: -1 };
