// A server that does not answer is told once, on top of the page, by every screen: what is open, and what works without it.

import { cleanup, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test } from "vitest";
import type { Backup } from "./api/client";
import { backup, everything, metrics, restore, serve, start } from "./test/world";

const id = "01JZ8Q4M9T4Y3V6K2W1X0N9999";
const screens = [
  "/", `/backups/${id}`, "/new", "/restore", `/restore?backup=${id}`, `/restore/${id}`, "/cleanup", "/audit", "/health", "/settings", "/settings/sources", "/settings/sources/shop",
  "/settings/sources/create", "/settings/places", "/settings/places/second", "/settings/places/create", "/settings/channels", "/settings/channels/mail", "/settings/channels/create",
];
await Promise.all([
  import("./screens/AuditScreen"), import("./screens/BackupDetails"), import("./screens/CleanupPreview"), import("./screens/CreateBackupForm"), import("./screens/HealthScreen"),
  import("./screens/kept/KeptScreens"), import("./screens/restore/RestoreScreen"), import("./screens/restore/RestoreCard"), import("./screens/SettingsScreen"),
]);

const session = () => ({ subject: "u1", name: "Ana", role: "ADMIN", permissions: everything });
const down = () => {
  throw new TypeError("Failed to fetch");
};

/** told counts what says on the page that the server is gone: boxes, and not what stands in the place of what is missing. */
const told = () => [...document.querySelectorAll(".notice, [role=alert]")].filter((x) => /server/i.test(x.textContent)).map((x) => x.textContent);

test.each(screens)("nothing loaded: %s", async (path) => {
  serve({ "GET /api/session": session });
  const answered = globalThis.fetch;
  // Whatever else is asked does not arrive.
  globalThis.fetch = (async (input: Request) => (new URL(input.url).pathname === "/api/session" ? answered(input) : down())) as typeof fetch;
  history.replaceState(null, "", `/#${path}`);
  start();
  expect(await screen.findByText("The server cannot be reached.", {}, { timeout: 8_000 })).toBeTruthy();
  await waitFor(() => expect(document.querySelector(".skeleton:not(details:not([open]) *)")).toBeNull(), { timeout: 8_000 });
  expect(told()).toHaveLength(1);
  expect(screen.getByText(/While the server is down, backups can be listed and restored with the cofre command/)).toBeTruthy();
  expect(screen.queryByText("Cannot reach the server")).toBeNull();
});

const one: Backup = backup({ id, contents: { known: true, readable: true, tables: 1, rows: 3, lost: 0, warnings: [] } as never });
const loaded: Record<string, object> = {
  [`/backups/${id}`]: one,
  [`/restore/${id}`]: restore({ id, backup: id, state: "succeeded", endedAt: "2026-11-20T12:30:00Z" }),
  "/audit": { records: [{ id, at: "2026-11-20T12:00:00Z", actor: "ana", action: "delete", resource: id, outcome: "allowed", requestId: "R", hash: "00" }] },
};

test.each(Object.keys(loaded))("something loaded before: %s", async (path) => {
  let gone = false;
  const answers: Record<string, () => object> = {
    "GET /api/session": session, "GET /api/metrics/summary": () => metrics(), "GET /api/backup/list": () => ({ backups: [one], total: 1 }), "GET /api/audit": () => loaded["/audit"]!,
    "GET /api/restore/status/:id": () => loaded[`/restore/${id}`]!, [`GET /api/backup/${id}`]: () => one, "GET /api/backup/log/:id": () => ({ lines: [] }),
    "GET /api/backup/contents/:id": () => ({ tables: [], matching: 0, totals: { tables: 0, rows: 0, bytes: 0 }, warnings: [] }),
  };
  serve(Object.fromEntries(Object.entries(answers).map(([route, answer]) => [route, () => (gone ? down() : answer())])));
  history.replaceState(null, "", `/#${path}`);
  const { client } = start();
  await waitFor(() => expect(document.querySelector("h1")).toBeTruthy());
  await waitFor(() => expect(document.querySelector(".skeleton:not(details:not([open]) *)")).toBeNull(), { timeout: 8_000 });
  const before = screen.getByRole("heading", { level: 1 }).textContent;
  gone = true;
  void client.refetchQueries({ type: "active" });
  expect(await screen.findByText("The server cannot be reached.", {}, { timeout: 8_000 })).toBeTruthy();
  await waitFor(() => expect(client.isFetching()).toBe(0), { timeout: 8_000 });
  expect(told()).toHaveLength(1);
  expect(screen.getByRole("heading", { level: 1 }).textContent).toBe(before);
  gone = false;
  await userEvent.click(screen.getByRole("button", { name: "Try again" }));
  await waitFor(() => expect(screen.queryByText("The server cannot be reached.")).toBeNull(), { timeout: 8_000 });
  cleanup();
});

test("nothing is promised by figures that nobody can renew, whichever question was the first without an answer", async () => {
  let gone = false;
  serve({ "GET /api/session": session, "GET /api/metrics/summary": () => metrics(), "GET /api/backup/list": () => (gone ? down() : { backups: [one], total: 1 }) });
  history.replaceState(null, "", "/#/");
  const { client } = start();
  await waitFor(() => expect(document.querySelector(".say.ok")).toBeTruthy());
  gone = true;
  void client.refetchQueries({ queryKey: ["backups", "list"] });
  await waitFor(() => expect(document.querySelector(".say.warn")).toBeTruthy(), { timeout: 8_000 });
  expect(document.querySelector(".say.ok")).toBeNull();
  expect(screen.getByText("The figures below are old.")).toBeTruthy();
});
