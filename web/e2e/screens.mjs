// Every screen of a server with thirty days of history: in all its looks, the home screen in more widths, and without a network.
import { open } from "./browser.mjs";
import { calm, fits, inspect, picture, step } from "./checks.mjs";
import { complete, look } from "./looks.mjs";
import { states } from "./states.mjs";

export async function screens(browser, origin, signIn) {
  const page = await open(browser, { language: "pt-BR", allowed: [origin] });
  await page.goto(`${origin}/#/?status=success`);
  await signIn(page, "ADMIN");
  const old = (await page.locator("#rows tr").nth(3).getByRole("link").getAttribute("href")).split("/").at(-1);
  // The browser itself tells of every answer that is an error. Here some are wanted: the history has records alone, and one backup is not there.
  await step("every state in all its looks", () => look(page, origin, Object.keys(states.run), { old }, /status of 404.*\/api\/backup\/(contents\/|01JZ8Q4M9T4Y3V6K2W1X0N5BCD)/));
  complete();
  await page.evaluate(() => localStorage.setItem("cofre.language", "pt-BR"));
  await page.reload();
  await step("rows are of one line from 700 px on, of two below, and the list begins within the first screen", async () => {
    await page.goto(`${origin}/#/`);
    for (const width of [320, 360, 700, 768, 980, 1400, 1920]) {
      await page.setViewportSize({ width, height: 900 });
      await page.locator("#rows tr").first().waitFor();
      await page.waitForLoadState("networkidle");
      const [top, height] = await page.locator("#rows tr").first().evaluate((e) => [e.getBoundingClientRect().top + scrollY, e.getBoundingClientRect().height]);
      if (top > 900) throw new Error(`at ${width} px the list begins at ${top}`);
      if (width >= 700 ? height > 42 : height < 56 || height > 80) throw new Error(`at ${width} px a row is ${height} px high`);
      if (width < 700) {
        const target = await page.locator("#rows [data-part=menu]").first().evaluate((e) => Math.min(e.offsetWidth, e.offsetHeight));
        if (target < 44) throw new Error(`at ${width} px a menu's button is ${target} px`);
      }
      await fits(page, `home at ${width} px`);
      await picture(page, `home-${width}`);
    }
  });
  await step("without a network it says so, and keeps what is there", async () => {
    await page.context().setOffline(true);
    await page.locator(".offline").waitFor();
    await inspect(page, "offline");
    await page.setViewportSize({ width: 320, height: 900 });
    await inspect(page, "offline on a phone");
    await page.context().setOffline(false);
    await page.locator(".offline").waitFor({ state: "detached" });
  });
  calm(page, "screens");
  await page.context().close();
}
