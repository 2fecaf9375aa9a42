import { useLayoutEffect, useRef } from "../lib.js";

/** A ref for a container that takes the focus where a redraw removes the control that had it. */
export function useKeptFocus() {
  const container = useRef();
  const active = document.activeElement;
  const hadFocus = Boolean(container.current?.contains(active)) && active !== container.current;
  useLayoutEffect(() => {
    if (hadFocus && document.activeElement === document.body) container.current.focus({ preventScroll: true });
  });
  return container;
}
