// OpenID Connect, authorization code flow with PKCE (RFC 7636, S256), state and nonce, for a public client.
//
// Written here and not taken from a library: it is four requests' worth of code, and a library's general answer would
// be larger than all of it. The ID token comes from the token endpoint itself over TLS, so its signature need not
// be checked (OpenID Connect Core 3.1.3.7, 6); issuer, audience, nonce and expiry are.

import type { OidcConfig } from "../config";
import type { Session } from "./session";

/** Endpoints of a provider, from its discovery document. */
export interface Provider {
  issuer: string;
  authorization_endpoint: string;
  token_endpoint: string;
  end_session_endpoint?: string;
}

/** What has to be remembered between leaving for the provider and coming back. */
interface Pending {
  state: string;
  nonce: string;
  verifier: string;
  /** The hash of the address where the user was. */
  returnTo: string;
}

const pendingKey = "cofre.signin";

/** SignInError says why a sign-in did not come to an end; `reason` is a key of the catalogue. */
export class SignInError extends Error {
  constructor(
    readonly reason: "provider_unreachable" | "provider_wrong" | "refused" | "state_mismatch" | "token_refused" | "token_wrong",
    detail: string,
  ) {
    super(detail);
  }
}

/** discover fetches a provider's endpoints. It refuses a document of another issuer. */
export async function discover(issuer: string): Promise<Provider> {
  let document: Partial<Provider>;
  try {
    const answer = await fetch(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, { referrerPolicy: "no-referrer" });
    if (!answer.ok) throw new Error(`answered ${answer.status}`);
    document = await answer.json();
  } catch (err) {
    throw new SignInError("provider_unreachable", String(err));
  }
  if (document.issuer !== issuer) throw new SignInError("provider_wrong", `the document is of ${document.issuer}`);
  if (!document.authorization_endpoint || !document.token_endpoint) throw new SignInError("provider_wrong", "endpoints are missing");
  return document as Provider;
}

/** randomText gives 256 bits of randomness as 43 characters that need no escaping. */
export function randomText(): string {
  return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

/** challengeOf gives the S256 challenge of a verifier. */
export async function challengeOf(verifier: string): Promise<string> {
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(verifier))));
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

/** redirectUri is where the provider sends the user back to: the app's own address, without query and hash. */
export function redirectUri(location: { origin: string; pathname: string }): string {
  return location.origin + location.pathname;
}

/** begin remembers what has to be, and gives the address at the provider to go to. */
export async function begin(config: OidcConfig, redirect: string, returnTo: string, storage: Storage): Promise<string> {
  const provider = await discover(config.issuer);
  const pending: Pending = { state: randomText(), nonce: randomText(), verifier: randomText(), returnTo };
  storage.setItem(pendingKey, JSON.stringify(pending));
  const url = new URL(provider.authorization_endpoint);
  const parameters = {
    response_type: "code",
    client_id: config.clientId,
    redirect_uri: redirect,
    scope: config.scope,
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: await challengeOf(pending.verifier),
    code_challenge_method: "S256",
    ...(config.audience ? { audience: config.audience } : {}),
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return url.href;
}

/** takePending gives what begin remembered, once: an answer cannot be used twice. */
export function takePending(storage: Storage): Pending | undefined {
  const kept = storage.getItem(pendingKey);
  storage.removeItem(pendingKey);
  try {
    return kept ? (JSON.parse(kept) as Pending) : undefined;
  } catch {
    return undefined;
  }
}

/** complete turns a provider's answer into a session. Nothing is fetched before the state has been compared. */
export async function complete(config: OidcConfig, redirect: string, search: string, pending: Pending | undefined, now: number): Promise<Session> {
  const q = new URLSearchParams(search);
  if (!pending || q.get("state") !== pending.state) throw new SignInError("state_mismatch", "the answer is not to a question of this window");
  if (q.has("iss") && q.get("iss") !== config.issuer) throw new SignInError("provider_wrong", "the answer is of another issuer");
  if (q.has("error")) throw new SignInError("refused", q.get("error_description") ?? q.get("error") ?? "");
  const provider = await discover(config.issuer);
  const tokens = await exchange(provider, {
    grant_type: "authorization_code",
    code: q.get("code") ?? "",
    redirect_uri: redirect,
    client_id: config.clientId,
    code_verifier: pending.verifier,
  });
  if (typeof tokens.access_token !== "string") throw new SignInError("token_wrong", "there is no access token");
  if (config.scope.split(" ").includes("openid")) checkIdToken(tokens.id_token, config, pending.nonce, now);
  const seconds = Number(tokens.expires_in);
  const expiresAt = now + (Number.isFinite(seconds) && seconds > 0 ? seconds : 3600) * 1000;
  return { token: tokens.access_token, expiresAt, ...(typeof tokens.id_token === "string" ? { idToken: tokens.id_token } : {}) };
}

async function exchange(provider: Provider, form: Record<string, string>): Promise<Record<string, unknown>> {
  let answer: Response;
  try {
    answer = await fetch(provider.token_endpoint, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: new URLSearchParams(form),
      referrerPolicy: "no-referrer",
    });
  } catch (err) {
    throw new SignInError("provider_unreachable", String(err));
  }
  const body = (await answer.json().catch(() => ({}))) as Record<string, unknown>;
  if (!answer.ok) throw new SignInError("token_refused", String(body.error_description ?? body.error ?? answer.status));
  return body;
}

/** checkIdToken checks the claims that tie an ID token to this app and this sign-in. */
export function checkIdToken(token: unknown, config: OidcConfig, nonce: string, now: number): void {
  const claims = claimsOf(token);
  const audience = Array.isArray(claims.aud) ? claims.aud : [claims.aud];
  const skew = 300; // seconds that clocks may differ by
  if (claims.iss !== config.issuer) throw new SignInError("token_wrong", "the ID token is of another issuer");
  if (!audience.includes(config.clientId)) throw new SignInError("token_wrong", "the ID token is for another client");
  if (audience.length > 1 && claims.azp !== config.clientId) throw new SignInError("token_wrong", "the ID token was given to another client");
  if (claims.nonce !== nonce) throw new SignInError("token_wrong", "the ID token is of another sign-in");
  if (typeof claims.exp !== "number" || claims.exp + skew < now / 1000) throw new SignInError("token_wrong", "the ID token has expired");
}

function claimsOf(token: unknown): Record<string, unknown> {
  try {
    const payload = (token as string).split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/");
    const bytes = Uint8Array.from(atob(payload), (c) => c.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
  } catch {
    throw new SignInError("token_wrong", "there is no readable ID token");
  }
}

/** signOutUrl is where to go to end the provider's own session, or undefined where it has no such place. */
export async function signOutUrl(config: OidcConfig, redirect: string, idToken: string | undefined): Promise<string | undefined> {
  const place = config.logoutUrl ?? (await discover(config.issuer).catch(() => undefined))?.end_session_endpoint;
  if (!place) return undefined;
  const url = new URL(place);
  url.searchParams.set("client_id", config.clientId);
  url.searchParams.set("post_logout_redirect_uri", redirect);
  url.searchParams.set("logout_uri", redirect); // Amazon Cognito's name for it
  if (idToken) url.searchParams.set("id_token_hint", idToken);
  return url.href;
}
