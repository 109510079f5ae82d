// Shortcuts of one key, which can be switched off: whoever dictates, or types without looking, would set them off.

import { useEffect, useState } from "react";

const key = "cofre.keys";
export const keysAreOn = (): boolean => localStorage.getItem(key) !== "off";

/** useKeys gives whether they are on, and what switches them. */
export function useKeys(): [boolean, (on: boolean) => void] {
  const [on, set] = useState(keysAreOn);
  return [on, (next) => {
    if (next) localStorage.removeItem(key);
    else localStorage.setItem(key, "off");
    set(next);
  }];
}

const writes = (e: EventTarget | null) => e instanceof Element && e.closest("input:not([type=checkbox], [type=radio]), select, textarea, [contenteditable], dialog, [role=menu]") !== null;

/** useShortcuts listens for Ctrl K (or Cmd K), and for "/" where such keys are on. */
export function useShortcuts(palette: () => void, search: () => void) {
  useEffect(() => {
    const pressed = (e: KeyboardEvent) => {
      if ((e.ctrlKey || e.metaKey) && !e.altKey && !e.shiftKey && e.key.toLowerCase() === "k") palette();
      else if (e.key === "/" && !e.ctrlKey && !e.metaKey && !e.altKey && keysAreOn() && !writes(e.target)) search();
      else return;
      e.preventDefault();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  });
}
