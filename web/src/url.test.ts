import { expect, test } from "vitest";
import { listQuery, navigate, parseHash, readFilters, writeFilters, type Filters } from "./url";

test("the hash holds path and query", () => {
  expect(parseHash("")).toEqual({ path: "/", search: "" });
  expect(parseHash("#/?a=1")).toEqual({ path: "/", search: "a=1" });
  expect(parseHash("#/backups/01?x=a?b&y=#")).toEqual({ path: "/backups/01", search: "x=a?b&y=#" });
  expect(parseHash("#new")).toEqual({ path: "/new", search: "" });
});

test("filters survive the address", () => {
  const all: Filters = { source: "shop & co", status: "canceled", damaged: true, problems: true, pinned: true, search: "a+b?#é", day: "2026-11-25", label: "why=test", sort: "largest" };
  expect(readFilters(writeFilters(all))).toEqual(all);
  expect(readFilters(writeFilters({}))).toEqual({});
});

test("what is wrong in an address is as if it were not there", () => {
  expect(readFilters("status=DROP&day=yesterday&sort=random&damaged=1&source=" + "x".repeat(64))).toEqual({});
  expect(readFilters("day=2026-13-77")).toEqual({});
  expect(readFilters("search=" + "x".repeat(500)).search).toHaveLength(200);
});

test("a day becomes the span that it is where the reader lives", () => {
  expect(listQuery({ day: "2026-11-30", search: "  ", sort: "name" })).toEqual({ since: "2026-11-30T03:00:00.000Z", until: "2026-12-01T03:00:00.000Z" });
});

test("how one ended is asked for as the API calls it", () => {
  expect(listQuery({ status: "success" })).toEqual({ status: "success" });
  expect(listQuery({ status: "in_progress" })).toEqual({ status: "in_progress" });
  for (const outcome of ["failed", "canceled", "interrupted"] as const) expect(listQuery({ status: outcome })).toEqual({ outcome });
  expect(readFilters("status=succeeded")).toEqual({});
});

test("an older address that names a database means the source of that name", () => {
  expect(readFilters("database=shop")).toEqual({ source: "shop" });
});

test("going somewhere touches nothing of the address but the hash", () => {
  history.replaceState(null, "", "/cofre/");
  navigate("/new");
  expect(location.pathname + location.search + location.hash).toBe("/cofre/#/new");
});
