// A headless Chromium that tells whatever goes wrong in its pages.
import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export async function launch() {
  const executablePath = process.env.COFRE_CHROMIUM ?? "/usr/bin/chromium";
  if (!existsSync(executablePath)) throw new Error(`there is no Chromium at ${executablePath}; run: make setup`);
  return chromium.launch({ executablePath, args: flags });
}

/**
 * open makes a page of its own: language, theme and width. `allowed` are the origins that it may send requests to.
 * page.trouble collects console errors, exceptions, failed and foreign requests.
 */
export async function open(browser, { language = "en", theme = "light", width = 1280, height = 900, allowed }) {
  const context = await browser.newContext({
    viewport: { width, height }, locale: language, colorScheme: theme, acceptDownloads: true, timezoneId: "America/Sao_Paulo",
    permissions: ["clipboard-read", "clipboard-write"], reducedMotion: "reduce",
  });
  const page = await context.newPage();
  page.trouble = [];
  page.allowed = [...allowed];
  page.setDefaultTimeout(30_000);
  page.on("console", (m) => {
    if (m.type() === "error" || m.type() === "warning") page.trouble.push(`console: ${m.text()} (${m.location().url})`);
  });
  page.on("pageerror", (e) => page.trouble.push(`exception: ${e.message}`));
  page.on("request", (r) => {
    const url = new URL(r.url());
    if (!["data:", "blob:"].includes(url.protocol) && !page.allowed.includes(url.origin)) page.trouble.push(`foreign request: ${url.origin}${url.pathname}`);
  });
  return page;
}

/** signIn takes a role, with the secret where the page asks for it. The page is where it was before. */
export async function signIn(page, role) {
  await page.locator(".roles").waitFor();
  const secret = page.getByLabel(/^(Secret|Segredo)/);
  if (await secret.count()) await secret.fill(process.env.COFRE_SECRET);
  await page.locator(".roles button", { hasText: new RegExp(`^${role}`) }).click();
  await page.locator("header.top").waitFor();
}
