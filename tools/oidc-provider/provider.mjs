// An OpenID provider to test against: oidc-provider, certified by the OpenID Foundation, on loopback.
//
//   node provider.mjs
//
// Prints one line of JSON, {"issuer": "http://127.0.0.1:PORT"}, when it listens on a free port, and ends with its
// standard input. It has one public client, "cofre", for the authorization code flow with PKCE. Anybody may sign in
// with any password; the login says what the roles claim of the tokens holds: "ana" has none, "ana.ADMIN" one,
// "ana.ADMIN.SUPERVISOR" two. Access tokens are JWTs for the audience "cofre"; the first one of whoever is called "brief"
// lives for 8 seconds. People are sent back to any address of this machine: tests learn theirs late.
import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import Provider from "oidc-provider";

const key = { ...generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" }), kid: "test", use: "sig", alg: "RS256" };
const audience = "urn:cofre";
const rolesOf = (login) => login.split(".").slice(1);
const nameOf = (login) => login.split(".")[0];
let brief = true;
function life(login) {
  if (nameOf(login) !== "brief" || !brief) return 3600;
  brief = false;
  return 8;
}

const server = createServer();
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  jwks: { keys: [key] },
  clients: [{ client_id: "cofre", token_endpoint_auth_method: "none", redirect_uris: ["http://127.0.0.1/"], application_type: "web" }],
  pkce: { required: () => true },
  clientBasedCORS: () => true,
  cookies: { keys: ["for tests"] },
  claims: { openid: ["sub", "name", "roles"] },
  conformIdTokenClaims: false,
  findAccount: (_, login) => ({ accountId: login, claims: () => ({ sub: login, name: nameOf(login), roles: rolesOf(login) }) }),
  extraTokenClaims: (_, token) => ({ name: nameOf(token.accountId), roles: rolesOf(token.accountId) }),
  features: {
    devInteractions: { enabled: false },
    rpInitiatedLogout: {
      logoutSource: (ctx, form) => {
        ctx.body = `<!doctype html><html lang="en"><title>Sign out</title>${form}<button form="op.logoutForm" name="logout" value="yes">Sign out</button></html>`;
      },
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => audience,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({ scope: "openid", audience: "cofre", accessTokenFormat: "jwt", jwt: { sign: { alg: "RS256" } } }),
    },
  },
  ttl: { AccessToken: (_, token) => life(token.accountId), Session: 3600, Grant: 3600, Interaction: 600, IdToken: 3600 },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  // Who signs in to cofre has agreed to it.
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope("openid");
    grant.addResourceScope(audience, "openid");
    await grant.save();
    return grant;
  },
});
const here = (uri) => ["127.0.0.1", "localhost"].includes(new URL(uri).hostname);
provider.Client.prototype.redirectUriAllowed = here;
provider.Client.prototype.postLogoutRedirectUriAllowed = here;
provider.on("server_error", (_, err) => console.error(err));

const page = `<!doctype html><html lang="en"><title>Sign in</title><h1>Sign in</h1><form method="post">
<label>Login <input name="login" required></label> <label>Password <input name="password" type="password"></label>
<button>Sign in</button></form></html>`;

// interact shows the page, and takes what was filled in.
async function interact(request, response) {
  if (request.method !== "POST") return response.setHeader("Content-Type", "text/html").end(page);
  let body = "";
  for await (const piece of request) body += piece;
  await provider.interactionFinished(request, response, { login: { accountId: new URLSearchParams(body).get("login") } });
}

const rest = provider.callback();
server.on("request", (request, response) => {
  if (request.url === "/favicon.ico") return response.writeHead(204).end();
  if (!request.url.startsWith("/interaction/")) return rest(request, response);
  interact(request, response).catch((err) => response.writeHead(400).end(String(err)));
});
console.log(JSON.stringify({ issuer }));
process.stdin.resume().on("end", () => process.exit(0));
