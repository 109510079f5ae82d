import { expect, test } from "vitest";
import type { OidcConfig } from "../config";
import { serve } from "../test/world";
import { begin, challengeOf, checkIdToken, complete, discover, randomText, redirectUri, signOutUrl, SignInError, takePending } from "./oidc";
import { isAnswer } from "./answer";

const issuer = "https://id.example/pool";
const config: OidcConfig = { mode: "oidc", issuer, clientId: "cofre-ui", scope: "openid profile" };
const redirect = "http://127.0.0.1:8080/";
const now = Date.parse("2026-11-25T12:00:00Z");
const provider = { issuer, authorization_endpoint: "https://id.example/authorize?tenant=1", token_endpoint: "https://id.example/token", end_session_endpoint: "https://id.example/logout" };
const discovery = { "GET /pool/.well-known/openid-configuration": () => ({ ...provider }) };

const encode = (o: object) => btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify(o)))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
const idToken = (claims: object) => `${encode({ alg: "RS256" })}.${encode(claims)}.signature`;

async function reason(work: Promise<unknown> | (() => void)): Promise<string> {
  try {
    await (typeof work === "function" ? work() : work);
  } catch (err) {
    if (err instanceof SignInError) return err.reason;
    throw err;
  }
  return "none";
}

test("the challenge is the one of RFC 7636, appendix B", async () => {
  expect(await challengeOf("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")).toBe("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
});

test("verifiers are long enough, need no escaping, and never the same", () => {
  const seen = new Set(Array.from({ length: 50 }, randomText));
  expect(seen.size).toBe(50);
  for (const text of seen) expect(text).toMatch(/^[A-Za-z0-9_-]{43}$/);
});

test("the way to the provider carries challenge, state and nonce, and the verifier stays here", async () => {
  serve(discovery);
  const url = new URL(await begin({ ...config, audience: "api" }, redirect, "#/?status=failed", sessionStorage));
  const pending = JSON.parse(sessionStorage.getItem("cofre.signin")!);
  expect(url.origin + url.pathname).toBe("https://id.example/authorize");
  expect(Object.fromEntries(url.searchParams)).toEqual({
    tenant: "1", response_type: "code", client_id: "cofre-ui", redirect_uri: redirect, scope: "openid profile", audience: "api",
    state: pending.state, nonce: pending.nonce, code_challenge: await challengeOf(pending.verifier), code_challenge_method: "S256",
  });
  expect(url.href).not.toContain(pending.verifier);
  expect(pending.returnTo).toBe("#/?status=failed");
});

/** roundTrip goes to the provider and back with an answer made of what was sent. */
async function roundTrip(change: { query?: Record<string, string>; tokens?: (nonce: string) => Response | object } = {}) {
  const claims = (nonce: string) => ({ iss: issuer, aud: "cofre-ui", exp: now / 1000 + 600, nonce });
  let nonce = "";
  const asked = serve({
    ...discovery,
    "POST /token": () => change.tokens?.(nonce) ?? { access_token: "A", token_type: "Bearer", expires_in: 900, id_token: idToken(claims(nonce)) },
  });
  const url = new URL(await begin(config, redirect, "#/health", sessionStorage));
  nonce = url.searchParams.get("nonce")!;
  const search = new URLSearchParams({ code: "C", state: url.searchParams.get("state")!, ...change.query });
  const pending = takePending(sessionStorage);
  return { asked, pending, result: complete(config, redirect, `?${search}`, pending, now) };
}

test("an answer becomes a session", async () => {
  const { asked, pending, result } = await roundTrip();
  expect(await result).toMatchObject({ token: "A", expiresAt: now + 900_000 });
  const exchange = asked.find((a) => a.path === "/token")!;
  expect(Object.fromEntries(new URLSearchParams(exchange.body as string))).toEqual({
    grant_type: "authorization_code", code: "C", redirect_uri: redirect, client_id: "cofre-ui", code_verifier: pending!.verifier,
  });
  expect(sessionStorage.getItem("cofre.signin")).toBeNull();
  expect(takePending(sessionStorage)).toBeUndefined(); // an answer works once
});

test("an answer to somebody else's question is refused before anything is fetched", async () => {
  const { asked, result } = await roundTrip({ query: { state: "forged" } });
  expect(await reason(result)).toBe("state_mismatch");
  expect(asked.filter((a) => a.path === "/token")).toEqual([]);
  expect(await reason(complete(config, redirect, "?code=C&state=S", undefined, now))).toBe("state_mismatch");
});

test("a refusal, a wrong issuer and a wrong token are told apart", async () => {
  expect(await reason((await roundTrip({ query: { error: "access_denied" } })).result)).toBe("refused");
  expect(await reason((await roundTrip({ query: { iss: "https://evil.example" } })).result)).toBe("provider_wrong");
  expect(await reason((await roundTrip({ tokens: () => Response.json({ error: "invalid_grant" }, { status: 400 }) })).result)).toBe("token_refused");
  expect(await reason((await roundTrip({ tokens: () => ({ token_type: "Bearer" }) })).result)).toBe("token_wrong");
  expect(await reason((await roundTrip({ tokens: () => ({ access_token: "A", id_token: "no.token" }) })).result)).toBe("token_wrong");
});

test("an ID token must be of this issuer, client and sign-in, and not expired", async () => {
  const good = { iss: issuer, aud: "cofre-ui", exp: now / 1000 + 60, nonce: "N", name: "Zoë" };
  const check = (change: object) => reason(() => checkIdToken(idToken({ ...good, ...change }), config, "N", now));
  expect(await check({})).toBe("none");
  expect(await check({ aud: ["cofre-ui", "other"], azp: "cofre-ui" })).toBe("none");
  expect(await check({ exp: now / 1000 - 200 })).toBe("none"); // clocks differ
  for (const change of [{ iss: "https://evil.example" }, { aud: "other" }, { aud: ["cofre-ui", "other"] }, { nonce: "M" }, { nonce: undefined }, { exp: now / 1000 - 400 }, { exp: "soon" }]) {
    expect(await check(change), JSON.stringify(change)).toBe("token_wrong");
  }
});

test("a discovery document of another issuer is refused", async () => {
  serve({ "GET /pool/.well-known/openid-configuration": () => ({ ...provider, issuer: "https://evil.example" }) });
  expect(await reason(discover(issuer))).toBe("provider_wrong");
  serve({});
  expect(await reason(discover(issuer))).toBe("provider_unreachable");
});

test("only a provider's answer is taken for one", () => {
  expect(isAnswer("?code=1&state=2")).toBe(true);
  expect(isAnswer("?error=x&state=2")).toBe(true);
  expect(isAnswer("?code=1")).toBe(false);
  expect(isAnswer("")).toBe(false);
  expect(redirectUri(new URL("https://x.example/cofre/?code=1#/new"))).toBe("https://x.example/cofre/");
});

test("signing out ends the provider's session where there is a way", async () => {
  serve(discovery);
  expect(await signOutUrl(config, redirect, "I")).toBe("https://id.example/logout?client_id=cofre-ui&post_logout_redirect_uri=http%3A%2F%2F127.0.0.1%3A8080%2F&logout_uri=http%3A%2F%2F127.0.0.1%3A8080%2F&id_token_hint=I");
  expect(await signOutUrl({ ...config, logoutUrl: "https://id.example/bye" }, redirect, undefined)).toMatch(/^https:\/\/id\.example\/bye\?client_id=.*&logout_uri=/);
});
