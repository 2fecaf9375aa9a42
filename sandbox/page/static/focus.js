// Whoever works by keyboard stays in place when what had the focus goes away: a button whose deed is done, a closed panel.
const PLACES = "li, main, [role], [aria-label], [aria-labelledby]";
const WATCHED = { subtree: true, childList: true, attributes: true, attributeFilter: ["data-drawer", "data-thread"] };
// Whoever moves the focus on purpose goes first.
const PATIENCE_MS = 150;

/** Lead a focus that got lost below `root` to the nearest place around it that is still seen. */
export function keepFocus(root) {
  let path = [];
  root.addEventListener("focusin", ({ target }) => {
    path = pathOf(target);
  });
  // A click beside everything gives the focus up on purpose.
  root.addEventListener("pointerdown", () => {
    path = [];
  });
  const restore = () => isLost(path) && settle(path.find((node) => node.matches(PLACES) && isSeen(node)));
  new MutationObserver(() => isLost(path) && setTimeout(restore, PATIENCE_MS)).observe(root, WATCHED);
}

function pathOf(element) {
  const path = [];
  for (let node = element; node; node = node.parentElement) path.push(node);
  return path;
}

const isSeen = (node) => node.isConnected && node.checkVisibility();

function isLost(path) {
  const isNowhere = document.activeElement === document.body || !isSeen(document.activeElement);
  return path.length > 0 && isNowhere && !isSeen(path[0]);
}

function settle(found) {
  const place = found ?? document.getElementById("talk");
  if (!place.hasAttribute("tabindex")) {
    place.tabIndex = -1;
    place.addEventListener("blur", () => place.removeAttribute("tabindex"), { once: true });
  }
  place.focus({ preventScroll: true });
}
