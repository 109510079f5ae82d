// Screens in their main states (states.mjs), in both languages and themes and five widths; and which flows were gone through by keyboard.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { calm, fits, inspect, picture } from "./checks.mjs";
import { otherLanguage } from "./language.mjs";
import { flows, states } from "./states.mjs";

const mine = states[basename(process.argv[1], ".mjs")];

const languages = ["en", "pt-BR"], widths = [320, 360, 768, 1280, 1920];

/** Where axe looks, which takes longest: each theme on a desk, each language, and a phone. A theme changes colors alone (onlyColors), so what fits into the window in the one
 * fits in the other: that is measured in every width of each language, once. */
const looked = ["en light 1280", "pt-BR light 360", "pt-BR dark 1280"];

const seen = new Map(Object.keys(mine ?? {}).map((name) => [name, new Set()]));

/** Which flows were gone through by keyboard alone. */
const byKeyboard = new Set();

/** cover notes that a flow was gone through by keyboard. */
export function cover(name) {
  assert.ok(flows.includes(name), `${name} is no flow`);
  byKeyboard.add(name);
}

/** still waits for what is yet to come. */
async function still(page, name) {
  await page.waitForFunction(() => ![...document.querySelectorAll(".skeleton, [aria-busy=true]")].some((e) => e.checkVisibility()), undefined, { timeout: 15_000 }).catch(async () => {
    throw new Error(`${name}: still loading: ${await page.locator("main").innerHTML()}`);
  });
}

/**
 * look shows states in every look: the names of some in states.mjs, and what the braces of their addresses stand for. The page keeps its session: it is one page,
 * whose address changes. `expected` are those lines of the browser's that tell of an answer which is wanted here.
 */
export async function look(page, origin, names, values = {}, expected = /(?!)/) {
  const size = page.viewportSize();
  for (const language of languages) {
    await page.evaluate((l) => localStorage.setItem("cofre.language", l), language);
    let anew = true;
    for (const name of names) {
      const state = mine?.[name];
      assert.ok(state, `${name} is no state of this program`);
      const { there, act } = state;
      const address = state.address.replace(/\{(\w+)\}/g, (_, key) => {
        assert.ok(values[key], `${name}: nothing is known of ${key}`);
        return values[key];
      });
      await page.setViewportSize({ width: 1280, height: 900 });
      await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
      await page.goto(`${origin}/${address}`);
      if (anew) await page.reload(); // in its language, and without what was opened before
      await page.locator(there).first().waitFor({ timeout: 15_000 }).catch(async () => {
        throw new Error(`${name}: ${language}: no ${there} in: ${await page.locator("main").innerText()}`);
      });
      await still(page, name);
      await act?.(page);
      if (act) await still(page, name);
      anew = act !== undefined;
      page.trouble = page.trouble.filter((t) => !expected.test(t));
      const inLook = async (theme, width) => {
        const how = `${language} ${theme} ${width}`;
        await page.setViewportSize({ width, height: 900 });
        await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
        await fits(page, `${name}: ${how}`);
        if (looked.includes(how)) {
          await inspect(page, `${name}: ${how}`);
          await picture(page, `${name.replaceAll(" ", "-")}-${width}-${theme}-${language}`);
        }
        seen.get(name).add(how);
      };
      for (const width of widths) await inLook("light", width);
      for (const how of looked) {
        const [l, theme, width] = how.split(" ");
        if (l === language && !seen.get(name).has(how)) await inLook(theme, Number(width));
      }
      await otherLanguage(page, `${name}: ${language}`);
      calm(page, `${name}: ${language}`);
    }
  }
  await page.evaluate(() => localStorage.setItem("cofre.language", "en"));
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await page.setViewportSize(size);
  await page.reload();
}

/** onlyColors: no style depends on the theme but by light-dark(), which gives colors. */
function onlyColors() {
  const src = join(import.meta.dirname, "..", "src");
  const css = readdirSync(src, { recursive: true }).filter((name) => name.endsWith(".css")).map((name) => readFileSync(join(src, name), "utf8")).join("\n");
  assert.match(css, /data-theme="dark"/);
  assert.doesNotMatch(css, /prefers-color-scheme/);
  for (const [rule, content] of css.matchAll(/\[data-theme[^{]*\{([^}]*)\}/g)) assert.match(content, /^\s*color-scheme: (light|dark);\s*$/, rule);
}

/** complete: each state of this program was seen in every look. */
export function complete() {
  onlyColors();
  const looks = [...new Set([...languages.flatMap((l) => widths.map((w) => `${l} light ${w}`)), ...looked])];
  console.log(`       ${seen.size} states in ${looks.length} looks`);
  assert.deepEqual([...seen].flatMap(([name, ways]) => looks.filter((how) => !ways.has(how)).map((how) => `${name}: ${how}`)), [], "not every state was seen");
}

/** completeByKeyboard: each flow was gone through by keyboard alone. */
export function completeByKeyboard() {
  assert.deepEqual(flows.filter((name) => !byKeyboard.has(name)), [], "not every flow was gone through by keyboard");
}
