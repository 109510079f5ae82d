// Every screen, in both languages and themes, on a desk and on a phone: four combinations, in which every two go together.
import { open } from "./browser.mjs";
import { fits, inspect, picture, step } from "./checks.mjs";

const combinations = [
  { language: "en", theme: "light", width: 1280 },
  { language: "pt-BR", theme: "dark", width: 1280 },
  { language: "pt-BR", theme: "light", width: 375 },
  { language: "en", theme: "dark", width: 375 },
];

/** Screens by name: address, and what is there when all has come. */
const all = [
  ["home", "#/", "#rows tr:nth-child(10)"],
  ["filtered", "#/?status=failed&sort=oldest", ".filters"],
  ["new", "#/new", "form.create"],
  ["restores", "#/restore", ".items li"],
  ["cleanup", "#/cleanup", ".items li"],
  ["health", "#/health", ".checks li"],
  ["settings", "#/settings", ".facts"],
  ["audit", "#/audit", "table.audit tbody tr"],
  ["missing", "#/backups/01JZ8Q4M9T4Y3V6K2W1X0N5BCD", ".empty"],
];

export async function screens(browser, origin, signIn) {
  for (const c of combinations) {
    const tag = `${c.width}-${c.theme}-${c.language}`;
    await step(`all screens: ${tag}`, async () => {
      const page = await open(browser, { ...c, allowed: [origin] });
      await page.goto(`${origin}/`);
      await page.locator(".roles").waitFor();
      await inspect(page, `sign-in ${tag}`);
      await picture(page, `sign-in-${tag}`);
      await signIn(page, "ADMIN");
      for (const [name, address, there] of all) {
        await page.goto(`${origin}/${address}`);
        await page.locator(there).first().waitFor();
        await page.waitForLoadState("networkidle");
        const failing = page.locator(".check-failed");
        if (await failing.count()) throw new Error(`health: ${await failing.first().textContent()}`);
        // The browser itself tells of every answer that is an error: here one is wanted.
        if (name === "missing") page.trouble = page.trouble.filter((t) => !t.includes("status of 404"));
        await inspect(page, `${name} ${tag}`);
        await picture(page, `${name}-${tag}`);
      }
      await details(page, origin, tag);
      await page.context().close();
    });
  }
  await step("no screen is wider than its window, from 320 to 1920 px", async () => {
    for (const width of [320, 360, 700, 768, 980, 1400, 1920]) {
      const page = await open(browser, { language: "pt-BR", width, allowed: [origin] });
      await page.goto(`${origin}/`);
      await signIn(page, "ADMIN");
      for (const [name, address, there] of all) {
        await page.goto(`${origin}/${address}`);
        await page.locator(there).first().waitFor();
        await fits(page, `${name} at ${width} px`);
      }
      await page.goto(`${origin}/`);
      await page.locator("#rows tr").first().waitFor();
      await page.waitForLoadState("networkidle");
      // Rows of one line from 700 px on, of two below; the list begins within the first screen.
      const [top, height] = await page.locator("#rows tr").first().evaluate((e) => [e.getBoundingClientRect().top + scrollY, e.getBoundingClientRect().height]);
      if (top > 900) throw new Error(`at ${width} px the list begins at ${top}`);
      if (width >= 700 ? height > 42 : height < 56 || height > 80) throw new Error(`at ${width} px a row is ${height} px high`);
      if (width < 700) {
        const target = await page.locator("#rows [data-part=menu]").first().evaluate((e) => Math.min(e.offsetWidth, e.offsetHeight));
        if (target < 44) throw new Error(`at ${width} px a menu's button is ${target} px`);
      }
      await picture(page, `home-${width}`);
      await page.context().close();
    }
  });
}

async function details(page, origin, tag) {
  await page.goto(`${origin}/#/?status=success`);
  await page.locator("#rows tr").nth(3).getByRole("link").click();
  await page.locator(".ladder").waitFor();
  await page.waitForLoadState("networkidle");
  const untold = () => (page.trouble = page.trouble.filter((t) => !/status of 404.*\/api\/backup\/contents\//.test(t))); // the history has records alone
  untold();
  await inspect(page, `details ${tag}`);
  await picture(page, `details-${tag}`);
  await page.locator("main .danger-text").click();
  await page.locator("dialog[open]").waitFor();
  untold();
  await inspect(page, `dialog ${tag}`);
  await picture(page, `dialog-${tag}`);
  await page.keyboard.press("Escape");
  await page.locator(".page-head a[href*='#/restore?']").click();
  await page.getByText("STAGING_URL").first().waitFor(); // there is no target
  await page.waitForLoadState("networkidle");
  untold();
  await inspect(page, `no target ${tag}`);
  await picture(page, `no-target-${tag}`);
  await page.goto(`${origin}/#/?search=nothing-is-called-so`);
  await page.locator(".empty").waitFor();
  await inspect(page, `nothing found ${tag}`);
  // Without a network it says so, and keeps what is there.
  await page.context().setOffline(true);
  await page.locator(".offline").waitFor();
  await inspect(page, `offline ${tag}`);
  await page.context().setOffline(false);
  await page.locator(".offline").waitFor({ state: "detached" });
}
