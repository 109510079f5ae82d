import { expect, test } from "vitest";
import type { SourceSettings } from "../api/sources";
import { cronOf, scheduleOf } from "./kept/schedule";
import { draftOf, newConnection, settingsOf, urlOf, urlParts } from "./kept/source";

test("a source's settings come back from its form as they were", () => {
  for (const s of [
    { name: "shop" },
    { name: "all", databases: ["*", "!test"], copies: [], retention: {}, objectLock: { mode: "none" }, thresholds: { rowsLostPercent: 0 } },
    {
      name: "crm", schedule: "30 2 * * *", zone: "Europe/Lisbon", paused: true, maxAge: "26h", proofs: "weekly", proofTimeout: "90m", format: "custom", jobs: 4, rows: "binary", maxSizeGB: 1.5,
      thresholds: { rowsLostPercent: 20, rowsLostMinimum: 100 }, copies: ["frankfurt"], tags: { team: "a" }, objectLock: { mode: "governance", days: 30 },
      retention: { days: 0, maxBackups: 10, keepLast: 3, keepWithin: "30d", keepHourly: 24, keepDaily: 7, keepWeekly: 5, keepMonthly: 12, keepYearly: 10, keepLabels: ["release"], zone: "UTC" },
    },
  ] as SourceSettings[]) expect(settingsOf(draftOf(s))).toEqual(s);
});

test("a schedule is said in fields where it is one of them, and stays what it was", () => {
  const kinds = Object.entries({
    "30 2 * * *": "daily", "0 */6 * * *": "hourly", "15 * * * *": "hourly", "0 4 * * 0": "weekly", "0 4 1 * *": "monthly", never: "never",
    "0 */5 * * *": "cron", "0 4 * * 1-5": "cron", "0 25 * * *": "cron", "0 4 1 1 *": "cron", "02 4 * * *": "cron", "@daily": "cron", "0 4 32 * *": "cron", "0 4 1 * 1": "cron",
  });
  for (const [cron, kind] of kinds) {
    expect(scheduleOf(cron).kind, cron).toBe(kind);
    expect(cronOf(scheduleOf(cron)), cron).toBe(cron);
  }
  expect(cronOf(scheduleOf(undefined))).toBeUndefined();
});

test("a pasted URL is taken apart, and put together it is the same", () => {
  const url = "postgresql://back%40up:p%2Fw%3A%231@[2001:db8::1]:5433/my%20shop?sslmode=verify-full&application_name=cofre";
  expect(urlOf({ ...newConnection, ...urlParts(url) })).toBe(url);
  expect(urlParts("db.example.com")).toBeUndefined();
  expect(urlParts("postgresql://")).toBeUndefined();
});

test("a host is a host, whatever is typed there", () => {
  const typed = { ...newConnection, database: "shop", user: "app" };
  for (const host of ["a@b", "db/x?sslmode=disable#z", "db\\x", "my host"]) {
    const url = new URL(urlOf({ ...typed, host }).replace("postgresql:", "foo:"));
    expect([decodeURIComponent(url.host), url.pathname, url.search, url.username]).toEqual([host, "/shop", "?sslmode=require", "app"]);
  }
});
