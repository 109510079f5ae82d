// What whoever serves the app tells it, in config.json beside index.html. The same build runs everywhere.

/** Sign-in with an OpenID Connect provider: authorization code with PKCE, as a public client. */
export interface OidcConfig {
  mode: "oidc";
  /** The issuer's URL, as it stands in its discovery document and its tokens. */
  issuer: string;
  clientId: string;
  /** Scopes to ask for, apart by spaces; "openid" is needed for the nonce to be checked. */
  scope: string;
  /** The API's name at providers that want it asked for (Auth0, for one). */
  audience?: string;
  /** Where to go to end the provider's own session; else its discovery document is asked. */
  logoutUrl?: string;
}

/** A sign-in that lets anybody pick a role. Only a server on a loopback address offers it. */
export interface DevelopmentConfig {
  mode: "development";
}

export interface Config {
  /** Where the API is mounted, without a slash at its end; empty is the app's own origin. */
  api: string;
  auth: OidcConfig | DevelopmentConfig;
}

/** readConfig checks what came from config.json; it throws an Error that names the field that is wrong. */
export function readConfig(given: unknown): Config {
  const root = object(given, "config.json");
  const api = optionalText(root, "api") ?? "";
  const auth = object(root.auth, "auth");
  switch (auth.mode) {
    case "development":
      return { api: trim(api), auth: { mode: "development" } };
    case "oidc": {
      const audience = optionalText(auth, "audience");
      const logoutUrl = optionalText(auth, "logoutUrl");
      return {
        api: trim(api),
        auth: {
          mode: "oidc",
          issuer: text(auth, "issuer"),
          clientId: text(auth, "clientId"),
          scope: optionalText(auth, "scope") || "openid",
          ...(audience ? { audience } : {}),
          ...(logoutUrl ? { logoutUrl } : {}),
        },
      };
    }
    default:
      throw new Error("config.json: auth.mode is neither oidc nor development");
  }
}

/** loadConfig fetches config.json, relative to the page. */
export async function loadConfig(): Promise<Config> {
  const answer = await fetch("config.json", { cache: "no-cache", credentials: "same-origin" });
  if (!answer.ok) throw new Error(`config.json: the server answered ${answer.status}`);
  return readConfig(await answer.json());
}

const trim = (url: string) => url.replace(/\/+$/, "");

function object(value: unknown, name: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error(`config.json: ${name} is no object`);
  return value as Record<string, unknown>;
}

function text(from: Record<string, unknown>, name: string): string {
  const value = from[name];
  if (typeof value !== "string" || value === "") throw new Error(`config.json: auth.${name} is missing`);
  return value;
}

function optionalText(from: Record<string, unknown>, name: string): string | undefined {
  const value = from[name];
  if (value !== undefined && value !== null && typeof value !== "string") throw new Error(`config.json: ${name} is no text`);
  return value ?? undefined;
}
