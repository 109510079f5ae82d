// What every screen is held against, and where its picture goes.
import assert from "node:assert/strict";
import { readFileSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const folder = process.env.COFRE_SCREENSHOTS;
if (folder) mkdirSync(folder, { recursive: true });

let started = Date.now();

/** step runs a part of the test and says how long it took. */
export async function step(name, work) {
  started = Date.now();
  try {
    return await work();
  } catch (err) {
    err.message = `${name}: ${err.message}`;
    throw err;
  } finally {
    console.log(`${String(Date.now() - started).padStart(6)} ms  ${name}`);
  }
}

/** inspect holds what a page shows against the rules: accessibility, width, language, and nothing that went wrong. */
export async function inspect(page, name) {
  if (!(await page.evaluate(() => "axe" in window))) await page.evaluate(axe); // not as a script of the page: its policy would refuse that, and should
  const { violations, passes } = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  assert.ok(passes.length > 10, `axe looked at nothing of ${name}`);
  const found = violations.map((v) => `${v.id}: ${v.help}\n    ${v.nodes.map((n) => `${n.target.join(" ")} ${n.any[0]?.message ?? ""}`).slice(0, 4).join("\n    ")}`);
  assert.deepEqual(found, [], `accessibility of ${name}:\n  ${found.join("\n  ")}`);
  await fits(page, name);
  calm(page, name);
}

/** fits: nothing is wider than the window, and no text stands out of what it is in: a dialog, a menu, a card, a cell, a button. What scrolls may be wider, and so may what ends in an
 * ellipsis, is read aloud only, or comes when it has the focus. */
export async function fits(page, name) {
  const over = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    const found = [];
    if (scrollWidth > clientWidth) {
      const wide = [...document.body.querySelectorAll("*")].filter((e) => e.getBoundingClientRect().right > clientWidth + 0.5 || e.scrollWidth > e.clientWidth && e.clientWidth > 0);
      found.push(`${scrollWidth - clientWidth} px wider than the window: ${wide.slice(-6).map((e) => e.outerHTML.slice(0, 200)).join("\n    ")}`);
    }
    const boxes = new Map();
    const boxOf = (e) => boxes.get(e) ?? boxes.set(e, e.getBoundingClientRect()).get(e);
    const meant = (e) => {
      const s = getComputedStyle(e);
      return s.clipPath !== "none" || ["auto", "scroll"].includes(s.overflowX) || s.textOverflow === "ellipsis" && s.overflowX !== "visible";
    };
    const holds = (e) => e.matches("body, dialog, button, .button, .card, .notice, .badge, .chip, [popover], [role=menu], th, td, li") || getComputedStyle(e).overflowX !== "visible";
    const range = document.createRange();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const parent = node.parentElement;
      if (!node.data.trim() || parent.closest(".skip, .hidden")) continue;
      range.selectNodeContents(node);
      const { left, right, width } = range.getBoundingClientRect();
      if (width === 0) continue;
      const out = (e) => right > boxOf(e).right + 1 || left < boxOf(e).left - 1;
      let e = parent;
      while (e && !(out(e) && holds(e))) e = e.matches("dialog, [popover], [role=menu]") ? document.body : e.parentElement; // these are above all but the window
      if (!e) continue;
      let up = parent;
      while (up && !meant(up)) up = up.parentElement;
      // What scrolls within that which it stands out of, would not stand out; what is hidden as a whole is hidden with it.
      if (!up || up.contains(e) && up !== e && getComputedStyle(up).clipPath === "none") found.push(`"${node.data.trim().slice(0, 60)}" stands out of ${e.outerHTML.slice(0, 200)}`);
    }
    return found;
  });
  assert.deepEqual(over, [], `${name}: what does not fit:\n  ${over.join("\n  ")}`);
}

/** The browser tells of every answer that is no success. That of the health is one: it comes with this status while a check fails. */
const unwell = /^console: Failed to load resource: the server responded with a status of 503 .*\/api\/health\)$/;

/** calm: no console error, no exception, no request to where none should go. */
export function calm(page, name) {
  assert.deepEqual(page.trouble.filter((t) => !unwell.test(t)), [], `${name}: trouble`);
}

/** picture writes a screenshot, of the whole page unless it shows a dialog, or the window alone is wanted. */
export async function picture(page, name, window = false) {
  if (!folder) return;
  const dialog = await page.locator("dialog[open]").count();
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: dialog === 0 && !window, animations: "disabled" });
}

/** secretless: the token is in no address, and not where it would outlive the tab. */
export async function secretless(page) {
  const { local, href, token } = await page.evaluate(() => ({
    local: JSON.stringify(localStorage), href: location.href, token: JSON.parse(sessionStorage.getItem("cofre.session"))?.token,
  }));
  assert.ok(token, "there is no session");
  assert.ok(!local.includes(token) && !href.includes(token), "the token is where it should not be");
}
