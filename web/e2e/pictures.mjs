// Pictures of every screen in every state, in files to be looked at beside each other: NAME-WIDTH-THEME-LANGUAGE.png. COFRE_WORLDS says where the servers are, one for
// each directory of backups (worlds.mjs). COFRE_ONLY takes those alone whose names match. With COFRE_DOC_IMAGES set, the pictures of docs/ui.md are
// taken into that folder instead.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { launch, open, signIn } from "./browser.mjs";
import { picture, step } from "./checks.mjs";

const worlds = JSON.parse(process.env.COFRE_WORLDS);
const only = new RegExp(process.env.COFRE_ONLY ?? "");

const menu = (page) => page.locator("#rows [data-part=menu]").first().click();
const press = (selector) => (page) => page.locator(selector).first().click();
const seen = (page, selector) => page.locator(selector).first().waitFor();

/** Name, world, address, what is there when all has come, and what is done before the picture is taken; "window": as much of it as the window shows. */
const states = [
  // What runs is first, before it ends.
  ["home-running", "running", "#/", "section.running .counters"],
  ["details-running", "running", "#/?status=in_progress", "#rows tr", async (page) => {
    await page.locator("#rows [data-part=link]").first().click();
    await seen(page, ".running .counters");
  }],
  ["restore-running", "running", "#/restore?backup={good}", ".plan-list", async (page) => {
    await page.getByLabel(/^(Name of the new database|Nome do banco novo)/).fill(`loja_${page.viewportSize().width}`); // each its own
    const start = page.locator("main .primary");
    await page.waitForFunction(() => document.querySelector("main .primary:not(:disabled)"));
    await start.click();
    await page.waitForURL(/#\/restore\//);
    await seen(page, ".running");
    await page.waitForTimeout(1500);
  }],
  ["home-well", "well", "#/", "#rows tr"],
  ["home-failed", "failed", "#/", "#rows tr"],
  ["home-damaged", "damaged", "#/", "#rows tr"],
  ["home-rows", "rows", "#/", "#rows tr"],
  ["home-empty", "empty", "#/", ".first-checks li:nth-child(2):is(.ok, .warn, .bad)"],
  ["home-many", "many", "#/", "#rows tr"],
  ["home-source", "well", "#/?source=loja", ".charts .chart svg"],
  ["home-none", "well", "#/?search=nada", ".empty"],
  ["home-filtered", "failed", "#/?status=failed", "#rows tr"],
  ["home-gone", "well", "#/", "#rows tr", async (page) => {
    await page.route("**/api/**", (r) => r.abort());
    await page.evaluate(() => (location.hash = "#/?status=failed"));
    await seen(page, ".gone");
  }],
  ["home-menu", "well", "#/", "#rows tr", menu, "window"],
  ["home-selected", "well", "#/", "#rows tr", async (page) => {
    for (const i of [0, 2, 3]) if (await page.locator("#rows .check input").nth(i).isVisible()) await page.locator("#rows .check input").nth(i).check();
  }, "window"],
  ["home-account", "well", "#/", "#rows tr", press("button[popovertarget=account]"), "window"],
  ["palette", "well", "#/", "#rows tr", async (page) => {
    await press(".finder")(page);
    await seen(page, "dialog.palette");
  }, "window"],
  ["delete", "well", "#/", "#rows tr", async (page) => {
    await menu(page);
    await page.locator("[role=menuitem].danger-text").click();
    await seen(page, "dialog[open] .danger");
  }, "window"],
  ["details-good", "well", "#/backups/{good}", ".ladder"],
  ["details-lost", "rows", "#/backups/{lost}", "table.contents"],
  ["details-damaged", "damaged", "#/backups/{damaged}", ".ladder"],
  ["details-failed", "failed", "#/backups/{failed}", ".verdict"],
  ["details-pinned", "well", "#/backups/{pinned}", ".ladder"],
  ["download", "well", "#/backups/{good}", ".ladder", async (page) => {
    await page.locator("main button", { hasText: /Download|Baixar/ }).first().click();
    await seen(page, "dialog[open] a[href]");
  }, "window"],
  ["anyway", "damaged", "#/backups/{damaged}", ".ladder", async (page) => {
    await page.locator("main button", { hasText: /Download|Baixar/ }).first().click();
    await seen(page, "dialog[open]");
  }, "window"],
  ["rows", "rows", "#/backups/{lost}", "table.contents", async (page) => {
    await page.locator("table.contents button").last().click();
    await seen(page, "dialog[open] td");
  }, "window"],
  ["diff", "rows", "#/backups/{lost}", "table.contents", async (page) => {
    await page.locator(".verdict button").first().click();
    await page.waitForTimeout(800);
  }],
  ["new", "well", "#/new?source=loja", "form.create"],
  ["restore-start", "well", "#/restore", ".items li"],
  ["restore-plan", "well", "#/restore?backup={good}", ".plan-list"],
  ["restore-replace", "well", "#/restore?backup={good}", ".plan-list", async (page) => {
    await page.locator("input[type=radio][value=replace], label:has-text('Replace') input, label:has-text('Substituir') input").first().check();
    await page.waitForTimeout(1500);
  }],
  ["restore-done", "running", "#/restore", ".items a[href*='#/restore/']", async (page) => {
    await page.locator(".items a[href*='#/restore/']").last().click();
    await page.locator(".notice.ok").first().waitFor({ timeout: 120_000 });
  }],
  ["cleanup", "well", "#/cleanup", ".items li, .empty"],
  ["cleanup-days", "many", "#/cleanup", ".items li, .empty", async (page) => {
    await page.locator(".cleanup-days input").fill("12");
    await page.waitForTimeout(1500);
  }],
  ["health", "well", "#/health", ".checks li"],
  ["health-failed", "failed", "#/health", ".checks li"],
  ["settings", "well", "#/settings", ".facts"],
  ["settings-sources", "well", "#/settings/sources", ".kept li"],
  ["settings-source", "well", "#/settings/sources/loja", "main .card"],
  ["settings-source-new", "well", "#/settings/sources/create", "form"],
  ["settings-places", "well", "#/settings/places", ".kept li"],
  ["settings-place", "well", "#/settings/places/filial", "main .card"],
  ["settings-place-new", "well", "#/settings/places/create", "form"],
  ["settings-channels", "well", "#/settings/channels", ".kept li"],
  ["settings-channel", "well", "#/settings/channels/plant%C3%A3o", "main .card"],
  ["settings-channel-new", "well", "#/settings/channels/create", "form"],
  ["audit", "failed", "#/audit", "table.audit tbody tr"],
  ["missing", "well", "#/backups/01JZ8Q4M9T4Y3V6K2W1X0N5BCD", ".empty"],
  ["supervisor-home", "rows", "#/", "#rows tr", undefined, undefined, "SUPERVISOR"],
  ["supervisor-details", "rows", "#/backups/{lost}", "table.contents", undefined, undefined, "SUPERVISOR"],
  ["nobody", "well", "#/", ".empty", undefined, undefined, "USUARIO"],
];

/** The pictures of docs/ui.md: a state, and how much of it from the top. The last is a phone's. */
const documented = [
  ["sign-in", "home-well", 620], ["home", "home-well", 860], ["first", "home-empty", 620], ["new", "new", 760], ["details", "details-lost", 900], ["diff", "diff", 700], ["restore", "restore-plan", 1000],
  ["cleanup", "cleanup-days", 800], ["retention", "cleanup", 560], ["health", "health-failed", 590], ["audit", "audit", 620], ["phone", "home-failed", 780],
];

/** A combination of width, theme and language, and which states it is taken of: two see all. */
const combinations = [
  { width: 1280, theme: "light", language: "en", of: /./ },
  { width: 360, height: 780, theme: "dark", language: "pt-BR", of: /./ },
  { width: 768, height: 1000, theme: "light", language: "pt-BR", of: /^(home-(well|rows|many|source)|details-(lost|failed)|restore-plan|audit|settings-sources)$/ },
  { width: 1920, height: 1000, theme: "dark", language: "en", of: /^(home-(well|failed|many)|details-(good|lost)|restore-plan|health)$/ },
];

/** documents makes the pictures of the documents in a folder: few, small, of what there is to see first. */
async function documents(browser, folder) {
  mkdirSync(folder, { recursive: true });
  for (const [file, name, height] of documented.filter(([f]) => only.test(f))) {
    await step(`docs/images/${file}.png`, async () => {
      const [, world, address, there, act] = states.find((s) => s[0] === name);
      const { url, secret, ...ids } = worlds[world];
      const c = file === "phone" ? { width: 375, theme: "dark", language: "pt-BR" } : { width: 1280 };
      const page = await open(browser, { ...c, height, allowed: [] });
      await page.goto(`${url}/${address.replace(/\{(\w+)\}/, (_, id) => ids[id])}`);
      if (file !== "sign-in") {
        process.env.COFRE_SECRET = secret;
        await signIn(page, "ADMIN");
        await seen(page, there);
        await page.waitForLoadState("networkidle");
        await act?.(page);
        await page.waitForLoadState("networkidle");
        await page.evaluate(() => scrollTo(0, 0));
        await page.mouse.move(0, 0);
      } else await page.locator(".roles").waitFor();
      await page.screenshot({ path: join(folder, `${file}.png`), animations: "disabled" });
      await page.context().close();
    });
  }
}

async function pictures(browser, c) {
  const tag = `${c.width}-${c.theme}-${c.language}`;
  const of = states.filter(([name]) => c.of.test(name) && only.test(`${name}-${tag}`));
  if (of.some(([name]) => /running/.test(name))) await slow(browser);
  for (const role of new Set(of.map((s) => s[6] ?? "ADMIN"))) {
    const page = await open(browser, { ...c, allowed: [] });
    const signed = new Set();
    for (const [name, world, address, there, act, size] of of.filter((s) => (s[6] ?? "ADMIN") === role)) {
      const { url, secret, ...ids } = worlds[world];
      await step(`${name} ${tag}`, async () => {
        try {
          if (!signed.has(world)) {
            process.env.COFRE_SECRET = secret;
            await page.goto(`${url}/`);
            await page.locator(".roles").waitFor();
            if (name === "home-well") await picture(page, `sign-in-${tag}`);
            await signIn(page, role);
            signed.add(world);
          }
          await page.goto(`${url}/${address.replace(/\{(\w+)\}/, (_, id) => ids[id])}`);
          await page.reload(); // each in its own, as one comes to it
          await seen(page, there);
          await page.waitForLoadState("networkidle");
          await act?.(page);
          await page.waitForLoadState("networkidle");
        } catch (err) {
          failures.push(`${name} ${tag}: ${err.message.split("\n")[0]}`);
        }
        // As high as the page: what stands at the window's edge is at the picture's, and in front of nothing.
        if (size !== "window") await page.setViewportSize({ width: c.width, height: Math.max(page.viewportSize().height, await page.evaluate(() => document.documentElement.scrollHeight)) });
        await picture(page, `${name}-${tag}`, true);
        await page.setViewportSize({ width: c.width, height: c.height ?? 900 });
        await page.unrouteAll();
      });
    }
    await page.context().close();
  }
}

const failures = [];

/** slow begins a backup that takes its time, to be watched. */
async function slow(browser) {
  const { url, secret } = worlds.running;
  process.env.COFRE_SECRET = secret;
  const page = await open(browser, { allowed: [] });
  await page.goto(`${url}/#/new?source=acervo`);
  await signIn(page, "ADMIN");
  await page.getByRole("button", { name: "Start backup" }).click();
  await page.waitForURL(/#\/backups\//);
  await page.context().close();
}

const browser = await launch();
try {
  if (process.env.COFRE_DOC_IMAGES) await documents(browser, process.env.COFRE_DOC_IMAGES);
  else for (const c of combinations) await pictures(browser, c);
} finally {
  await browser.close();
}
if (failures.length > 0) throw new Error(failures.join("\n"));
