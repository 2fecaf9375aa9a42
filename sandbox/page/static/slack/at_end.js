// A list whose newest is at its bottom stays there while one is there, whatever grows or is squeezed.
import { useLayoutEffect, useRef } from "../lib.js";

const NEAR_END_PX = 60;

/** Show the end of a pane. */
export function toEnd(node) {
  node.scrollTop = node.scrollHeight;
}

/** For the pane of a ref: `isAtEnd` (a ref), and `scrolled`, to be called whenever it has scrolled. */
export function useAtEnd(pane) {
  const isAtEnd = useRef(true);
  const size = useRef("");
  useLayoutEffect(() => {
    const node = pane.current;
    const observer = new ResizeObserver(() => isAtEnd.current && toEnd(node));
    observer.observe(node);
    observer.observe(node.firstElementChild);
    return () => observer.disconnect();
  }, []);
  const scrolled = () => {
    const node = pane.current;
    const before = size.current;
    size.current = `${node.clientWidth} ${node.clientHeight} ${node.scrollHeight}`;
    // A pane of another size was moved by its window or its content, not by a person.
    if (isAtEnd.current && size.current !== before) toEnd(node);
    else isAtEnd.current = node.scrollHeight - node.scrollTop - node.clientHeight < NEAR_END_PX;
  };
  return { isAtEnd, scrolled };
}
