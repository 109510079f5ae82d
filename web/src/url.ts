// Where the user is stands behind the "#" of the address, path and query: "#/?status=failed". So any static
// hosting serves the app without rewrite rules, and a copied address shows the same.

import { useSyncExternalStore } from "react";
import type { Backup, BackupStatus } from "./api/client";

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

/** A screen with unsaved changes may keep the address: `holds` sets it back then, and reports that it did. A browser calls the listeners
 * of its window in the order in which they came, so it has to be asked here. */
export const guard: { holds?: (() => boolean) | undefined } = {};

function subscribe(listener: () => void): () => void {
  const heard = () => guard.holds?.() || listener();
  for (const event of ["hashchange", "popstate", changed]) addEventListener(event, heard);
  return () => {
    for (const event of ["hashchange", "popstate", changed]) removeEventListener(event, heard);
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

/** How a backup stands, as it is filtered by. */
export type Standing = Exclude<BackupStatus | NonNullable<Backup["outcome"]>, "succeeded">;
export const standings = ["success", "failed", "interrupted", "canceled", "in_progress"] as const satisfies readonly Standing[];

/** Which backups are listed, and in which order. Absent is any. */
export interface Filters {
  source?: string;
  /** A status, or how those ended that did not succeed. */
  status?: Standing;
  damaged?: true;
  /** Only those that somebody should look at; only those that a pin keeps. */
  problems?: true;
  pinned?: true;
  search?: string;
  /** A day of the reader's zone, YYYY-MM-DD. */
  day?: string;
  /** key or key=value */
  label?: string;
  sort?: Sorting;
}

/** readFilters reads a query. What is wrong in it is as if it were not there. */
export function readFilters(search: string): Filters {
  const q = new URLSearchParams(search);
  const f: Filters = {};
  const source = q.get("source") ?? q.get("database"); // as it was called in older addresses
  const status = q.get("status");
  const text = q.get("search");
  const day = q.get("day");
  const label = q.get("label");
  const sort = q.get("sort");
  if (source && source.length <= 63) f.source = source;
  if (status && (standings as readonly string[]).includes(status)) f.status = status as Standing;
  for (const name of ["damaged", "problems", "pinned"] as const) if (q.get(name) === "true") f[name] = true;
  if (text) f.search = text.slice(0, 200);
  if (day && /^\d{4}-\d{2}-\d{2}$/.test(day) && !Number.isNaN(Date.parse(day))) f.day = day;
  if (label && label.length <= 261) f.label = label;
  if (sort && sort !== "newest" && (sortings as readonly string[]).includes(sort)) f.sort = sort as Sorting;
  return f;
}

/** writeFilters is the inverse of readFilters, in a fixed order. */
export function writeFilters(f: Filters): string {
  const q = new URLSearchParams();
  for (const name of ["source", "status", "damaged", "problems", "pinned", "search", "day", "label", "sort"] as const) {
    const value = f[name];
    if (value) q.set(name, String(value));
  }
  return q.toString();
}

/** midnight is when a day of the reader's zone begins, `later` days after this one. A day has not always 24 hours. */
function midnight(day: string, later: number): string {
  const [y, m, d] = day.split("-").map(Number) as [number, number, number];
  return new Date(y, m - 1, d + later).toISOString();
}

/** listQuery gives the parameters of listBackups for filters. */
export function listQuery(f: Filters) {
  return {
    ...(f.source ? { source: f.source } : {}),
    ...(f.status === "success" || f.status === "in_progress" ? { status: f.status } : f.status ? { outcome: f.status } : {}),
    ...(f.damaged ? { damaged: true } : {}),
    ...(f.problems ? { problems: true } : {}),
    ...(f.pinned ? { pinned: true } : {}),
    ...(f.search?.trim() ? { search: f.search.trim() } : {}),
    ...(f.label ? { label: [f.label] } : {}),
    ...(f.day ? { since: midnight(f.day, 0), until: midnight(f.day, 1) } : {}),
  };
}
