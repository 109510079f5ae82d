// Screens in their main states, in both languages and themes and in five widths; and which of the flows of the product were seen so.
import assert from "node:assert/strict";
import { calm, fits, inspect, picture } from "./checks.mjs";
import { otherLanguage } from "./language.mjs";

/** The flows that there are to be seen. What covers one names it; complete asks for each. */
export const flows = ["first run", "add a source", "back up", "watch", "contents", "diff", "restore a table", "restore whole", "prove", "pin", "cleanup", "channels", "audit"];

const languages = ["en", "pt-BR"], themes = ["light", "dark"], widths = [320, 360, 768, 1280, 1920];

/** Where axe looks, which takes longest: each theme on a desk, each language, and a phone. */
const looked = ["en light 1280", "pt-BR dark 1280", "pt-BR light 360"];

const covered = new Map(flows.map((name) => [name, new Set()]));

/** cover notes that a flow was gone through, or seen, in some way. */
export function cover(names, how) {
  for (const name of names) {
    assert.ok(covered.has(name), `${name} is no flow`);
    covered.get(name).add(how);
  }
}

async function speak(page, language) {
  await page.evaluate((l) => localStorage.setItem("cofre.language", l), language);
  await page.reload();
}

/**
 * look shows screens in every combination. A screen has a name, an address, what is there when all has come, the flows that it belongs to, and what to do before it is
 * looked at. The page keeps its session: it is one page, whose address changes.
 */
export async function look(page, origin, screens) {
  const size = page.viewportSize();
  for (const language of languages) {
    await speak(page, language);
    for (const { name, address, there, of = [], first } of screens) {
      await page.setViewportSize({ width: 1280, height: 900 });
      await page.goto(`${origin}/${address}`);
      await page.locator(there).first().waitFor();
      await first?.(page);
      await page.waitForFunction(() => ![...document.querySelectorAll(".skeleton")].some((e) => e.checkVisibility()), undefined, { timeout: 15_000 }).catch(async () => { // what is still to come
        throw new Error(`${name}: still loading: ${await page.locator("main").innerHTML()}`);
      });
      for (const width of widths) {
        await page.setViewportSize({ width, height: 900 });
        for (const theme of themes) {
          const how = `${language} ${theme} ${width}`;
          await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
          await fits(page, `${name}: ${how}`);
          if (looked.includes(how)) {
            await inspect(page, `${name}: ${how}`);
            await picture(page, `${name.replaceAll(" ", "-")}-${width}-${theme}-${language}`);
            cover(of, `axe ${how}`);
          }
          cover(of, how);
        }
      }
      await otherLanguage(page, `${name}: ${language}`);
      calm(page, `${name}: ${language}`);
    }
  }
  await speak(page, "en");
  await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
  await page.setViewportSize(size);
}

/** complete: each flow was gone through by keyboard alone, and where its screens were seen, then in every combination. */
export function complete() {
  const looks = [...languages.flatMap((l) => themes.flatMap((t) => widths.map((w) => `${l} ${t} ${w}`))), ...looked.map((how) => `axe ${how}`)];
  const lacking = [...covered].flatMap(([name, ways]) => ["keyboard", ...(ways.size > 1 ? looks : [])].filter((way) => !ways.has(way)).map((way) => `${name}: ${way}`));
  console.log(`       ${flows.length} flows by keyboard, ${[...covered.values()].filter((ways) => ways.size > 1).length} of them in ${looks.length} looks`);
  assert.deepEqual(lacking, [], "not every flow is covered");
}
