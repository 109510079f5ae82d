// The focus is not lost with what had it. A button that is switched off while it works gets it back, and what is gone leaves it to the part of the page around it:
// otherwise the next press of a key would begin at the top, and a screen reader would fall silent.

/** patience is how long something may be switched off before the focus goes elsewhere, in milliseconds: most work is done before. */
const patience = 400;

/** keepFocus watches over the page, until it is told to stop. */
export function keepFocus(): () => void {
  let last: HTMLElement | undefined;
  let around: HTMLElement[] = [];
  /** Where the focus waits for the last one. */
  let place: HTMLElement | null | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = (late: boolean) => {
    const now = document.activeElement;
    if (!last || (now && now !== document.body && now !== place)) return;
    const there = last.isConnected && last.checkVisibility?.() !== false;
    if (there && !last.matches(":disabled")) return last.focus({ preventScroll: true });
    if (there && !late) {
      clearTimeout(timer);
      timer = setTimeout(look, patience, true);
      return;
    }
    if (now && now === place) return;
    place = around.find((x) => x.isConnected) ?? document.querySelector("main");
    if (place && place.tabIndex < 0) place.tabIndex = -1;
    place?.focus({ preventScroll: true });
  };
  const moved = (e: FocusEvent) => {
    if (e.target === place) return;
    place = undefined;
    last = e.target as HTMLElement;
    around = [];
    for (let x = last.parentElement; x; x = x.parentElement) if (x.matches("section, form, dialog, main")) around.push(x);
  };
  // Whoever points at nothing wants the focus nowhere.
  const pointed = (e: Event) => {
    if (!last?.contains(e.target as Node)) last = undefined;
  };
  const observer = new MutationObserver(() => look(false));
  addEventListener("focusin", moved);
  addEventListener("pointerdown", pointed, true);
  observer.observe(document.body, { childList: true, subtree: true, attributes: true, attributeFilter: ["disabled", "open", "hidden"] });
  return () => {
    observer.disconnect();
    removeEventListener("focusin", moved);
    removeEventListener("pointerdown", pointed, true);
    clearTimeout(timer);
  };
}
