import { expect, test } from "vitest";
import { listQuery, navigate, parseHash, readFilters, writeFilters, type Filters } from "./url";

test("the hash holds path and query", () => {
  expect(parseHash("")).toEqual({ path: "/", search: "" });
  expect(parseHash("#/?a=1")).toEqual({ path: "/", search: "a=1" });
  expect(parseHash("#/backups/01?x=a?b&y=#")).toEqual({ path: "/backups/01", search: "x=a?b&y=#" });
  expect(parseHash("#new")).toEqual({ path: "/new", search: "" });
});

test("filters survive the address", () => {
  const all: Filters = { database: "shop & co", status: "failed", damaged: true, search: "a+b?#é", day: "2026-11-25", label: "why=test", sort: "largest" };
  expect(readFilters(writeFilters(all))).toEqual(all);
  expect(readFilters(writeFilters({}))).toEqual({});
});

test("what is wrong in an address is as if it were not there", () => {
  expect(readFilters("status=DROP&day=yesterday&sort=random&damaged=1&database=" + "x".repeat(64))).toEqual({});
  expect(readFilters("day=2026-13-77")).toEqual({});
  expect(readFilters("search=" + "x".repeat(500)).search).toHaveLength(200);
});

test("a day becomes the span that the API takes", () => {
  expect(listQuery({ day: "2026-11-30", search: "  ", sort: "name" })).toEqual({ since: "2026-11-30T00:00:00Z", until: "2026-12-01T00:00:00.000Z" });
});

test("going somewhere touches nothing of the address but the hash", () => {
  history.replaceState(null, "", "/cofre/");
  navigate("/new");
  expect(location.pathname + location.search + location.hash).toBe("/cofre/#/new");
});
