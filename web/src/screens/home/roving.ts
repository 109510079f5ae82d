// One stop of the tab key for many things: the arrow keys go from one to the next.

import { useState, type KeyboardEvent } from "react";

/** target gives where a key leads to among `count` things, from one of them; undefined for keys that lead nowhere. */
export function target(key: string, at: number, count: number, next: string, previous: string, page = 10): number | undefined {
  const to = key === next ? at + 1 : key === previous ? at - 1 : key === "Home" ? 0 : key === "End" ? count - 1 : key === "PageDown" ? at + page : key === "PageUp" ? at - page : undefined;
  return to === undefined || count === 0 ? undefined : Math.min(count - 1, Math.max(0, to));
}

/** useRoving gives the place in a row that the tab key stops at, and what its container listens to. `data-at` says which of its children one is. */
export function useRoving(count: number, first: number) {
  const [chosen, setChosen] = useState<number | null>(null);
  const at = Math.min(chosen ?? first, count - 1);
  const onKeyDown = (e: KeyboardEvent<HTMLElement>) => {
    const to = target(e.key, at, count, "ArrowRight", "ArrowLeft", 7);
    if (to === undefined || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault();
    setChosen(to);
    e.currentTarget.querySelector<HTMLElement>(`[data-at="${to}"]`)?.focus();
  };
  const onFocus = (e: { target: EventTarget }) => {
    const now = (e.target as HTMLElement).dataset["at"];
    if (now !== undefined) setChosen(Number(now));
  };
  return { at, on: { onKeyDown, onFocus } };
}
