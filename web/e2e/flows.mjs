// Every flow from an empty place on, by keyboard alone, against a real server; and main states on the way in all their looks. internal/uitest starts what this needs.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { launch, open, signIn } from "./browser.mjs";
import { calm, step } from "./checks.mjs";
import { hold } from "./hold.mjs";
import { keyboard, watchPointers } from "./keyboard.mjs";
import { complete, completeByKeyboard, cover, look } from "./looks.mjs";

const { COFRE_URL: origin, COFRE_CLIENT_BIN: bin, COFRE_SHOP: shop, COFRE_HOOK: hook, COFRE_SECRET: secret } = process.env;

const psql = (sql) => execFileSync(join(bin, "psql"), ["-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", shop, "-c", sql], { encoding: "utf8" }).trim();
const idOf = (page) => page.url().match(/#\/backups\/([0-9A-Z]{26})/)[1];
const rowsOf = (table) => psql(`SELECT count(*), md5(string_agg(o::text, ',' ORDER BY id)) FROM ${table} o`);

/** byKeyboard goes through everything once. Where a screen has come into a state that is to be seen, `stage` shows it to the other page. */
async function byKeyboard(page, stage) {
  const hands = keyboard(page);
  const button = (name) => page.getByRole("button", { name, exact: true });
  const link = (name) => page.getByRole("link", { name, exact: true });
  const field = (name) => page.getByLabel(name, { exact: true });
  const heading = (name) => page.getByRole("heading", { name }).first();
  /** act is a step of a flow: what is done, and that the focus is held when it is over. */
  const act = (flow, name, work) => step(`keyboard: ${name}`, async () => {
    const gave = await work();
    await hands.settled(name);
    cover(flow);
    return gave;
  });
  /** goTo leads to a screen by the palette, as its keys are the same everywhere. */
  const goTo = async (typed, there) => {
    await hands.press("Control+k");
    await page.locator("dialog.palette").waitFor();
    await hands.type(typed);
    await page.locator("dialog.palette").getByRole("option").first().waitFor();
    await hands.press("Enter");
    await there.waitFor();
    await hands.settled(typed);
  };
  const ended = () => page.locator(".verdict").waitFor({ timeout: 60_000 });

  await act("first run", "sign in", async () => {
    await hands.fill(field("Secret that the server printed"), secret);
    await hands.enter(page.getByRole("button", { name: /^ADMIN/ }));
    await page.locator("header.top").waitFor();
  });

  await act("first run", "an empty place is one card, and leads to its first source", async () => {
    await heading("Create the first backup").waitFor();
    assert.equal(await page.locator("main h1, main h2").count(), 1, "more than one thing is said of an empty place");
    assert.equal(await page.locator("main table, main [role=alert], .chart").count(), 0);
    await hands.enter(link("Add a source"));
    await heading("Add a source").waitFor();
  });

  const at = new URL(shop);
  await act("add a source", "add a source: try it out, and save it", async () => {
    await hands.fill(field("Name"), "shop");
    await hands.fill(field("Host"), at.hostname);
    await hands.fill(field("Port"), at.port);
    await hands.fill(field("Database"), at.pathname.slice(1));
    await hands.fill(field("User"), at.username);
    await hands.fill(field("Password"), decodeURIComponent(at.password));
    await hands.choose(field("TLS"), "none");
    await hands.enter(button("Test"));
    await page.getByText("A backup of it can be made").waitFor();
    await hands.settled("the test of a source");
    await hands.enter(button("Save"), { back: true });
    await page.waitForURL(/#\/settings\/sources\/shop$/);
    await heading("shop").waitFor();
  });

  const letGo = await hold(shop, "pages");
  await act("back up", "back it up", async () => {
    await hands.enter(link("Back up now"));
    await hands.enter(button("Start backup"));
    await page.waitForURL(/#\/backups\//);
  });
  const first = idOf(page);
  await act("watch", "watch it, with the focus on what goes away when it is over", async () => {
    await page.locator(".steps [aria-current=step]").waitFor();
    await hands.to(button("Cancel backup"));
    await letGo();
    await ended();
  });

  await act("contents", "look at the rows of a table", async () => {
    await hands.enter(button("public.orders: show rows"));
    await page.getByRole("dialog", { name: "Rows of public.orders" }).getByRole("cell", { name: "100", exact: true }).first().waitFor();
    await hands.settled("rows");
    await hands.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
    assert.ok(await button("public.orders: show rows").evaluate((e) => e === document.activeElement), "the dialog does not give the focus back");
  });

  const steady = await stage.running();
  await act("prove", "prove the newest", async () => {
    await goTo("Backups", page.locator("#rows tr:nth-child(2)"));
    await hands.enter(page.locator("#rows [data-part=link]").first());
    await page.waitForURL(new RegExp(steady));
    await hands.enter(button("Test its restore"));
    await heading("This backup is good, and that is proven.").waitFor({ timeout: 90_000 });
  });
  await stage.show(["home well", "details proven"], steady);

  const whole = rowsOf("orders");
  await act("diff", "compare a backup that lost rows with the one before", async () => {
    psql("DELETE FROM orders WHERE id > 1600");
    await goTo("Create backup", heading("Create backup"));
    await hands.enter(button("Start backup"));
    await page.waitForURL((url) => /#\/backups\//.test(url.hash) && !url.hash.includes(steady));
    await ended();
    await heading("The file is intact, but public.orders lost 92% of its rows.").waitFor();
    await hands.enter(button("Compare with the one before"));
    await page.getByRole("region", { name: "Changes" }).getByText("shrank").waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), "Contents", "the comparison does not take the focus");
    assert.match(await page.getByRole("region", { name: "Changes" }).textContent(), /public\.orders20,0001,600/);
  });
  const lost = idOf(page);
  await stage.show(["comparison"], lost);

  await act("restore a table", "put that table back beside the present one", async () => {
    await hands.enter(link("Restore public.orders from the backup before"));
    assert.match(page.url(), new RegExp(`#/restore\\?backup=${steady}&table=public.orders$`));
    await page.getByText("Nothing is in the way").waitFor();
    await hands.enter(button("Restore into shop"));
    await page.getByText(/^The tables are in shop on here/).waitFor({ timeout: 60_000 });
    const copy = psql("SELECT relname FROM pg_class WHERE relname ~ '^orders_[0-9]{8}$'");
    assert.equal(rowsOf(copy), whole, "the table beside has not what was lost");
    psql(`DROP TABLE ${copy}`);
  });

  await act("restore whole", "put the whole database beside the present one", async () => {
    await goTo("Restore shop", heading("Restore shop"));
    await hands.fill(field("Name of the new database"), "shop_whole");
    await page.getByText("Creates database shop_whole on here").waitFor();
    await page.getByText("Nothing is in the way").waitFor();
    await hands.enter(button("Restore into shop_whole"));
    await page.getByText(/^shop_whole is on here, restored in/).waitFor({ timeout: 60_000 });
    psql("DROP DATABASE shop_whole");
  });

  await act("pin", "the first backup is five presses away; pin it, with a reason and a day, and take the pin off", async () => {
    await goTo("Backups", page.locator("#rows tr").first());
    await page.reload(); // so that nothing has the focus
    const row = page.locator("#rows [data-part=link]").first();
    await row.waitFor();
    let presses = 0;
    for (; presses <= 5 && !(await row.evaluate((e) => e === document.activeElement)); presses++) {
      await hands.press("Tab");
      if (await link("Skip to the list of backups").evaluate((e) => e === document.activeElement)) await hands.press("Enter");
    }
    assert.ok(presses <= 5, "the first backup is more than five presses of the tab key away");
    await hands.press("Enter");
    await page.waitForURL(new RegExp(lost));
    await hands.enter(page.locator("summary", { hasText: "Pin…" }));
    await hands.fill(field("Reason"), "INC-1042");
    await hands.to(field("Pinned through"));
    await hands.type("12312099");
    await hands.enter(button("Pin"));
    await page.getByText(/^Pinned until .*2100|^Pinned until .*2099/).waitFor();
    assert.match(await page.locator(".pin").textContent(), /INC-1042.*By /s);
    await hands.settled("a pin is set");
    await hands.enter(button("Unpin"));
    await page.getByText(/^Retention decides how long/).waitFor();
    await hands.settled("a pin is taken off");
    await hands.fill(field("Reason"), "INC-1042");
    await hands.press("Enter");
    await page.getByText(/^Pinned until/).waitFor(); // and this one stays
  });
  await stage.show(["details pinned"], lost);

  await act("channels", "add a channel: try it out, save it, and the receiver has the message", async () => {
    await goTo("Channels", page.getByText("Nobody is told when a backup fails."));
    await hands.enter(link("Add a channel"));
    await hands.fill(field("Name"), "team");
    await hands.choose(field("Kind"), "Webhook");
    await hands.fill(field("URL"), hook);
    await hands.enter(button("Test"));
    await page.getByText("The receiver took the message").waitFor();
    await hands.settled("the test of a channel");
    await hands.enter(button("Save"), { back: true });
    await page.waitForURL(/#\/settings\/channels\/team$/);
    await page.getByText("Kept encrypted, and not shown again.").waitFor();
  });
  await act("channels", "a backup fails, says why, and the receiver is told", async () => {
    psql("CREATE SCHEMA gone; CREATE TABLE gone.t (); DELETE FROM pg_namespace WHERE nspname = 'gone'"); // it cannot be dumped any more
    await goTo("Create backup", heading("Create backup"));
    await hands.enter(button("Start backup"));
    await page.waitForURL(/#\/backups\//);
    await ended();
    await heading("What to do").waitFor();
    const id = idOf(page);
    for (const end = Date.now() + 30_000; ; await new Promise((r) => setTimeout(r, 200))) {
      const all = await (await fetch(hook)).json();
      if (all.some((m) => JSON.stringify(m).includes(id))) break;
      assert.ok(Date.now() < end, `the receiver was not told: ${JSON.stringify(all).slice(0, 2_000)}`);
    }
  });

  await act("audit", "the trail names and links the backups, hides reads until asked for, is filtered and exported", async () => {
    await goTo("Audit", page.locator("table.audit"));
    await page.locator("table.audit").getByRole("link", { name: /^shop, / }).first().waitFor();
    assert.equal(await page.getByRole("cell", { name: "list", exact: true }).count(), 0, "reads are shown");
    await hands.to(page.getByRole("checkbox", { name: "Show reads" }));
    await hands.press("Space");
    await page.getByRole("cell", { name: "list", exact: true }).first().waitFor();
    await hands.choose(field("Action"), "pin", { back: true });
    await page.getByRole("cell", { name: "list", exact: true }).first().waitFor({ state: "detached" });
    await page.getByRole("cell", { name: /^pin shop, / }).first().waitFor();
    await hands.to(button("Export CSV"), { back: true });
    const [file] = await Promise.all([page.waitForEvent("download"), hands.press("Enter")]);
    assert.match(readFileSync(await file.path(), "utf8"), new RegExp(`^\\ufeffat,actor,.*\\r\\n(.*,pin,.*${lost}.*\\r\\n)+$`));
    await hands.settled("an export");
    await hands.enter(page.locator("table.audit").getByRole("link", { name: /^shop, / }).first());
    await page.waitForURL(new RegExp(`#/backups/${lost}$`));
  });
  await act("cleanup", "keep fewer, and see what a cleanup would remove by that", async () => {
    await goTo("Settings", field("Backups per source"));
    await hands.fill(field("Backups per source"), "1");
    await hands.enter(button("Preview cleanup"));
    await page.getByRole("dialog").getByText("beyond the number to keep").waitFor();
    await hands.enter(button("Close"));
    await page.locator("dialog").waitFor({ state: "detached" });
    await hands.settled("a preview");
    await hands.enter(button("Save"));
    await page.getByText("Saved.").waitFor();
    await goTo("Cleanup", heading("Cleanup"));
    await page.getByRole("list", { name: "Backups to remove" }).locator(`a[href="#/backups/${first}"]`).waitFor();
    await page.getByRole("list", { name: "Backups to keep" }).getByText("pinned").waitFor();
  });
  await stage.show(["cleanup preview", "cleanup asked"]);
  await act("cleanup", "do it", async () => {
    await hands.enter(button("Run cleanup…"));
    await hands.settled("what is asked before a cleanup");
    await hands.enter(page.locator("dialog .danger"));
    await page.getByText(/^1 backup removed/).waitFor({ timeout: 30_000 });
    await page.getByText("Nothing to remove.").waitFor();
  });
  calm(page, "by keyboard");
}

/** stages are the states that there are to be seen, each shown as soon as it is there. */
function stages(page) {
  const show = (names, id) => step(`in all its looks: ${names.join(", ")}`, () => look(page, origin, names, { id }));
  return {
    show,
    /** running gives the id of a backup that was looked at while it ran, and has succeeded since. */
    async running() {
      const letGo = await hold(shop, "pages");
      await page.goto(`${origin}/#/new`);
      await page.getByRole("button", { name: "Start backup" }).click();
      await page.waitForURL(/#\/backups\//);
      const id = idOf(page);
      await show(["home running", "details running"], id);
      await letGo();
      await page.goto(`${origin}/#/backups/${id}`);
      await page.locator(".verdict").waitFor({ timeout: 60_000 });
      return id;
    },
  };
}

const browser = await launch();
try {
  const eyes = await open(browser, { allowed: [origin] });
  await eyes.goto(`${origin}/`);
  const stage = stages(eyes);
  await stage.show(["sign-in"]);
  await signIn(eyes, "ADMIN");
  await stage.show(["home empty"]);
  const page = await open(browser, { allowed: [origin] });
  await watchPointers(page);
  await page.goto(`${origin}/`);
  await byKeyboard(page, stage);
  complete();
  completeByKeyboard();
} finally {
  await browser.close();
}
