// The page as somebody has it who uses no pointer: the tab key goes to a thing, and a key acts on it. After each step the focus is somewhere, and can be seen.
import assert from "node:assert/strict";

/** watchPointers counts what a pointer does, from before the page's own scripts on. A key that presses a button makes a click, and no pointer. */
export async function watchPointers(page) {
  await page.addInitScript(() => {
    window.pointers = [];
    for (const kind of ["pointerdown", "pointermove", "mousedown", "mousemove", "touchstart", "wheel"]) {
      addEventListener(kind, (e) => e.isTrusted && window.pointers.push(`${kind} on ${e.target?.outerHTML?.slice(0, 80)}`), { capture: true, passive: true });
    }
  });
}

/** keyboard gives the hands of somebody who has only that. */
export function keyboard(page) {
  /** where is what has the focus: whether it is anywhere, whether that shows, and what a person would call it. */
  const where = () => page.evaluate(() => {
    const e = document.activeElement;
    if (!e || e === document.body) return { lost: true, name: "nothing" };
    const box = e.getBoundingClientRect();
    const outlined = (style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    const name = e.getAttribute("aria-label") || e.labels?.[0]?.textContent || e.textContent.trim().slice(0, 60) || e.outerHTML.slice(0, 80);
    const at = document.elementFromPoint(Math.min(Math.max(box.x + box.width / 2, 0), innerWidth - 1), Math.min(Math.max(box.y + box.height / 2, 0), innerHeight - 1));
    return {
      name, begins: e.tabIndex < 0, // a part of the page that begins here, and nothing to be pressed
      ring: outlined(getComputedStyle(e)) || outlined(getComputedStyle(e, "::after")), // the latter around a whole row
      inside: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
      covered: Boolean(at && !e.contains(at) && !at.contains(e) && !e.labels?.[0]?.contains(at)),
    };
  });
  const held = async (what) => {
    const now = await where();
    assert.ok(!now.lost, `${what}: the focus is lost`);
    if (!now.begins) {
      assert.ok(now.ring, `${what}: nothing shows that “${now.name}” has the focus`);
      assert.ok(now.inside, `${what}: “${now.name}” has the focus and is out of sight`);
      assert.ok(!now.covered, `${what}: “${now.name}” has the focus and something lies over it`);
    }
    return now;
  };
  const press = (key) => page.keyboard.press(key);
  /** to goes to a thing by the tab key alone, forwards, or backwards where it is known to lie behind. It gives how many presses it took. */
  const to = async (locator, { back = false, most = 120 } = {}) => {
    await locator.waitFor();
    const passed = [];
    for (let presses = 0; presses <= most; presses++) {
      if (await locator.evaluate((e) => e === document.activeElement)) return presses;
      await press(back ? "Shift+Tab" : "Tab");
      passed.push((await held(`on the way to ${locator}`)).name);
    }
    throw new Error(`${most} presses of the tab key do not come to ${locator}, but to ${passed.slice(0, 30).join(" | ")}`);
  };
  return {
    press, to, held,
    type: (text) => page.keyboard.type(text),
    /** enter presses what it goes to. */
    async enter(locator, options) {
      await to(locator, options);
      await press("Enter");
    },
    /** fill goes to a field and types in place of what is there. */
    async fill(locator, text, options) {
      await to(locator, options);
      await press("Control+a");
      await page.keyboard.type(text);
    },
    /** choose goes to a list of choices and types how the choice begins. */
    async choose(locator, text, options) {
      await to(locator, options);
      await page.keyboard.type(text);
      assert.ok((await locator.evaluate((e) => e.selectedOptions[0].textContent)).startsWith(text), `${text} is not chosen`);
    },
    /** settled: whatever a step did, the focus was not lost, and no pointer had a part in it. */
    async settled(what) {
      await page.waitForLoadState("networkidle");
      await page.waitForFunction(() => document.activeElement !== document.body, undefined, { timeout: 2_000 }).catch(() => {});
      await held(what);
      assert.deepEqual(await page.evaluate(() => window.pointers), [], `${what}: a pointer was used`);
    },
  };
}
