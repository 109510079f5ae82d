import { afterEach, beforeEach, expect, test } from "vitest";
import { keepFocus } from "./focus";

let stop: () => void;
beforeEach(() => {
  document.body.innerHTML = `<main tabindex="-1"><section id="card"><p><button id="one">One</button></p><button id="two">Two</button></section></main>`;
  stop = keepFocus();
});
afterEach(() => stop());

const one = () => document.getElementById("one") as HTMLButtonElement;
/** changed waits until the change of the page was seen, and for a while longer. */
const changed = (wait = 0) => new Promise((r) => setTimeout(r, wait));

test("what is gone leaves the focus to the part of the page around it, and that to the page", async () => {
  one().focus();
  one().remove();
  await changed();
  expect(document.activeElement?.id).toBe("card");
  document.getElementById("card")!.remove();
  await changed();
  expect(document.activeElement?.tagName).toBe("MAIN");
});

/** off switches a button off, as a browser takes the focus of such: this DOM leaves it there. */
const off = () => {
  one().focus();
  one().blur();
  one().disabled = true;
};

test("what is switched off while it works gets the focus back", async () => {
  off();
  await changed();
  expect(document.activeElement).toBe(document.body);
  one().disabled = false;
  await changed();
  expect(document.activeElement).toBe(one());
});

test("what stays off leaves the focus to the part around it, and gets it back when it is on at last", async () => {
  off();
  await changed(500);
  expect(document.activeElement?.id).toBe("card");
  one().disabled = false;
  await changed();
  expect(document.activeElement).toBe(one());
});

test("whoever went elsewhere is not called back", async () => {
  off();
  document.getElementById("two")!.focus();
  one().disabled = false;
  await changed();
  expect(document.activeElement?.id).toBe("two");
});

test("whoever pointed at nothing has the focus nowhere", async () => {
  one().focus();
  document.body.dispatchEvent(new Event("pointerdown", { bubbles: true }));
  one().blur();
  one().remove();
  await changed(500);
  expect(document.activeElement).toBe(document.body);
});
