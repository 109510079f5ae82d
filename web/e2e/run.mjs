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
  if (name) await page.getByLabel("Name", { exact: true }).fill(name);
  if (directory) await page.getByLabel("Directory", { exact: true }).fill(directory);
  if (content) await page.getByRole("radio", { name: content }).check();
  await page.getByRole("button", { name: "Start backup" }).click();
  await page.waitForURL(/#\/backups\//);
  return id(page);
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
    for (const name of may) assert.ok(await page.getByRole("link", { name, exact: true }).first().isVisible(), `${role} sees no ${name}`);
    for (const name of mayNot) assert.equal(await page.getByRole("link", { name, exact: true }).count(), 0, `${role} sees ${name}`);
    await secretless(page);
    await inspect(page, role);
    if (role === "USUARIO") assert.match(await page.locator("main").textContent(), /ask an administrator/);
    // Signing out ends it.
    await page.locator("button[popovertarget=account]").click();
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByText("You are signed out.").waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.getItem("cofre.session")), null);
    await page.context().close();
  };
  const all = ["Backups", "Restore", "Cleanup", "Health", "Settings", "Create backup"];
  await shown("SUPERADMIN", all, []);
  await shown("ADMIN", all, []);
  await shown("SUPERVISOR", ["Backups"], all.slice(1));
  await shown("USUARIO", [], all);
}

async function journey(browser) {
  const page = await open(browser, { allowed: [origin] });
  await page.goto(`${origin}/`);
  await signIn(page, "ADMIN");
  await step("an empty home invites to the first backup", async () => {
    await page.getByRole("link", { name: "Create the first backup" }).waitFor();
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
    await page.getByText("The backup is good").waitFor();
    await page.getByText("read back in full").first().waitFor();
  });

  await step("look at the rows of a table, by keyboard, as wide as a phone too", async () => {
    await page.getByRole("button", { name: "Show tables" }).click();
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
    const link = page.getByRole("link", { name: "Download the file" });
    await link.waitFor();
    assert.match(await page.locator("dialog").textContent(), /The link works until/);
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
    assert.match(await page.locator(".running").textContent(), /There is no estimate yet/);
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
    await page.getByRole("link", { name: "canceled.dump" }).click();
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
    assert.match(await page.locator(".notice.bad").textContent(), /What to do:/);
    const before = id(page);
    await page.getByRole("button", { name: "Try again" }).click();
    await page.waitForFunction((old) => !location.hash.includes(old), before);
    await ended(page);
    await inspect(page, "failed details");
    await picture(page, "failed-1280");
    await page.goto(`${origin}/#/?source=broken`);
    await page.getByText(/broken: failing since .* \(2 times in a row\)/).waitFor();
    assert.equal(await page.locator(".tile.ok", { hasText: "Last good backup" }).count(), 0);
    await picture(page, "failing-1280");
  });

  await step("a part is told in the list, in its first line, and before it is restored", async () => {
    await create(page, { database: "archive", name: "part", content: /Schema only/ });
    await ended(page);
    assert.match(await page.locator(".summary").textContent(), /Partial schema only · archive/);
    await page.getByText("This is a partial backup of archive: schema only.").waitFor();
    await inspect(page, "part");
    await picture(page, "part-1280");
    await page.goto(`${origin}/#/?search=part.dump`);
    await page.locator("td.file", { hasText: "Partial schema only" }).waitFor();
    await page.getByRole("button", { name: "Delete part.dump" }).click();
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
    await page.getByRole("checkbox", { name: "Select all that are shown" }).check();
    await page.getByRole("button", { name: "Delete selected…" }).click();
    await inspect(page, "delete several");
    await picture(page, "delete-several-1280");
    await page.getByRole("button", { name: /^Delete 2 backups/ }).click();
    await page.getByText("2 backups deleted.").waitFor();
    await page.getByText("No backup matches these filters.").waitFor();

    await page.goto(`${origin}/#/?source=archive`);
    await page.getByRole("button", { name: "Delete watched.dump" }).click();
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
    await page.getByLabel("Keep days").fill("20");
    await page.getByText("With these values the next cleanup may remove more backups.").waitFor();
    await page.getByRole("button", { name: "See what would go" }).click();
    await page.locator("dialog").getByText("There is nothing to remove.").waitFor();
    assert.match(await page.locator("dialog h2").first().textContent(), /with these settings/);
    await inspect(page, "settings preview");
    await picture(page, "settings-preview-1280");
    await page.getByRole("button", { name: "Close" }).click();
    assert.equal(await page.getByLabel("Keep days").inputValue(), "20"); // the edit is kept
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText("Saved.").waitFor();
    await page.reload();
    assert.equal(await page.getByLabel("Keep days").inputValue(), "20");
    // The trail knows who did it.
    await page.getByRole("cell", { name: "changed the settings" }).waitFor();
    await page.getByLabel("What", { exact: true }).selectOption({ label: "deleted" });
    await page.getByRole("cell", { name: "deleted" }).first().waitFor();
    await page.getByRole("cell", { name: "changed the settings" }).waitFor({ state: "detached" });
  });

  await step("a cleanup is shown, and then done", async () => {
    makeHistory(backups, Date.now());
    await page.goto(`${origin}/#/cleanup`);
    await page.getByLabel("Keep days").fill("10");
    const goes = page.getByRole("list", { name: "Backups that go" });
    await goes.waitFor();
    assert.match(await goes.textContent(), /older than the retention/);
    await inspect(page, "cleanup");
    await page.getByRole("button", { name: "Clean up…" }).click();
    await inspect(page, "cleanup dialog");
    await picture(page, "cleanup-dialog-1280");
    const count = Number((await page.locator("dialog .danger").textContent()).match(/\d+/)[0]);
    assert.ok(count >= 5, `${count} backups go`);
    assert.ok(await page.locator("dialog .danger").isDisabled()); // more than half of all
    await page.locator("dialog input").fill(String(count));
    await page.locator("dialog .danger").click();
    await page.getByText(`${count} backups removed`).waitFor({ timeout: 30_000 });
    await page.getByText("There is nothing to remove.").waitFor();
  });

  await step("the keyboard alone opens a backup and its deletion, and goes back", async () => {
    await page.goto(`${origin}/#/?search=second`);
    await page.getByText("1 of 1 backup").waitFor();
    const focused = () => page.evaluate(() => document.activeElement?.textContent || document.activeElement?.getAttribute("aria-label"));
    const tabTo = async (pattern) => {
      for (let i = 0; i < 90; i++) {
        await page.keyboard.press("Tab");
        if (pattern.test(await focused())) return;
      }
      throw new Error(`the tab key never comes to ${pattern}`);
    };
    await page.evaluate(() => document.querySelector("main").focus());
    await tabTo(/^second\.dump$/);
    await page.keyboard.press("Tab");
    assert.match(await page.locator("td time").evaluate((e) => getComputedStyle(e, "::after").content), /UTC/); // shown on focus
    await tabTo(/^Delete$/);
    await page.keyboard.press("Enter");
    await page.locator("dialog[open]").waitFor();
    await page.keyboard.press("Escape");
    await page.locator("dialog[open]").waitFor({ state: "detached" });
    assert.match(await focused(), /^Delete$/); // the focus is where it was
    calm(page, "keyboard");
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
    await page.getByText(/financeiro: nobody backs it up; last good backup 1 month ago/).waitFor();
    const tile = (name) => page.locator(".tile", { hasText: name });
    assert.match(await tile("Last good backup").getAttribute("class"), /warn/);
    assert.match(await tile("Next scheduled backup").textContent(), /shop · /);
    assert.equal(await page.getByText("Times in America/Sao_Paulo (UTC−3)").count(), 1);
    await page.locator(".items li", { hasText: "financeiro" }).getByRole("link", { name: "financeiro" }).click();
    await page.locator(".tile", { hasText: "Next scheduled backup" }).getByText("None").waitFor();
    assert.match(await tile("Last good backup").getAttribute("class"), /warn/);
    await inspect(page, "unscheduled source");
    // A day of the strip is the reader's: its backups are those of the list.
    await page.goto(`${origin}/#/?source=shop`);
    const cell = page.locator(".strip a[aria-label*='1 succeeded']").first();
    const day = (await cell.getAttribute("aria-label")).split(":")[0];
    await cell.click();
    await page.getByText("1 of 1 backup").waitFor();
    assert.ok((await page.locator("td[data-label=Started] time").textContent()).startsWith(day), day);
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
