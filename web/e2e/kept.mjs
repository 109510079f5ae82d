// Sources, second locations and channels in a browser, against a real server, a real receiver and a real bucket. internal/uitest starts what this needs.
import assert from "node:assert/strict";
import { launch, open, signIn } from "./browser.mjs";
import { calm, inspect, picture, step } from "./checks.mjs";
import { complete, look } from "./looks.mjs";
import { states } from "./states.mjs";

const { COFRE_URL: origin, COFRE_HOOK: hook, COFRE_BUCKET: bucket, COFRE_STORAGE: storage, COFRE_ACCESS: access, COFRE_SECRET_KEY: secret, COFRE_DATABASE: database } = process.env;

const field = (page, name) => page.getByLabel(name, { exact: true });
const button = (page, name) => page.getByRole("button", { name, exact: true });

/** refused takes what the browser itself says of an answer that is an error, where one is wanted. */
const refused = (page) => { page.trouble = page.trouble.filter((t) => !/status of 4\d\d/.test(t)); };

async function channels(page) {
  await step("a channel is tried, kept, changed, and never shows its address", async () => {
    await page.goto(`${origin}/#/settings/channels`);
    await page.getByRole("link", { name: "on-call" }).waitFor();
    assert.match(await page.locator(".kept").textContent(), /cofre\.yaml, line 2/);
    await page.getByRole("link", { name: "Add a channel" }).click();
    await field(page, "Name").fill("team");
    await field(page, "Kind").selectOption("webhook");
    await field(page, "URL").fill("https://127.0.0.1/x");
    await button(page, "Test").click();
    await page.getByText("The message was not taken").or(page.getByRole("alert")).first().waitFor();
    refused(page);
    await inspect(page, "channel that leads to this machine");
    await picture(page, "channel-refused-1280");
    await field(page, "URL").fill(hook);
    await button(page, "Test").click();
    await page.getByText("The receiver took the message").waitFor();
    await inspect(page, "channel form");
    await picture(page, "channel-form-1280");
    await button(page, "Save").click();
    await page.waitForURL(/#\/settings\/channels\/team$/);
    await page.getByText("Kept encrypted, and not shown again.").waitFor();
    assert.ok(!(await page.content()).includes("secret-path"));
    await field(page, "Sources").fill("[");
    await page.getByRole("link", { name: "Locations" }).click();
    await page.getByText("Discard the changes?").waitFor();
    await inspect(page, "unsaved changes");
    await button(page, "Keep editing").click();
    await page.goBack();
    await page.getByText("Discard the changes?").waitFor();
    await button(page, "Keep editing").click();
    assert.match(page.url(), /#\/settings\/channels\/team$/);
    await field(page, "Sources").fill("shop, main*");
    await button(page, "Save").click();
    await page.getByText(/Last changed by/).waitFor();
    await page.waitForFunction(() => [...document.querySelectorAll("button")].find((b) => b.textContent === "Save")?.disabled);
    await page.reload();
    await field(page, "Sources").waitFor();
    assert.equal(await field(page, "Sources").inputValue(), "shop, main*");
  });
  await step("what somebody else changed meanwhile is not overwritten", async () => {
    const other = await open(page.context().browser(), { allowed: [origin] });
    await other.goto(`${origin}/`);
    await signIn(other, "ADMIN");
    await other.goto(`${origin}/#/settings/channels/team`);
    await field(other, "Least severity").selectOption("info");
    await button(other, "Save").click();
    await other.waitForFunction(() => [...document.querySelectorAll("button")].find((b) => b.textContent === "Save")?.disabled);
    calm(other, "the other");
    await other.context().close();
    await field(page, "Sources").fill("mine");
    await button(page, "Save").click();
    await page.getByText(/Somebody else changed it meanwhile/).waitFor();
    refused(page);
    await picture(page, "channel-conflict-1280");
    await button(page, "Load the new state").click();
    await page.waitForFunction(() => !document.body.textContent.includes("Somebody else"));
    assert.equal(await field(page, "Least severity").inputValue(), "info");
    assert.equal(await field(page, "Sources").inputValue(), "shop, main*");
  });
}

async function places(page) {
  await step("a location is tried and kept; its keys are asked for again when its endpoint changes", async () => {
    await page.goto(`${origin}/#/settings/places`);
    await page.getByText("Backups are kept in one location only.").waitFor();
    await inspect(page, "no second location");
    await picture(page, "places-empty-1280");
    await page.getByRole("link", { name: "Add a location" }).click();
    await field(page, "Name").fill("frankfurt");
    await field(page, "Bucket and folder").fill(`s3://${bucket}/copies`);
    await field(page, "Endpoint").fill(storage);
    await field(page, "Region").fill("us-east-1");
    await field(page, "Access key").fill(access);
    await field(page, "Secret key").fill("wrong");
    await button(page, "Test").click();
    await page.getByText("Copies cannot be made there").waitFor();
    await inspect(page, "location that refuses");
    await picture(page, "place-refused-1280");
    await field(page, "Secret key").fill(secret);
    await button(page, "Test").click();
    await page.getByText("Copies can be made there").waitFor();
    await picture(page, "place-form-1280");
    await button(page, "Save").click();
    await page.waitForURL(/#\/settings\/places\/frankfurt$/);
    await field(page, "Endpoint").fill(`${storage}/other`);
    await page.getByText("The endpoint changes: the keys have to be given again.").waitFor();
    await field(page, "Endpoint").fill(storage);
  });
}

async function sources(page) {
  const password = new URL(database).password;
  await step("a source is tried, kept, backed up, paused and resumed, and never shows its password", async () => {
    await page.goto(`${origin}/#/settings/sources`);
    await page.getByRole("link", { name: "Add a source" }).click();
    await field(page, "Name").fill("wiki");
    await field(page, "Host").fill(database.replace(password, "wrong"));
    await field(page, "TLS").selectOption("disable");
    // Its words and next runs stand below the schedule while it is chosen.
    assert.match(await page.locator(".next").textContent(), /^every day at 02:00Next runs/);
    assert.equal(await page.locator(".next time").count(), 3);
    await button(page, "Test").click();
    await page.getByText("No backup of it can be made").waitFor();
    await inspect(page, "source that refuses");
    await picture(page, "source-refused-1280");
    await field(page, "Password").fill(password);
    await button(page, "Test").click();
    await page.getByText("A backup of it can be made").waitFor();
    await inspect(page, "source form");
    await picture(page, "source-form-1280");
    await button(page, "Save").click();
    await page.waitForURL(/#\/settings\/sources\/wiki$/);
    await page.getByText(/Last changed by/).waitFor();
    assert.ok(!(await page.content()).includes(password));
    await page.getByRole("link", { name: "Back up now" }).click();
    await button(page, "Start backup").click();
    await page.waitForURL((url) => !url.hash.startsWith("#/new"));
    await page.goto(`${origin}/#/settings/sources/wiki`);
    await button(page, "Pause").click();
    await page.getByText("It is paused: no scheduled backups.").waitFor();
    await inspect(page, "paused source");
    await button(page, "Resume").click();
    await button(page, "Pause").waitFor();
    await button(page, "Change the connection…").click();
    await field(page, "Host").fill("db.elsewhere.example");
    await button(page, "Save").click();
    await page.getByRole("alert").or(page.locator(".wrong")).first().waitFor();
    refused(page);
    await picture(page, "source-password-again-1280");
    await page.reload();
  });
}

async function removed(page) {
  await step("all are removed, and the lists say so", async () => {
    for (const [kind, name, said] of [["sources", "wiki", /“wiki” was removed\./], ["channels", "team", /“team” was removed\./], ["places", "frankfurt", /“frankfurt” was removed\. Its copies stay at s3:/]]) {
      await page.goto(`${origin}/#/settings/${kind}/${name}`);
      await button(page, "Remove…").click();
      await inspect(page, `remove ${name}`);
      await page.locator("dialog .danger").click();
      await page.getByText(said).waitFor();
      assert.equal(await page.getByRole("link", { name, exact: true }).count(), 0);
    }
  });
}

const browser = await launch();
try {
  const page = await open(browser, { allowed: [origin] });
  await page.goto(`${origin}/`);
  await signIn(page, "ADMIN");
  await channels(page);
  await places(page);
  await sources(page);
  await step("every state in all its looks", () => look(page, origin, Object.keys(states.kept), { given: new URL(process.env.COFRE_GIVEN).pathname.slice(1) }));
  complete();
  await removed(page);
  calm(page, "journey");
} finally {
  await browser.close();
}
