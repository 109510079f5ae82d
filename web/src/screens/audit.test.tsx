import { screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";
import type { AuditRecord } from "../api/client";
import { backup, serve, show } from "../test/world";
import { AuditScreen } from "./AuditScreen";
import { bornAt, cell, csvOf, filterOf, readAsked, writeAsked } from "./audit";

const record = (change: Partial<AuditRecord> = {}): AuditRecord => ({
  id: "1", at: "2026-11-28T14:10:00Z", actor: "u1", name: "Ana", role: "ADMIN", action: "delete", outcome: "allowed", source: "10.0.0.1", previous: "", hash: "", ...change,
});

test("the address holds the filters, and what is wrong in it is not there", () => {
  const asked = { about: "01JZ8Q4M9T4Y3V6K2W1X0N0001", who: "u1", action: "delete", outcome: "denied", from: "2026-11-01", to: "2026-11-30", reads: true } as const;
  expect(readAsked(writeAsked(asked))).toEqual(asked);
  expect(readAsked("about=x&action=DROP&outcome=odd&from=2026-99-01&to=1&reads=yes")).toEqual({});
  expect(readAsked("from=0099-01-01&to=9999-12-31")).toEqual({}); // Date takes the one for 1999, and the end of the other has five digits
  // Days are the reader's, both included; the test's zone is three hours behind UTC.
  expect(filterOf(asked)).toEqual({ resource: asked.about, actor: "u1", action: "delete", outcome: "denied", since: "2026-11-01T03:00:00.000Z", until: "2026-12-01T03:00:00.000Z" });
  expect(filterOf({})).toEqual({ withoutReads: true });
  expect(bornAt("01JZ8Q4M9T4Y3V6K2W1X0N0001").slice(0, 10)).toBe("2025-07-03");
});

test("a spreadsheet takes no cell for a formula", () => {
  for (const text of ["=1+1", "+1", "-1", "@SUM(A1)", " =x", "\t=x", "\r=x"]) expect(cell(text).replace(/^"/, "")[0]).toBe("'");
  for (const text of ["\u200b=1", "\u202e@x", "＝1+1"]) expect(cell(text)[0]).toBe("'");
  // A spreadsheet with a decimal comma parts cells by semicolons, whatever quotes stand around.
  expect(cell("x;=cmd|'/c calc'!A0")).toBe("x;'=cmd|'/c calc'!A0");
  expect(cell('x";"=1')).toBe(`"x"";'""=1"`);
  expect(cell("Mozilla/5.0 (X11; Linux x86_64)")).toBe("Mozilla/5.0 (X11; Linux x86_64)");
  expect(cell('a "b", c')).toBe('"a ""b"", c"');
  expect([cell(undefined), cell("plain"), cell({ a: "=1" })]).toEqual(["", "plain", '"{""a"":""=1""}"']);
  expect(csvOf([record({ name: "=cmd" })]).split("\r\n")[1]).toContain(",'=cmd,");
});

test("a record whose hash does not match is marked, and no other is", async () => {
  serve({ "GET /api/audit": () => ({ records: [record({ id: "1", unsound: true }), record({ id: "2" })] }), "GET /api/backup/list": () => ({ backups: [], total: 0 }) });
  show(<AuditScreen />);
  const row = (await screen.findByText("hash does not match")).closest("tr")!;
  expect([row.className, screen.getAllByText("hash does not match").length, row.nextElementSibling!.className]).toEqual(["denied", 1, ""]);
  expect(csvOf([record({ unsound: true })]).split("\r\n").map((l) => l.split(",").at(-1))).toEqual(["unsound", "true", ""]);
});

test("rows say which backup they are about; reads are left out by the API until they are asked for", async () => {
  history.replaceState(null, "", "#/audit?outcome=denied");
  const b = backup({ createdAt: "2026-11-20T02:00:00Z" });
  const asked = serve({
    "GET /api/audit": () => ({ records: [record({ resource: b.id, outcome: "denied", reason: "not_allowed" }), record({ id: "2", action: "restore", resource: "01JZ8R7S3E5T0RE6K2W1X0N5BC", at: "2026-11-27T14:10:00Z" })], next: "N" }),
    "GET /api/backup/list": () => ({ backups: [b], total: 1 }),
  });
  show(<AuditScreen />);
  const link = await screen.findByRole("link", { name: /^shop, Nov 19, 2026/ });
  expect(link.getAttribute("href")).toBe(`#/backups/${b.id}`);
  expect(screen.getByRole("link", { name: /^restore of / }).getAttribute("href")).toBe("#/restore/01JZ8R7S3E5T0RE6K2W1X0N5BC");
  expect(link.closest("tr")!.className).toBe("denied");
  expect(screen.getAllByRole("rowheader").map((x) => x.textContent)).toEqual(["Nov 28, 2026", "Nov 27, 2026"]);
  const query = () => Object.fromEntries(asked.filter((a) => a.path === "/api/audit").at(-1)!.query);
  expect(query()).toEqual({ limit: "50", outcome: "denied", withoutReads: "true" });
  await userEvent.selectOptions(screen.getByRole("combobox", { name: "User" }), "Ana");
  await waitFor(() => expect(query()).toMatchObject({ actor: "u1", outcome: "denied" }));
  expect(location.hash).toBe("#/audit?who=u1&outcome=denied");
  await userEvent.click(screen.getByRole("checkbox", { name: "Show reads" }));
  await waitFor(() => expect(query()).not.toHaveProperty("withoutReads"));
  await userEvent.click(screen.getByRole("button", { name: "Clear filters" }));
  await waitFor(() => expect(query()).toEqual({ limit: "50", withoutReads: "true" }));
});

test("all that matches is exported, page by page", async () => {
  history.replaceState(null, "", "#/audit");
  const asked = serve({
    "GET /api/audit": (a) => (a.query.get("limit") === "200" ? (a.query.get("cursor") ? { records: [record({ id: "2" })] } : { records: [record()], next: "N" }) : { records: [] }),
    "GET /api/backup/list": () => ({ backups: [], total: 0 }),
  });
  const made: Blob[] = [];
  vi.stubGlobal("URL", Object.assign(URL, { createObjectURL: (x: Blob) => (made.push(x), "blob:x"), revokeObjectURL: () => {} }));
  vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(() => {});
  show(<AuditScreen />);
  await userEvent.click(await screen.findByRole("button", { name: "Export CSV" }));
  expect(await screen.findByText("2 records exported.")).toBeTruthy();
  expect(made[0]!.type).toBe("text/csv");
  expect(asked.filter((a) => a.query.get("limit") === "200").map((a) => a.query.get("withoutReads"))).toEqual(["true", "true"]);
  expect(within(document.body).getByText(/hash of the one before/)).toBeTruthy();
});
