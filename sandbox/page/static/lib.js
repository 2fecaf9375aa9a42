// Preact and htm, with the little that every module of the page needs.
import { Component, Fragment, createContext, h, render } from "preact";
import { useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import htm from "htm";

export const html = htm.bind(h);
export { Fragment, createContext, h, render };
export { useCallback, useEffect, useId, useLayoutEffect, useMemo, useRef, useState };

// A format takes longer to make than a message to draw.
const TO_THE_MINUTE = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit" });
const TO_THE_SECOND = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** A component that is drawn again only when one of its props is another object: items keep theirs until they change. */
export function memo(view) {
  return class extends Component {
    shouldComponentUpdate(next) {
      const names = Object.keys(next);
      return names.length !== Object.keys(this.props).length || names.some((name) => !Object.is(next[name], this.props[name]));
    }

    render(props) {
      return h(view, props);
    }
  };
}

export const classes = (...names) => names.filter(Boolean).join(" ");

/** The time of day of a Unix time in seconds, as the person's browser writes it. */
export function clock(seconds, { withSeconds = false } = {}) {
  return (withSeconds ? TO_THE_SECOND : TO_THE_MINUTE).format(seconds * 1000);
}
