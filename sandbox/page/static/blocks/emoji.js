// Emoji by Slack's names for them. The table is fetched when the first name is met.
import { useEffect, useState } from "../lib.js";

const TABLE = "/vendor/iamcal.json";
// A skin tone follows the name of what it colours; 2 is the lightest. Source: https://docs.slack.dev/messaging/formatting-message-text
const LIGHTEST = 0x1f3fb - 2;
const PRESENTATION = "\ufe0f";

let characters = null;
let loading = null;
const waiting = new Set();

/** The form of an emoji's name in a text: `:rocket:` or `:wave::skin-tone-3:`. */
export const EMOJI = /:([\w'+-]{1,64}):(?::skin-tone-([2-6]):)?/g;

/** An emoji; the text of its name until it is known, and where no emoji is called so. */
export function Emoji({ name, tone }) {
  const [, again] = useState(0);
  useEffect(() => {
    if (characters) return undefined;
    load();
    waiting.add(again);
    return () => waiting.delete(again);
  }, []);
  return emojiOf(name, tone);
}

/** The same as a string, for places that take no nodes. */
export function emojiOf(name, tone) {
  const known = characters?.get(name);
  const text = `:${name}:${tone ? `:skin-tone-${tone}:` : ""}`;
  return known ? known + (tone ? String.fromCodePoint(LIGHTEST + Number(tone)) : "") : text;
}

/** A text with its emoji, as a string. */
export const emojified = (text) => text.replace(EMOJI, (_, name, tone) => emojiOf(name, tone));

async function load() {
  loading ??= fetch(TABLE).then((response) => response.json());
  characters = read(await loading);
  for (const again of waiting) again((count) => count + 1);
  waiting.clear();
}

function read(names) {
  return new Map(Object.entries(names).flatMap(([code, each]) => [each].flat().map((name) => [name, drawn(code)])));
}

// Some characters are drawn as text unless told otherwise.
function drawn(code) {
  const parts = code.split("-").map((hex) => String.fromCodePoint(Number.parseInt(hex, 16)));
  return parts.map((part) => (/^\p{Emoji}$/u.test(part) && !/^\p{Emoji_Presentation}$/u.test(part) ? part + PRESENTATION : part)).join("");
}
