// Where the user is stands behind the "#" of the address, path and query: "#/?status=failed". So any static
// hosting serves the app without rewrite rules, and a copied address shows the same.

import { useSyncExternalStore } from "react";
import type { BackupStatus } from "./api/client";

export interface Place {
  path: string;
  search: string;
}

/** parseHash splits an address's hash into path and query (without "?"). */
export function parseHash(hash: string): Place {
  const [path = "", search = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
  return { path: path.startsWith("/") ? path : `/${path}`, search };
}

const changed = "cofre:place";

function subscribe(listener: () => void): () => void {
  for (const event of ["hashchange", "popstate", changed]) addEventListener(event, listener);
  return () => {
    for (const event of ["hashchange", "popstate", changed]) removeEventListener(event, listener);
  };
}

/** navigate goes to a path with an optional query; with replace, "back" skips where the user was. */
export function navigate(to: string, options?: { replace?: boolean }): void {
  history[options?.replace ? "replaceState" : "pushState"](null, "", `#${to}`);
  dispatchEvent(new Event(changed));
}

/** usePath and useSearch give the parts of the address behind the "#". With a handful of routes that is all the routing there is:
 * a router's code would be larger than what it does here. */
export const usePath = (): string => useSyncExternalStore(subscribe, () => parseHash(location.hash).path);
export const useSearch = (): string => useSyncExternalStore(subscribe, () => parseHash(location.hash).search);

export const sortings = ["newest", "oldest", "largest", "smallest", "longest", "shortest", "name"] as const;
export type Sorting = (typeof sortings)[number];

/** Which backups are listed, and in which order. Absent is any. */
export interface Filters {
  database?: string;
  status?: BackupStatus;
  damaged?: true;
  search?: string;
  /** A day in UTC, YYYY-MM-DD. */
  day?: string;
  /** key or key=value */
  label?: string;
  sort?: Sorting;
}

const statuses: readonly string[] = ["success", "failed", "in_progress"] satisfies BackupStatus[];

/** readFilters reads a query. What is wrong in it is as if it were not there. */
export function readFilters(search: string): Filters {
  const q = new URLSearchParams(search);
  const f: Filters = {};
  const database = q.get("database");
  const status = q.get("status");
  const text = q.get("search");
  const day = q.get("day");
  const label = q.get("label");
  const sort = q.get("sort");
  if (database && database.length <= 63) f.database = database;
  if (status && statuses.includes(status)) f.status = status as BackupStatus;
  if (q.get("damaged") === "true") f.damaged = true;
  if (text) f.search = text.slice(0, 200);
  if (day && /^\d{4}-\d{2}-\d{2}$/.test(day) && !Number.isNaN(Date.parse(day))) f.day = day;
  if (label && label.length <= 261) f.label = label;
  if (sort && sort !== "newest" && (sortings as readonly string[]).includes(sort)) f.sort = sort as Sorting;
  return f;
}

/** writeFilters is the inverse of readFilters, in a fixed order. */
export function writeFilters(f: Filters): string {
  const q = new URLSearchParams();
  for (const name of ["database", "status", "damaged", "search", "day", "label", "sort"] as const) {
    const value = f[name];
    if (value) q.set(name, String(value));
  }
  return q.toString();
}

/** listQuery gives the parameters of listBackups for filters. */
export function listQuery(f: Filters) {
  return {
    ...(f.database ? { database: f.database } : {}),
    ...(f.status ? { status: f.status } : {}),
    ...(f.damaged ? { damaged: true } : {}),
    ...(f.search?.trim() ? { search: f.search.trim() } : {}),
    ...(f.label ? { label: f.label } : {}),
    ...(f.day ? { since: `${f.day}T00:00:00Z`, until: new Date(Date.parse(f.day) + 86_400_000).toISOString() } : {}),
  };
}
