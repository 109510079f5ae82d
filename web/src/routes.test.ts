import { expect, test } from "vitest";
// @ts-expect-error: a list of the browser's tests, which have no types
import { flows, states } from "../e2e/states.mjs";
import { routeOf, routes } from "./routes";
import { parseHash } from "./url";

const all = Object.values(states as Record<string, Record<string, { address: string; of?: string[] }>>).flatMap((x) => Object.entries(x));

test("a path means a screen, of what it names", () => {
  expect(routeOf("/")).toEqual({ route: "home", name: "" });
  expect(routeOf("/backups/01")).toEqual({ route: "backup", name: "01" });
  expect(routeOf("/settings/sources/create")?.route).toBe("newSource");
  expect(routeOf("/settings/sources/plant%C3%A3o")).toEqual({ route: "source", name: "plantão" });
  expect(routeOf("/settings/places/%E0")).toEqual({ route: "place", name: "%E0" });
  for (const path of ["/backups", "/backups/", "/backups/a/b", "/restore/", "/settings/people", "/settings/sources/a/b", "/new/x", ""]) expect(routeOf(path)).toBeUndefined();
});

test("each screen and each flow is looked at in a browser", () => {
  const shown = new Set(all.map(([, s]) => (s.address === "{chosen}" ? undefined : routeOf(parseHash(s.address).path)?.route)));
  expect(Object.keys(routes).filter((route) => !shown.has(route as keyof typeof routes))).toEqual([]);
  const seen = new Set(all.flatMap(([, s]) => s.of ?? []));
  expect((flows as string[]).filter((flow) => !seen.has(flow))).toEqual([]);
  expect([...seen].filter((flow) => !(flows as string[]).includes(flow))).toEqual([]);
});
