// The web UI in a browser, as people use it. internal/uitest starts what this needs and names it by the environment.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { launch, open, signIn } from "./browser.mjs";
import { calm, inspect, picture, secretless, step } from "./checks.mjs";
import { makeHistory } from "./history.mjs";
import { screens } from "./screens.mjs";

const { COFRE_URL: origin, COFRE_BACKUPS: backups, COFRE_CLIENT_BIN: bin, COFRE_SOURCE: source, COFRE_TARGET: target } = process.env;

const psql = (url, sql) => execFileSync(join(bin, "psql"), ["-X", "-A", "-t", "-d", url, "-c", sql], { encoding: "utf8" }).trim();
const id = (page) => page.url().match(/#\/backups\/([0-9A-Z]{26})/)[1];

/** create fills the form in and starts. It gives the new backup's id. */
async function create(page, { database, name, directory, content }) {
  await page.goto(`${origin}/#/new`);
  if (database) await page.getByLabel("Database", { exact: true }).selectOption(database); // the server offers it
  if (name) await page.getByLabel("File name", { exact: true }).fill(name);
  if (directory) await page.getByLabel("Folder", { exact: true }).fill(directory);
  if (content) await page.getByRole("radio", { name: content }).check();
  await page.getByRole("button", { name: "Start backup" }).click();
  await page.waitForURL(/#\/backups\//);
  return id(page);
}

/** menuOf opens the menu of a row, and gives what it offers. */
async function menuOf(page, row) {
  await row.getByRole("button", { name: /^Actions/ }).click();
  await page.getByRole("menuitem").first().waitFor();
  return page.getByRole("menuitem").allTextContents();
}

/** choose takes something of the menu of a backup that is shown. */
async function choose(page, filename, what) {
  await menuOf(page, page.locator("#rows tr").filter({ has: page.getByTitle(filename) }));
  await page.getByRole("menuitem", { name: what }).click();
}

const ended = (page) => page.locator("section.running").waitFor({ state: "detached", timeout: 60_000 });
const badge = (page) => page.locator(".summary .badge").textContent();

async function roles(browser) {
  const shown = async (role, may, mayNot) => {
    const page = await open(browser, { allowed: [origin] });
    // The printed address carries the secret, and the page takes it out at once.
    const link = role === "ADMIN";
    await page.goto(link ? `${origin}/#secret=${process.env.COFRE_SECRET}` : `${origin}/`);
    if (link) {
      await page.locator(".roles").waitFor();
      assert.equal(await page.getByLabel(/^Secret/).count(), 0, "the secret is asked for although the address held it");
      assert.ok(!page.url().includes("secret"), `the secret stays in the address: ${page.url()}`);
    }
    await signIn(page, role);
    await page.locator("main h1").waitFor();
    await page.waitForLoadState("networkidle");
    for (const name of may) await page.getByRole("link", { name, exact: true }).first().waitFor();
    for (const name of mayNot) assert.equal(await page.getByRole("link", { name, exact: true }).count(), 0, `${role} sees ${name}`);
    await secretless(page);
    await inspect(page, role);
    if (role === "USUARIO") assert.match(await page.locator("main").textContent(), /Ask an administrator/);
    // Signing out ends it.
    await page.locator("button[popovertarget=account]").click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("You are signed out.").waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.getItem("cofre.session")), null);
    await page.context().close();
  };
  const all = ["Backups", "Restore", "Cleanup", "Health", "Settings", "Create the first backup"];
  await shown("SUPERADMIN", all, []);
  await shown("ADMIN", all, []);
  await shown("SUPERVISOR", ["Backups", "Settings"], ["Restore", "Cleanup", "Health", "Create backup"]);
  await shown("USUARIO", [], all);
}

async function journey(browser) {
  const page = await open(browser, { allowed: [origin] });
  await page.goto(`${origin}/`);
  await signIn(page, "ADMIN");
  await step("an empty home is one card that leads to the first backup, and says what was found", async () => {
    await page.getByRole("link", { name: "Create the first backup" }).waitFor();
    await page.locator(".first-checks li.ok", { hasText: "Database" }).waitFor();
    assert.equal(await page.locator(".first-checks li.bad, .first-checks li.warn, [role=alert] .notice, table, .chart").count(), 0);
    await inspect(page, "empty home");
    await picture(page, "empty-home");
  });

  const first = await step("create a backup by the form", async () => {
    const made = await create(page, { name: "e2e first", directory: "manual" });
    await ended(page);
    assert.match(await badge(page), /Verified/);
    assert.match(await page.locator("main").textContent(), /files\/manual\/e2e first\.dump/);
    return made;
  });

  await step("validate it", async () => {
    await page.getByRole("button", { name: "Validate now" }).click();
    await page.getByText("Backup is valid").waitFor();
    await page.getByText("read back in full").first().waitFor();
  });

  await step("look at the rows of a table, by keyboard, as wide as a phone too", async () => {
    const name = page.getByRole("button", { name: "public.customers: show rows" });
    await name.focus();
    await page.keyboard.press("Enter");
    await page.getByRole("dialog", { name: "Rows of public.customers" }).getByRole("cell", { name: "customer 100", exact: true }).waitFor();
    assert.match(await page.locator("dialog").textContent(), /The first 100 rows.*cofre rows \S+ public\.customers > customers\.csv/s);
    await inspect(page, "rows");
    await picture(page, "rows-1280");
    const size = page.viewportSize();
    await page.setViewportSize({ width: 320, height: 700 });
    await inspect(page, "rows on a phone");
    await picture(page, "rows-320");
    await page.setViewportSize(size);
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
    assert.ok(await name.evaluate((e) => document.activeElement === e), "the focus is lost");
  });

  await step("download it: the file's SHA-256 is the one that is shown, and stock tools restore it", async () => {
    const shown = await page.locator("dt", { hasText: "SHA-256" }).locator("xpath=..").locator("code").textContent();
    await page.getByRole("button", { name: "Download", exact: true }).click();
    const link = page.getByRole("link", { name: "Download file" });
    await link.waitFor();
    assert.match(await page.locator("dialog").textContent(), /Link valid until/);
    await inspect(page, "download dialog");
    const url = new URL(await link.getAttribute("href"));
    page.allowed.push(url.origin); // storage's: the one place that the link leads to
    const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
    assert.equal(download.suggestedFilename(), "e2e first.dump");
    const file = await download.path();
    assert.equal(createHash("sha256").update(readFileSync(file)).digest("hex"), shown);
    execFileSync(join(bin, "pg_restore"), ["--exit-on-error", "--no-owner", "-d", target, file]);
    const sum = "SELECT count(*), md5(string_agg(c::text, ',' ORDER BY id)) FROM customers c";
    assert.equal(psql(target, sum), psql(source, sum));
    await page.getByRole("button", { name: "Close" }).click();
  });

  await step("copy the restore command", async () => {
    await page.getByRole("button", { name: "Copy: Restore" }).click();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), `cofre restore ${first} --to "$TARGET_DATABASE_URL"`);
  });

  await step("watch a backup, reload in the middle, and see it end", async () => {
    const made = await create(page, { database: "archive", name: "watched" });
    const read = page.locator(".counters dd").first();
    await page.waitForFunction(() => /[MG]B/.test(document.querySelector(".counters dd")?.textContent ?? ""), undefined, { timeout: 30_000 });
    assert.match(await page.locator(".steps [aria-current=step]").textContent(), /Dumping|Uploading/);
    assert.match(await page.locator(".running").textContent(), /No estimate yet/);
    assert.equal(await page.locator(".bar progress").getAttribute("value"), null);
    await inspect(page, "progress");
    await picture(page, "progress-1280");
    await page.reload();
    assert.equal(id(page), made);
    await page.locator("section.running").waitFor();
    assert.match(await read.textContent(), /B|—/);
    await ended(page);
    assert.match(await badge(page), /Verified/);
  });

  await step("a second one has an estimate, and is canceled", async () => {
    await create(page, { database: "archive", name: "canceled" });
    await page.locator(".bar progress[value]").waitFor({ timeout: 30_000 });
    await page.locator("a.brand").click();
    await page.locator("section.running").waitFor(); // at home, too
    await page.locator("section.running").getByRole("button", { name: "Cancel backup" }).click();
    await inspect(page, "cancel dialog");
    await page.locator("dialog").getByRole("button", { name: "Cancel backup" }).click();
    await ended(page);
    await page.getByTitle("canceled.dump").click();
    await page.locator(".summary").waitFor();
    assert.match(await badge(page), /Canceled/);
  });

  await step("a database that is gone meanwhile is refused before a record is made", async () => {
    await page.goto(`${origin}/#/new`);
    await page.getByLabel("Database", { exact: true }).selectOption("doomed");
    psql(source, "DROP DATABASE doomed");
    await page.getByRole("button", { name: "Start backup" }).click();
    await page.getByText("The database does not exist").waitFor();
    page.trouble = page.trouble.filter((t) => !/status of 4\d\d/.test(t)); // the browser tells of the refusal, too
    assert.match(page.url(), /#\/new$/);
    await inspect(page, "refused");
    await picture(page, "refused-1280");
    await page.goto(`${origin}/#/?search=doomed`);
    await page.getByText("No backup matches these filters.").waitFor();
  });

  await step("a failure says why and what to do, and can be tried again", async () => {
    await create(page, { database: "broken" });
    await ended(page);
    assert.match(await badge(page), /Failed/);
    await page.locator(".verdict.bad").waitFor();
    await page.getByRole("heading", { name: "What to do" }).waitFor();
    const before = id(page);
    await page.getByRole("button", { name: "Done: try again" }).click();
    await page.waitForFunction((old) => !location.hash.includes(old), before);
    await ended(page);
    await inspect(page, "failed details");
    await picture(page, "failed-1280");
    await page.goto(`${origin}/#/?source=broken`);
    await page.getByRole("heading", { level: 1, name: "The last 2 backups of broken failed." }).waitFor();
    assert.match(await page.locator(".say").getAttribute("class"), /warn/); // nothing here is to make backups of it
    assert.match(await page.locator(".say").textContent(), /What to do:/);
    assert.equal(await page.locator("link[rel=icon]").getAttribute("href"), "./icon-warn.svg");
    assert.match(await page.title(), /^The last 2 backups of broken failed\./);
    assert.equal(await page.locator("#rows tr.hot.bad").count(), 2);
    assert.deepEqual(await menuOf(page, page.locator("#rows tr").first()), ["See why it failed", "Try again", "Delete…"]);
    await inspect(page, "menu");
    await picture(page, "menu-1280");
    await page.keyboard.press("Escape");
    await picture(page, "failing-1280");
  });

  await step("a part is told in the list, in its first line, and before it is restored", async () => {
    await create(page, { database: "archive", name: "part", content: /Schema only/ });
    await ended(page);
    assert.match(await page.locator(".summary").textContent(), /Partial schema only · archive/);
    await page.getByRole("heading", { name: "This backup holds only a part of archive." }).waitFor();
    await inspect(page, "part");
    await picture(page, "part-1280");
    await page.goto(`${origin}/#/?search=part.dump`);
    await page.locator("#rows tr", { hasText: "Partial" }).filter({ hasText: "schema only" }).waitFor();
    await choose(page, "part.dump", "Delete…");
    await page.locator("dialog input").fill("part.dump");
    await page.locator("dialog .danger").click();
    await page.getByText("1 backup deleted.").waitFor();
  });

  await step("delete several, and the only verified one by its name", async () => {
    const second = await create(page, { name: "second" });
    await ended(page);
    await page.goto(`${origin}/#/?search=${second}`);
    await page.getByText("1 of 1 backup").waitFor();
    await page.goto(`${origin}/#/?status=canceled`);
    await page.getByText("1 of 1 backup").waitFor();
    await page.goto(`${origin}/#/?status=failed`);
    await page.getByText("2 of 2 backups").waitFor();
    await page.getByRole("checkbox", { name: "Select all shown" }).check();
    await page.getByRole("button", { name: "Delete selected…" }).click();
    await page.locator("dialog[open]").waitFor();
    await inspect(page, "delete several");
    await picture(page, "delete-several-1280");
    await page.getByRole("button", { name: /^Delete 2 backups/ }).click();
    await page.getByText("2 backups deleted.").waitFor();
    await page.getByText("No backup matches these filters.").waitFor();

    await page.goto(`${origin}/#/?source=archive`);
    await choose(page, "watched.dump", "Delete…");
    const sure = page.locator("dialog .danger");
    assert.ok(await sure.isDisabled());
    await picture(page, "delete-last-1280");
    await inspect(page, "delete the last");
    await page.locator("dialog input").fill("watched.dump");
    await sure.click();
    await page.getByText("1 backup deleted.").waitFor();
    await page.waitForFunction(() => document.activeElement?.id === "backups"); // not lost with the button
    assert.ok(!readFileSync(join(backups, "registry.json"), "utf8").includes("watched.dump"));
  });

  await step("settings are changed", async () => {
    await page.goto(`${origin}/#/settings`);
    await page.getByLabel("Retention (days)").fill("20");
    await page.getByText("With these values the next cleanup may remove more backups.").waitFor();
    await page.getByRole("button", { name: "Preview cleanup" }).click();
    await page.locator("dialog").getByText("Nothing to remove.").waitFor();
    assert.match(await page.locator("dialog h2").first().textContent(), /with these settings/);
    await inspect(page, "settings preview");
    await picture(page, "settings-preview-1280");
    await page.getByRole("button", { name: "Close" }).click();
    assert.equal(await page.getByLabel("Retention (days)").inputValue(), "20"); // the edit is kept
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved.").waitFor();
    await page.reload();
    assert.equal(await page.getByLabel("Retention (days)").inputValue(), "20");
    // The trail knows who did it.
    await page.getByRole("link", { name: "Audit trail" }).click();
    await page.getByRole("cell", { name: "change settings" }).waitFor();
    assert.equal(await page.getByRole("cell", { name: "list", exact: true }).count(), 0, "reads are shown");
    await page.getByLabel("Action", { exact: true }).selectOption({ label: "delete" });
    await page.getByRole("cell", { name: /^delete/ }).first().waitFor();
    await page.getByRole("cell", { name: "change settings" }).waitFor({ state: "detached" });
    assert.match(page.url(), /#\/audit\?action=delete$/);
    await inspect(page, "audit");
    await picture(page, "audit-1280");
  });

  await step("a cleanup is shown, and then done", async () => {
    makeHistory(backups, Date.now());
    await page.goto(`${origin}/#/cleanup`);
    await page.getByLabel("Retention (days)").fill("10");
    const goes = page.getByRole("list", { name: "Backups to remove" });
    await goes.waitFor();
    assert.match(await goes.textContent(), /past the retention period/);
    await inspect(page, "cleanup");
    await page.getByRole("button", { name: "Run cleanup…" }).click();
    await page.locator("dialog[open]").waitFor();
    await inspect(page, "cleanup dialog");
    await picture(page, "cleanup-dialog-1280");
    const count = Number((await page.locator("dialog .danger").textContent()).match(/\d+/)[0]);
    assert.ok(count >= 5, `${count} backups go`);
    assert.ok(await page.locator("dialog .danger").isDisabled()); // more than half of all
    await page.locator("dialog input").fill(String(count));
    await page.locator("dialog .danger").click();
    await page.getByText(`${count} backups removed`).waitFor({ timeout: 30_000 });
    await page.getByText("Nothing to remove.").waitFor();
  });

  await step("the keyboard alone: the first backup within five presses, its menu, its deletion, and back", async () => {
    await page.goto(`${origin}/#/health`);
    await page.locator(".checks li").first().waitFor();
    await page.goto(`${origin}/#/`);
    await page.locator("#rows tr").first().waitFor();
    await page.reload(); // so that nothing has the focus
    await page.locator("#rows tr").first().waitFor();
    await page.waitForLoadState("networkidle");
    const focused = () => page.evaluate(() => document.activeElement?.textContent || document.activeElement?.getAttribute("aria-label"));
    const inFirst = () => page.evaluate(() => document.querySelector("#rows tr [data-part=link]") === document.activeElement);
    let presses = 0;
    const press = (key) => page.keyboard.press(key, { delay: 5 });
    while (presses < 5 && !(await inFirst())) {
      await press("Tab");
      presses++;
      if (/Skip to the list/.test(await focused())) await press("Enter");
    }
    assert.ok(await inFirst(), `five presses of Tab end at ${await focused()}`);
    console.log(`       first backup after ${presses} presses of Tab`);
    const stops = await page.evaluate(() => [...document.querySelectorAll("a[href], button, input, select, [tabindex='0']")].filter((e) => e.tabIndex >= 0 && e.checkVisibility()).length);
    assert.ok(stops < 60, `the tab key stops ${stops} times`);
    console.log(`       ${stops} stops of the tab key on the page`);
    // By the arrow keys from row to row, with the ring where the eye looks for it.
    await press("ArrowDown");
    assert.equal(await page.evaluate(() => [...document.querySelectorAll("#rows tr")].indexOf(document.activeElement.closest("tr"))), 1);
    await press("Home");
    assert.ok(await inFirst());
    await press("Tab");
    assert.match(await focused(), /^Actions: /);
    await press("Enter");
    await page.locator("[role=menu]").waitFor();
    assert.equal(await focused(), "Details");
    await press("End");
    assert.equal(await focused(), "Delete…");
    await press("Enter");
    await page.locator("dialog[open]").waitFor();
    await press("Escape");
    await page.locator("dialog[open]").waitFor({ state: "detached" });
    assert.match(await focused(), /^Actions: /); // the focus is where it was
    // The slash leads to the search, unless such keys are switched off.
    await press("/");
    assert.equal(await page.evaluate(() => document.activeElement.id), "search");
    await page.evaluate(() => localStorage.setItem("cofre.keys", "off"));
    await page.locator("main").focus();
    await press("/");
    assert.notEqual(await page.evaluate(() => document.activeElement.id), "search");
    await page.evaluate(() => localStorage.removeItem("cofre.keys"));
    // The palette: a screen, and a backup by its file's name.
    await press("Control+k");
    await page.locator("dialog.palette").waitFor();
    await inspect(page, "palette");
    await picture(page, "palette-1280");
    await page.keyboard.type("second");
    await page.locator("dialog.palette [role=group][aria-label=Backups] [role=option]").first().waitFor();
    await press("Enter");
    await page.locator(".summary").waitFor();
    assert.match(await page.locator("main").textContent(), /second\.dump/);
    calm(page, "keyboard");
  });

  await step("a server that is gone is told once, with what still works", async () => {
    await page.goto(`${origin}/`);
    await page.locator("#rows tr").first().waitFor();
    await page.waitForLoadState("networkidle");
    await page.route("**/api/**", (r) => r.abort());
    await page.getByRole("combobox", { name: "Status" }).selectOption("failed");
    await page.locator(".gone").waitFor();
    await page.waitForTimeout(500);
    assert.equal(await page.locator(".notice").count(), 1);
    page.trouble = page.trouble.filter((t) => !/ERR_FAILED/.test(t)); // the browser tells of it, too
    await inspect(page, "server gone");
    await picture(page, "gone-1280");
    await page.unroute("**/api/**");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.locator(".gone").waitFor({ state: "detached" });
    page.trouble = page.trouble.filter((t) => !/ERR_FAILED/.test(t));
  });

  await secretless(page);
  calm(page, "journey");
  await page.context().close();
}

/** A source that no schedule makes, and whose last good backup is old, beside one that is scheduled. */
async function sources(browser) {
  await step("a source that nobody backs up is told, and has no next run", async () => {
    const page = await open(browser, { allowed: [origin] });
    await page.goto(`${origin}/`);
    await signIn(page, "ADMIN");
    await page.locator(".say.warn").waitFor();
    const card = (name) => page.locator(".source", { hasText: name });
    assert.match(await card("financeiro").textContent(), /Nobody backs it up.*Nexton demand/);
    assert.match(await card("shop").textContent(), /Next · in/);
    assert.equal(await page.getByText("Times in America/Sao_Paulo (UTC−3)").count(), 1);
    await card("financeiro").getByRole("link", { name: "financeiro" }).click();
    await page.locator(".one-source", { hasText: "Nexton demand" }).waitFor();
    await page.getByRole("heading", { level: 1, name: "financeiro is on no schedule, and its last good backup is old." }).waitFor();
    assert.match(await page.locator(".say").getAttribute("class"), /warn/);
    await inspect(page, "unscheduled source");
    // A day of the strip is the reader's: its backups are those of the list.
    await page.goto(`${origin}/#/?source=shop`);
    const cell = page.locator(".strip a[aria-label$=': 1 succeeded']").first();
    const day = (await cell.getAttribute("aria-label")).split(":")[0];
    await cell.click();
    await page.getByText("1 of 1 backup").waitFor();
    assert.ok((await page.locator("#rows time").getAttribute("title")).startsWith(day), day);
    // A guide line over the chart tells the figures at once, by pointer and by the arrow keys.
    const plot = page.getByRole("group", { name: "Size" });
    await plot.hover();
    await plot.getByRole("status").getByText(/[kM]B/).waitFor();
    await page.locator(".gap").first().waitFor({ state: "attached" });
    await plot.focus();
    await page.keyboard.press("ArrowLeft");
    await plot.getByRole("status").getByText(/[kM]B|failed|missed/).waitFor();
    await inspect(page, "chart");
    await page.context().close();
  });
}

const browser = await launch();
try {
  await step("each role sees what it may do", () => roles(browser));
  await journey(browser);
  makeHistory(backups, Date.now());
  await sources(browser);
  await screens(browser, origin, signIn);
} finally {
  await browser.close();
}
