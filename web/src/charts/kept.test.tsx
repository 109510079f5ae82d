import { screen } from "@testing-library/react";
import { expect, test } from "vitest";
import type { CleanupItem } from "../api/client";
import { backup, serve, show } from "../test/world";
import { keptOf, linesOf, marks, placeOf, type Kept } from "./kept";
import { RetentionChart } from "./RetentionChart";
import { CleanupChart, SourceRetention } from "./SourceRetention";

const now = Date.now();
const day = 86_400_000;
const reason = (code: string, nth?: number, of?: number) => ({ code, text: code, ...(nth ? { nth } : {}), ...(of ? { of } : {}) });
const one = (days: number, ...reasons: Kept["reasons"]): Kept => ({ at: now - days * day, bytes: 1024, reasons });

test("a backup is on the line of each rule that keeps it, and what is not there yet is pale", () => {
  const kept = [one(0, reason("newest_verified"), reason("daily", 1, 3), reason("monthly", 1, 3)), one(1, reason("daily", 2, 3)), one(31, reason("monthly", 2, 3)), one(400, reason("locked"))];
  const lines = linesOf(kept);
  expect(lines.map((l) => [l.rule, l.ticks.length, l.pale.length, l.of])).toEqual([["daily", 2, 1, 3], ["monthly", 2, 1, 3], ["protected", 2, 0, undefined]]);
  expect(Math.round((now - lines[0]!.pale[0]!) / day)).toBe(2);
  expect(Math.round((now - lines[1]!.pale[0]!) / day)).toBe(61);
  expect(linesOf([one(3, reason("within_limits")), one(4, reason("no_policy")), one(5, reason("something_new"))]).map((l) => [l.rule, l.ticks.length])).toEqual([["limits", 2], ["protected", 1]]);
});

test("the axis goes a year back, and further where something older is kept or will be", () => {
  expect(marks([], now)).toEqual([0, 7, 30, 91, 182, 365]);
  const old = linesOf([one(1, reason("yearly", 1, 5))]);
  const axis = marks(old, now);
  expect(axis).toEqual([0, 7, 30, 91, 365, 5 * 365.25]);
  expect([0, 7, 30, 365, 5 * 365.25, 9999].map((d) => Number(placeOf(now - d * day, now, axis).toFixed(2)))).toEqual([1, 0.8, 0.6, 0.2, 0, 0]);
  expect(placeOf(now + day, now, axis)).toBe(1); // by a clock that was wrong
});

test("the picture has a text that says the same", () => {
  const kept = [...Array(30).keys()].map((i) => one(i, reason("daily", i + 1, 30))).concat([...Array(9).keys()].map((i) => one(40 + 30 * i, reason("monthly", i + 1, 12))));
  show(<RetentionChart title="What is kept of shop" kept={kept} />);
  const picture = screen.getByRole("img", { name: /^What is kept of shop\. 39 backups kept, 39\.0 kB in all\. Daily: 30 of 30, back to .*Monthly: 9 of 12, back to/ });
  expect(picture.querySelectorAll(".tick")).toHaveLength(39);
  expect(picture.querySelectorAll(".pale")).toHaveLength(3);
  expect(picture.textContent).toContain("9 of 12");
});

test("of one source the records are asked, page by page; what goes is said and not drawn", async () => {
  const retention = (removed: boolean, code: string) => ({ removed, onlyVerified: false, reasons: [reason(code)] });
  const asked = serve({ "GET /api/backup/list": ({ query }) => (query.get("cursor") ? { backups: [backup({ retention: retention(true, "expired") })] } : { backups: [backup({ retention: retention(false, "within_limits") })], next: "c" }) });
  show(<SourceRetention source="shop" note="Saved." />, { language: "en" });
  expect((await screen.findByRole("img")).querySelectorAll(".tick")).toHaveLength(1);
  expect(screen.getByText(/^1 backup kept, .*The next cleanup would remove 1 backup \(.*\)\. Saved\.$/)).toBeTruthy();
  expect(asked.map((a) => [a.query.get("source"), a.query.get("status"), a.query.get("cursor")])).toEqual([["shop", "success", null], ["shop", "success", "c"]]);
});

test("of a cleanup one source is drawn at a time; failures are none that are kept", () => {
  const item = (source: string, status: "success" | "failed" = "success"): CleanupItem => ({ backup: backup({ source, status }), reasons: [reason("within_limits")] });
  const kept = [item("b"), item("a"), item("a", "failed")];
  expect(keptOf(kept, "a")).toHaveLength(1);
  show(<CleanupChart of={{ dryRun: true, removed: [], kept, freedBytes: 0, policy: { keepDays: 1, maxBackups: 0, maxTotalBytes: 0 }, leftovers: { failed: [], completed: [], removed: [], problems: [] } }} />);
  expect(screen.getByLabelText<HTMLSelectElement>("Source").value).toBe("a");
  expect(screen.getByRole("heading", { name: "What is kept of a, from today back" })).toBeTruthy();
});
