import { expect, test } from "vitest";
import { SessionStore } from "./session";

const session = { token: "T", expiresAt: 2_000 };

test("a session survives a reload, and nothing of it is in local storage", () => {
  new SessionStore(sessionStorage, 0).begin(session);
  expect(new SessionStore(sessionStorage, 1_999).get().session).toEqual(session);
  expect(localStorage).toHaveLength(0);
});

test("one that has expired is forgotten, and it is known why", () => {
  new SessionStore(sessionStorage, 0).begin(session);
  expect(new SessionStore(sessionStorage, 2_000).get()).toEqual({ session: undefined, ended: "expired" });
  expect(sessionStorage).toHaveLength(0);
});

test("a late refusal of an old token does not end a new session", () => {
  const store = new SessionStore(sessionStorage, 0);
  let told = 0;
  store.subscribe(() => told++);
  store.begin({ ...session, token: "new" });
  store.end("expired", "old");
  expect(store.get().session?.token).toBe("new");
  store.end("expired", "new");
  expect(store.get()).toEqual({ session: undefined, ended: "expired" });
  expect(told).toBe(2);
});

test("what is no session in the storage is none", () => {
  for (const kept of ["{", "null", "7", '{"token":1}']) {
    sessionStorage.setItem("cofre.session", kept);
    expect(new SessionStore(sessionStorage, 0).get().session).toBeUndefined();
  }
});
