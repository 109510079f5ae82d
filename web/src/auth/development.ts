// The development sign-in of "cofre serve" on a loopback address: anybody gets a token for the role that they name.

import type { Session } from "./session";

/** answerOf asks for a token of a role. It throws an Error when there is none. */
export async function answerOf(role: string): Promise<Session> {
  const answer = await fetch("dev/token", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ role }) });
  if (!answer.ok) throw new Error(`dev/token: the server answered ${answer.status}`);
  const got = (await answer.json()) as { token?: unknown; expiresAt?: unknown };
  const expiresAt = Date.parse(String(got.expiresAt));
  if (typeof got.token !== "string" || Number.isNaN(expiresAt)) throw new Error("dev/token: the answer holds no token");
  return { token: got.token, expiresAt };
}
