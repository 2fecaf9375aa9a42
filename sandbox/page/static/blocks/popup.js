// What opens over everything else, beside the control that opened it.
import { useLayoutEffect, useRef } from "../lib.js";

const GAP_PX = 4;
const LEAST_PX = 160;
const MOST_PX = 320;

/** A ref for a `popover="manual"` element that stands beside the element of `anchor` for as long as it is drawn. */
export function useBeside(anchor) {
  const popup = useRef();
  useLayoutEffect(() => {
    popup.current.showPopover();
    const again = () => put(popup.current, anchor.current);
    addEventListener("scroll", again, true);
    addEventListener("resize", again);
    return () => {
      removeEventListener("scroll", again, true);
      removeEventListener("resize", again);
    };
  }, []);
  useLayoutEffect(() => put(popup.current, anchor.current));
  return popup;
}

function put(popup, anchor) {
  const box = anchor.getBoundingClientRect();
  const below = innerHeight - box.bottom - 2 * GAP_PX;
  const isBelow = below >= LEAST_PX || below >= box.top;
  const room = Math.min(MOST_PX, isBelow ? below : box.top - 2 * GAP_PX);
  popup.style.maxHeight = `${room}px`;
  popup.style.minWidth = `${Math.min(box.width, innerWidth)}px`;
  popup.style.left = `${Math.max(GAP_PX, Math.min(box.left, innerWidth - popup.offsetWidth - GAP_PX))}px`;
  popup.style.top = `${isBelow ? box.bottom + GAP_PX : box.top - GAP_PX - popup.offsetHeight}px`;
}
