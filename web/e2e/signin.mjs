// Signing in at an OpenID provider, and what remains of it.
import assert from "node:assert/strict";
import { launch, open } from "./browser.mjs";
import { calm, inspect, secretless, step } from "./checks.mjs";

const { COFRE_URL: origin, COFRE_ISSUER: issuer } = process.env;
const browser = await launch();

/** there and back: to the provider by the button, and back by its page, unless it still knows who this is. The first token of
 * "brief" lives for some seconds. */
async function signIn(page, known = false) {
  await page.getByRole("button", { name: "Sign in" }).click();
  if (!known) {
    await page.waitForURL(`${issuer}/interaction/*`);
    await page.getByLabel("Login").fill("brief.ADMIN");
    await page.getByLabel("Password").fill("any");
    await page.getByRole("button", { name: "Sign in" }).click();
  }
  await page.locator("header.top").waitFor();
}

try {
  const page = await open(browser, { allowed: [origin, issuer] });
  await step("the code flow ends where the user was, with nothing of it in the address", async () => {
    await page.goto(`${origin}/#/health?x=1`);
    await page.getByText("You will sign in at").waitFor();
    await inspect(page, "sign-in");
    await signIn(page);
    await page.locator(".checks li").first().waitFor();
    assert.equal(page.url(), `${origin}/#/health?x=1`);
    await secretless(page);
    assert.equal(await page.evaluate(() => sessionStorage.getItem("cofre.signin")), null);
    await page.locator("button[popovertarget=account]").click();
    assert.match(await page.locator("#account").textContent(), /brief.*ADMIN/);
    calm(page, "code flow");
  });
  await step("when the token ends the user signs in again, and is back", async () => {
    await page.goto(`${origin}/#/settings`);
    await page.getByText("Your session has expired.").waitFor({ timeout: 20_000 });
    assert.equal(await page.evaluate(() => sessionStorage.getItem("cofre.session")), null);
    page.trouble = page.trouble.filter((t) => !t.includes("status of 401"));
    await signIn(page, true);
    await page.getByLabel("Retention (days)").waitFor();
    assert.equal(page.url(), `${origin}/#/settings`);
  });
  await step("a reload stays signed in, another tab is not", async () => {
    await page.reload();
    await page.getByLabel("Retention (days)").waitFor();
    const other = await page.context().newPage();
    await other.goto(`${origin}/`);
    await other.getByText("You will sign in at").waitFor();
    await other.close();
  });
  await step("an answer that nobody asked for signs nobody in", async () => {
    const other = await open(browser, { allowed: [origin, issuer] });
    await other.goto(`${origin}/?code=stolen&state=forged#/`);
    await other.getByText("This response is not from a sign-in in this window").waitFor();
    assert.equal(other.url().includes("stolen"), false);
    calm(other, "forged answer");
    await other.context().close();
  });
  await step("signing out ends the provider's session, too", async () => {
    await page.locator("button[popovertarget=account]").click();
    const left = page.waitForRequest(`${issuer}/session/end*`);
    await page.getByRole("button", { name: "Sign out" }).click();
    assert.match((await left).url(), /post_logout_redirect_uri=/);
    await page.waitForURL(`${issuer}/session/end*`);
    await page.getByRole("button", { name: "Sign out" }).click(); // the provider asks, too
    await page.getByText("You will sign in at").waitFor();
    calm(page, "sign-out");
  });
} finally {
  await browser.close();
}
