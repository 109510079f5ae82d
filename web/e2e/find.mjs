// What was lost yesterday is found and put back, and what a backup's page says in each of its states. internal/uitest starts what this needs.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { launch, open, signIn } from "./browser.mjs";
import { calm, inspect, picture, step } from "./checks.mjs";
import { complete, look } from "./looks.mjs";
import { states } from "./states.mjs";

const { COFRE_URL: origin, COFRE_BACKUPS: backups, COFRE_CLIENT_BIN: bin, COFRE_SHOP: shop } = process.env;

const psql = (sql) => execFileSync(join(bin, "psql"), ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", shop, "-c", sql], { encoding: "utf8" }).trim();
const idOf = (page) => page.url().match(/#\/backups\/([0-9A-Z]{26})/)[1];
const orders = "SELECT count(*), md5(string_agg(o::text, ',' ORDER BY id)) FROM ";

async function backup(page, { name, database, content }) {
  await page.goto(`${origin}/#/new`);
  if (database) await page.getByLabel("Database", { exact: true }).selectOption(database);
  await page.getByLabel(/^(Name|File name)$/).fill(name);
  if (content) await page.getByRole("radio", { name: content }).check();
  await page.getByRole("button", { name: "Start backup" }).click();
  await page.waitForURL(/#\/backups\//);
  await page.locator(".verdict").waitFor({ timeout: 60_000 });
  return idOf(page);
}

/** mostClicks is how many clicks a tired person has for it. */
const mostClicks = 12;

async function flow(browser) {
  const page = await open(browser, { allowed: [origin] });
  await page.goto(`${origin}/`);
  await signIn(page, "ADMIN");
  const ids = {};
  const whole = psql(orders + "orders o");
  await step("a good backup, and one after 92 % of the orders are gone", async () => {
    ids.good = await backup(page, { name: "good" });
    psql("DELETE FROM orders WHERE id > 1600");
    ids.lost = await backup(page, { name: "lost" });
  });
  await step("find what was lost, and put that table back beside the present one", async () => {
    let clicks = 0;
    const click = async (locator) => {
      clicks++;
      await locator.click();
    };
    const begun = Date.now();
    await page.goto(`${origin}/`);
    await click(page.locator(`a[href="#/backups/${ids.lost}"]`).first());
    await page.getByRole("heading", { name: "The file is intact, but public.orders lost 92% of its rows." }).waitFor();
    const top = page.locator("table.contents tbody tr").first();
    assert.match(await top.textContent(), /public\.orders.*1,600.*18,400.*92%/);
    await inspect(page, "rows lost");
    await click(page.getByRole("button", { name: "Compare with the one before" }));
    await page.getByRole("region", { name: "Changes" }).getByText("shrank").waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Contents", "the comparison does not take the focus");
    await click(page.getByRole("link", { name: "Restore public.orders from the backup before" }));
    assert.match(page.url(), new RegExp(`#/restore\\?backup=${ids.good}&table=public.orders$`));
    assert.match(await page.getByLabel("Under another name", { exact: true }).inputValue(), /^public\.orders_\d{8}$/);
    await page.getByText("Nothing is in the way").waitFor();
    await click(page.getByRole("button", { name: "Restore into shop", exact: true }));
    await page.getByText(/^The tables are in shop on here/).waitFor({ timeout: 60_000 });
    console.log(`${clicks} clicks, ${((Date.now() - begun) / 1000).toFixed(1)} s`);
    assert.ok(clicks <= mostClicks, `${clicks} clicks, ${mostClicks} at most`);
    const copy = psql("SELECT string_agg(relname, ',') FROM pg_class WHERE relname ~ '^orders_[0-9]{8}$'");
    assert.equal(psql(`${orders}${copy} o`), whole, "the table beside has not what was lost");
    assert.equal(psql("SELECT count(*) FROM orders"), "1600", "the present table was touched");
    await inspect(page, "found");
    psql(`DROP TABLE ${copy}`); // its name is free for the next one
  });
  await step("one that is damaged, a part, and one that failed", async () => {
    ids.damaged = await backup(page, { name: "damaged" });
    const file = openSync(join(backups, "files", "damaged.dump"), "r+");
    writeSync(file, Buffer.alloc(64, 7), 0, 64, 20_000);
    closeSync(file);
    await page.getByRole("button", { name: "Validate now" }).click();
    await page.getByRole("heading", { name: "This backup is damaged. Do not rely on it." }).waitFor();
    assert.equal(await page.locator(".primary").count(), 0, "a damaged backup has a green button");
    assert.equal(await page.getByRole("link", { name: "Open the last good one" }).getAttribute("href"), `#/backups/${ids.good}`);
    await page.getByRole("button", { name: "Download anyway…" }).click();
    await inspect(page, "download anyway");
    await picture(page, "anyway-1280");
    await page.getByRole("button", { name: "Do not download" }).click();
    ids.part = await backup(page, { name: "part", content: /Schema only/ });
    assert.equal(await page.locator(".primary").count(), 0, "a part has a green button");
    ids.failed = await backup(page, { name: "failed", database: "broken" });
    await page.getByRole("heading", { name: "What to do" }).waitFor();
    await page.getByRole("region", { name: "Log of the run" }).getByText("pg_dump: error:").first().waitFor(); // its last words
  });
  await step("the audit trail names the backups, hides reads until asked for, and is exported", async () => {
    await page.getByRole("link", { name: "Who did what with this backup" }).click();
    await page.locator("table.audit").getByRole("link", { name: /^broken, / }).first().waitFor();
    await page.getByRole("button", { name: "Clear filters" }).click();
    await page.locator("table.audit").getByRole("link", { name: /^shop, / }).first().waitFor();
    assert.equal(await page.getByRole("cell", { name: "list", exact: true }).count(), 0, "reads are shown");
    await page.getByRole("checkbox", { name: "Show reads" }).check();
    await page.getByRole("cell", { name: "list", exact: true }).first().waitFor();
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export CSV" }).click()]);
    assert.match(readFileSync(await file.path(), "utf8"), /^\ufeffat,actor,.*\r\n/);
    await inspect(page, "audit");
  });
  calm(page, "flow");
  await page.context().close();
  return ids;
}

async function everyState(browser, ids) {
  const page = await open(browser, { allowed: [origin] });
  await page.goto(`${origin}/`);
  await signIn(page, "ADMIN");
  await step("every state in all its looks", () => look(page, origin, Object.keys(states.find), ids));
  await page.context().close();
}

const browser = await launch();
try {
  await everyState(browser, await flow(browser));
  complete();
} finally {
  await browser.close();
}
