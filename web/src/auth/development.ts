// The development sign-in of "cofre serve" on a loopback address: whoever knows the secret that it printed at its start gets a
// token for the role that they name. The printed address carries the secret in its fragment, which no browser sends.

import type { Session } from "./session";

const key = "cofre.secret";

/** takeSecret takes the secret out of the address, if it is there, and keeps it for this tab. */
export function takeSecret(storage: Storage): void {
  const found = /^#secret=([A-Za-z0-9]+)$/.exec(location.hash);
  if (!found) return;
  storage.setItem(key, found[1]!);
  history.replaceState(null, "", location.pathname + location.search);
}

/** keptSecret gives the secret of this tab, or nothing. */
export const keptSecret = (storage: Storage): string => storage.getItem(key) ?? "";

/** Refused is that the secret is not the server's: it was typed wrong, or is of an earlier start. */
export class Refused extends Error {}

/** answerOf asks for a token of a role. It throws an Error when there is none; a secret that was refused is forgotten. */
export async function answerOf(role: string, secret: string, storage: Storage): Promise<Session> {
  const answer = await fetch("dev/token", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ role, secret }) });
  const said = `dev/token: the server answered ${answer.status}`;
  if (answer.status === 403) {
    storage.removeItem(key);
    throw new Refused(said);
  }
  if (!answer.ok) throw new Error(said);
  const got = (await answer.json()) as { token?: unknown; expiresAt?: unknown };
  const expiresAt = Date.parse(String(got.expiresAt));
  if (typeof got.token !== "string" || Number.isNaN(expiresAt)) throw new Error("dev/token: the answer holds no token");
  storage.setItem(key, secret);
  return { token: got.token, expiresAt };
}
