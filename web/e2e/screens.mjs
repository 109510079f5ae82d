// Every screen, in both languages and themes, on a desk and on a phone: four combinations, in which every two go together.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { open } from "./browser.mjs";
import { inspect, picture, step } from "./checks.mjs";

const combinations = [
  { language: "en", theme: "light", width: 1280 },
  { language: "pt-BR", theme: "dark", width: 1280 },
  { language: "pt-BR", theme: "light", width: 375 },
  { language: "en", theme: "dark", width: 375 },
];

/** Screens by name: address, and what is there when all has come. */
const all = [
  ["home", "#/", "table.backups tbody tr:nth-child(10)"],
  ["filtered", "#/?status=failed&sort=oldest", ".filters"],
  ["new", "#/new", "form.create"],
  ["restores", "#/restore", ".items li"],
  ["cleanup", "#/cleanup", ".items li"],
  ["health", "#/health", ".checks li"],
  ["settings", "#/settings", ".facts"],
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
    for (const width of [320, 700, 980, 1400, 1920]) {
      const page = await open(browser, { language: "pt-BR", width, allowed: [origin] });
      await page.goto(`${origin}/`);
      await signIn(page, "ADMIN");
      for (const [name, address, there] of all) {
        await page.goto(`${origin}/${address}`);
        await page.locator(there).first().waitFor();
        const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        if (over > 0) throw new Error(`${name} at ${width} px is ${over} px too wide`);
      }
      await page.goto(`${origin}/`);
      await page.locator("table.backups").waitFor();
      await page.waitForLoadState("networkidle");
      if (width === 320 || width === 1920) await picture(page, `home-${width}`);
      await page.context().close();
    }
  });
  if (process.env.COFRE_DOC_IMAGES) await step("pictures for the documents", () => documents(browser, origin, signIn, process.env.COFRE_DOC_IMAGES));
}

async function details(page, origin, tag) {
  await page.goto(`${origin}/#/?status=success`);
  await page.locator("td.file a").nth(3).click();
  await page.locator(".timeline").waitFor();
  await page.waitForLoadState("networkidle");
  await inspect(page, `details ${tag}`);
  await picture(page, `details-${tag}`);
  await page.locator(".page-head .danger-text").click();
  await page.locator("dialog[open]").waitFor();
  await inspect(page, `dialog ${tag}`);
  await picture(page, `dialog-${tag}`);
  await page.keyboard.press("Escape");
  await page.locator(".page-head a[href*='#/restore?']").click();
  await page.getByText("STAGING_URL").first().waitFor(); // there is no target
  await page.waitForLoadState("networkidle");
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

/** documents makes the pictures of docs/ui.md: few, small, of what there is to see first. */
async function documents(browser, origin, signIn, folder) {
  mkdirSync(folder, { recursive: true });
  const shoot = (page, name, height) => page.screenshot({ path: join(folder, `${name}.png`), animations: "disabled", clip: { x: 0, y: 0, width: page.viewportSize().width, height } });
  const page = await open(browser, { width: 1280, height: 1000, allowed: [origin] });
  await page.goto(`${origin}/`);
  await page.locator(".roles").waitFor();
  await shoot(page, "sign-in", 700);
  await signIn(page, "ADMIN");
  for (const [name, address, there, height] of [["home", "#/", "table.backups tbody tr:nth-child(10)", 1000], ["new", "#/new", "form.create", 740], ["cleanup", "#/cleanup", ".items li", 720], ["health", "#/health", ".checks li", 560]]) {
    await page.goto(`${origin}/${address}`);
    await page.locator(there).first().waitFor();
    await page.waitForLoadState("networkidle");
    await shoot(page, name, height);
  }
  await page.goto(`${origin}/#/?status=success`);
  await page.locator("td.file a").nth(3).click();
  await page.locator(".timeline").waitFor();
  await page.waitForLoadState("networkidle");
  await shoot(page, "details", 820);
  await page.context().close();
  const phone = await open(browser, { width: 375, height: 780, theme: "dark", language: "pt-BR", allowed: [origin] });
  await phone.goto(`${origin}/`);
  await signIn(phone, "ADMIN");
  await phone.locator("table.backups").waitFor();
  await phone.waitForLoadState("networkidle");
  await shoot(phone, "phone", 780);
  await phone.context().close();
}
