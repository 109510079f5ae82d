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

/** fits: nothing is wider than the window. */
export async function fits(page, name) {
  const over = await page.evaluate(() => {
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth <= clientWidth) return { px: 0, wide: [] };
    const wide = [...document.body.querySelectorAll("*")].filter((e) => e.getBoundingClientRect().right > clientWidth + 0.5 || e.scrollWidth > e.clientWidth && e.clientWidth > 0);
    return { px: scrollWidth - clientWidth, wide: wide.slice(-6).map((e) => e.outerHTML.slice(0, 200)) };
  });
  assert.ok(over.px <= 0, `${name} is ${over.px} px wider than the window:\n  ${over.wide.join("\n  ")}`);
}

/** calm: no console error, no exception, no request to where none should go. */
export function calm(page, name) {
  assert.deepEqual(page.trouble, [], `${name}: trouble`);
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
