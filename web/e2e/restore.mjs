// Restoring by the browser alone, against a real server. internal/uitest starts what this needs and names it by the environment.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { launch, open, signIn } from "./browser.mjs";
import { calm, inspect, picture, secretless, step } from "./checks.mjs";
import { hold } from "./hold.mjs";
import { complete, look } from "./looks.mjs";
import { states } from "./states.mjs";

const { COFRE_URL: origin, COFRE_BACKUPS: backups, COFRE_CLIENT_BIN: bin, COFRE_SHOP: shop, COFRE_ADMIN: admin, COFRE_HALF: half } = process.env;

const psql = (url, sql) => execFileSync(join(bin, "psql"), ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql], { encoding: "utf8" }).trim();

/** sum is one line of everything that is in the shop: rows of each table, the next number of the sequence, keys and indexes. */
const sum = (url) => psql(url, `SELECT (SELECT md5(string_agg(c::text, ',' ORDER BY id)) FROM customers c), (SELECT md5(string_agg(o::text, ',' ORDER BY id)) FROM orders o),
  (SELECT md5(string_agg(p::text, ',' ORDER BY id)) FROM pages p), (SELECT last_value FROM orders_id_seq),
  (SELECT string_agg(conname || pg_get_constraintdef(oid), ',' ORDER BY conname) FROM pg_constraint WHERE connamespace = 'public'::regnamespace),
  (SELECT string_agg(indexdef, ',' ORDER BY indexname) FROM pg_indexes WHERE schemaname = 'public')`);

const databases = () => psql(admin, "SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1").split("\n");
const field = (page, name) => page.getByLabel(name, { exact: true });
const restoreId = (page) => page.url().match(/#\/restore\/([0-9A-Z]{26})/)[1];
const clear = (page) => page.getByText("Nothing is in the way").waitFor();

async function backup(page, name) {
  await page.goto(`${origin}/#/new`);
  await field(page, "File name").fill(name);
  await page.getByRole("button", { name: "Start backup" }).click();
  await page.waitForURL(/#\/backups\//);
  await page.locator(".summary").waitFor({ timeout: 60_000 });
  assert.match(await page.locator(".summary .badge").first().textContent(), /Verified/);
  return page.url().match(/#\/backups\/([0-9A-Z]{26})/)[1];
}

async function journey(browser) {
  const page = await open(browser, { allowed: [origin] });
  await page.goto(`${origin}/`);
  await signIn(page, "ADMIN");
  const spoilt = await step("two backups", async () => {
    const first = await backup(page, "spoilt");
    await backup(page, "good");
    return first;
  });
  const whole = sum(shop);

  const first = await step("the worst day: the database is dropped, and comes back by the browser alone", async () => {
    psql(admin, "DROP DATABASE shop WITH (FORCE)");
    assert.ok(!databases().includes("shop"));
    await look(page, origin, ["health failed"]);
    await page.goto(`${origin}/`);
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Restore" }).click();
    await page.getByRole("link", { name: "Restore shop" }).click();
    await page.getByRole("heading", { level: 1, name: "Restore shop" }).waitFor();
    assert.match(await field(page, "Name of the new database").inputValue(), /^shop_restored_\d{8}$/);
    await field(page, "Name of the new database").fill("shop");
    await page.getByText("Creates database shop on staging").waitFor();
    await clear(page);
    assert.ok(!databases().includes("shop"), "the plan made a database");
    await inspect(page, "plan");
    // By keyboard: the button is the next thing but for the plan's own.
    const go = page.getByRole("button", { name: "Restore into shop", exact: true });
    await go.focus();
    await page.keyboard.press("Enter");
    await page.waitForURL(/#\/restore\/[0-9A-Z]{26}$/);
    const id = restoreId(page);
    await page.reload(); // the address holds it
    await page.getByText(/^shop is on staging, restored in/).waitFor({ timeout: 60_000 });
    assert.equal(restoreId(page), id);
    assert.equal(sum(shop), whole);
    await inspect(page, "restored");
    return id;
  });

  await step("a name that is taken is in the way, and the button stays shut", async () => {
    await page.goto(`${origin}/#/restore`);
    await page.getByRole("link", { name: "Restore shop" }).click();
    await field(page, "Name of the new database").fill("shop");
    await page.getByText("1 thing is in the way").waitFor();
    await page.getByText("Choose another name for the database above.").waitFor();
    assert.ok(await page.getByRole("button", { name: "Restore into shop", exact: true }).isDisabled());
    await inspect(page, "in the way");
    await picture(page, "restore-in-the-way-1280");
  });

  const table = await step("rows of one table are gone: it comes back beside the other, and the rows out of it", async () => {
    psql(shop, "DELETE FROM orders WHERE id % 3 = 0");
    assert.notEqual(sum(shop), whole);
    await page.getByRole("radio", { name: /Some tables/ }).check();
    await page.getByRole("searchbox", { name: "Search tables" }).fill("ord");
    await page.getByRole("checkbox", { name: "All of schema public" }).check(); // all of it, but for one table, and its definitions alone
    await page.getByRole("checkbox", { name: "public.orders" }).uncheck();
    await page.getByRole("radio", { name: /^Only schema/ }).check();
    await page.getByText("--schema public --exclude-table public.orders --schema-only").first().waitFor();
    await inspect(page, "a part");
    await picture(page, "restore-part-1280");
    await page.getByRole("radio", { name: /^Schema and data/ }).check();
    await page.getByRole("checkbox", { name: "All of schema public" }).uncheck();
    await page.getByRole("checkbox", { name: "public.orders" }).check();
    assert.match(await field(page, "Under another name").inputValue(), /^public\.orders_\d{8}$/);
    await page.getByText("Restores into database shop on staging").waitFor();
    await clear(page);
    await inspect(page, "one table");
    await picture(page, "restore-table-1280");
    await page.getByRole("button", { name: "Restore into shop", exact: true }).click();
    await page.getByText(/^The tables are in shop on staging/).waitFor({ timeout: 60_000 });
    await inspect(page, "one table restored");
    await picture(page, "restore-table-done-1280");
    const merge = await page.locator(".command code", { hasText: "INSERT INTO" }).textContent();
    psql(shop, merge);
    assert.equal(sum(shop), whole);
    return restoreId(page);
  });

  await step("what a database holds is replaced, when its name was typed", async () => {
    psql(shop, "UPDATE customers SET name = 'nobody'; DELETE FROM pages");
    await page.goto(`${origin}/#/restore`);
    await page.getByRole("link", { name: "Restore shop" }).click();
    await page.getByRole("radio", { name: /In place of what is there/ }).check();
    await page.getByText("Replaces what database shop on staging holds").waitFor();
    await clear(page);
    const go = page.getByRole("button", { name: "Drop and restore" });
    assert.ok(await go.isDisabled());
    await inspect(page, "replace");
    await picture(page, "restore-replace-1280");
    await field(page, "Type shop").fill("shop");
    await page.keyboard.press("Enter");
    await page.getByText(/^shop is on staging, restored in/).waitFor({ timeout: 60_000 });
    assert.equal(sum(shop), whole);
  });

  const switched = await step("a restored database takes the place of the damaged one, and gives it back", async () => {
    await page.goto(`${origin}/#/restore`);
    await page.getByRole("link", { name: "Restore shop" }).click();
    await field(page, "Name of the new database").fill("shop_again");
    await clear(page);
    await page.getByRole("button", { name: "Restore into shop_again", exact: true }).click();
    await page.getByText(/^shop_again is on staging, restored in/).waitFor({ timeout: 60_000 });
    psql(shop, "CREATE TABLE damage ()");
    const go = page.getByRole("button", { name: "Switch over", exact: true });
    await go.waitFor({ timeout: 30_000 });
    assert.ok(await go.isDisabled());
    await page.getByText("shop_again gets the name shop").waitFor();
    await inspect(page, "switch over");
    await picture(page, "restore-switch-1280");
    await field(page, "Type shop").fill("shop");
    await page.keyboard.press("Enter");
    await page.getByText("shop is the restored database.").waitFor({ timeout: 30_000 });
    assert.equal(psql(shop, "SELECT to_regclass('damage') IS NULL"), "t");
    assert.equal(sum(shop), whole);
    await page.reload(); // the record says so
    await page.getByRole("button", { name: "Undo the switch-over…" }).click();
    await page.getByRole("button", { name: "Switch back" }).waitFor({ timeout: 30_000 });
    await inspect(page, "undo");
    await picture(page, "restore-switched-1280");
    await field(page, "Type shop").fill("shop");
    await page.getByRole("button", { name: "Switch back" }).click();
    await page.getByText("shop_again gets the name shop").waitFor({ timeout: 30_000 });
    assert.equal(psql(shop, "SELECT to_regclass('damage') IS NULL"), "f");
    psql(shop, "DROP TABLE damage");
    return restoreId(page);
  });

  const canceled = await step("one that is stopped half way says which database must not be used", async () => {
    await page.goto(`${origin}/#/restore`);
    await page.getByRole("link", { name: "Restore shop" }).click();
    await field(page, "Target").selectOption("far away");
    assert.ok(await page.getByRole("radio", { name: /In place of what is there/ }).isDisabled());
    await field(page, "Name of the new database").fill("shop_half");
    await clear(page);
    await page.getByRole("button", { name: "Restore into shop_half" }).click();
    await page.locator(".bar progress[value]").waitFor({ timeout: 30_000 });
    await page.waitForFunction(() => document.querySelector(".bar progress")?.value > 0, undefined, { timeout: 30_000 });
    const letGo = await hold(half, "orders", "ACCESS SHARE"); // its keys are made after all rows
    await look(page, origin, ["restoring"], { id: restoreId(page) });
    await page.getByRole("button", { name: "Cancel restore" }).click();
    await page.locator("dialog[open]").waitFor();
    await inspect(page, "cancel restore");
    await picture(page, "restore-cancel-1280");
    await page.locator("dialog").getByRole("button", { name: "Cancel restore" }).click();
    const said = page.getByRole("alert");
    await said.waitFor({ timeout: 30_000 });
    await letGo();
    assert.match(await said.textContent(), /Database shop_half on far away may be partly filled/);
    await inspect(page, "half filled");
    // What is said of it works.
    psql(half, "SELECT 1");
    psql(admin, await said.locator("code").textContent());
    assert.ok(!databases().includes("shop_half"));
    return restoreId(page);
  });

  await step("a damaged backup is not restored, and leads to the good one", async () => {
    const file = openSync(join(backups, "files", "spoilt.dump"), "r+");
    writeSync(file, Buffer.alloc(64), 0, 64, 5000);
    closeSync(file);
    await page.goto(`${origin}/#/backups/${spoilt}`);
    await page.getByRole("button", { name: "Validate now" }).click();
    await page.getByRole("heading", { name: "This backup is damaged. Do not rely on it." }).waitFor({ timeout: 30_000 });
    assert.equal(await page.locator(".primary").count(), 0, "a green button of a damaged backup");
    await page.goto(`${origin}/#/restore?backup=${spoilt}`);
    await page.getByText("This backup is damaged. It is not restored from here.").waitFor();
    await inspect(page, "damaged");
    await picture(page, "restore-damaged-1280");
    await page.getByRole("link", { name: /^Take the last good one/ }).click();
    await clear(page);
  });

  await step("who may not restore is told so, and whom to ask", async () => {
    const other = await open(browser, { allowed: [origin] });
    await other.goto(`${origin}/#/restore`);
    await signIn(other, "SUPERVISOR");
    await other.getByText("Your role does not allow restoring.").waitFor();
    assert.equal(await other.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Restore" }).count(), 0);
    await inspect(other, "may not restore");
    await other.context().close();
  });

  await secretless(page);
  calm(page, "restore");
  const chosen = await page.evaluate(() => location.hash);
  await step("every state in all its looks", () => look(page, origin, Object.keys(states.restore).filter((name) => name !== "health failed" && name !== "restoring"), { chosen, first, table, switched, canceled, spoilt }));
  complete();
  await page.context().close();
}

const browser = await launch();
try {
  await journey(browser);
} finally {
  await browser.close();
}
