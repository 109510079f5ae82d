// A source as its form has it, and as the API does.

import type { ConnectionInput, SourceSettings } from "../../api/sources";
import { pairsOf, type Pair } from "../../components/Pairs";
import { cronOf, noSchedule, scheduleOf, type Schedule } from "./schedule";

/** A number and its unit, as one types them: "26" and "h". */
export interface Span {
  count: string;
  unit: string;
}

const spanOf = (text: string | undefined, unit: string): Span => {
  const found = /^(\d+)([a-z])$/.exec(text ?? "");
  return found ? { count: found[1]!, unit: found[2]! } : { count: "", unit };
};
const span = (s: Span): string | undefined => (s.count.trim() ? `${s.count.trim()}${s.unit}` : undefined);

/** The keepers that are a number, in the order in which they are shown. */
export const keepers = ["keepLast", "keepHourly", "keepDaily", "keepWeekly", "keepMonthly", "keepYearly"] as const;
export const limits = ["days", "maxBackups"] as const;
type Numbers = (typeof keepers)[number] | (typeof limits)[number];

/** The mode of locks that nobody can lift before their time. */
export const forever = "COMPLIANCE";

export interface SourceDraft {
  name: string;
  paused: boolean;
  /** Databases of the server by pattern, and not the one that the connection names. */
  follows: boolean;
  databases: string;
  schedule: Schedule;
  zone: string;
  maxAge: Span;
  proofs: string;
  proofTimeout: Span;
  format: string;
  rows: string;
  jobs: string;
  maxSizeGB: string;
  rowsLostPercent: string;
  rowsLostMinimum: string;
  /** Copied as the deployment says, or to these places. */
  ownCopies: boolean;
  copies: string[];
  ownRetention: boolean;
  retention: Record<Numbers, string> & { keepWithin: Span; keepLabels: string; zone: string };
  tags: Pair[];
  lock: string;
  lockDays: string;
  /** The word that whoever chooses a lock that nobody can lift has to type. */
  lockWord: string;
}

const text = (n: number | undefined) => (n === undefined ? "" : String(n));
const list = (of: string) => of.split(/[,\n]/).map((x) => x.trim()).filter(Boolean);

export function draftOf(s: SourceSettings): SourceDraft {
  const r = s.retention ?? {};
  return {
    name: s.name, paused: s.paused ?? false,
    follows: (s.databases?.length ?? 0) > 0, databases: s.databases?.join(", ") ?? "*",
    schedule: scheduleOf(s.schedule), zone: s.zone ?? "",
    maxAge: spanOf(s.maxAge, "h"), proofs: s.proofs ?? "", proofTimeout: spanOf(s.proofTimeout, "m"),
    format: s.format ?? "", rows: s.rows ?? "", jobs: text(s.jobs), maxSizeGB: text(s.maxSizeGB),
    rowsLostPercent: text(s.thresholds?.rowsLostPercent), rowsLostMinimum: text(s.thresholds?.rowsLostMinimum),
    ownCopies: s.copies !== undefined, copies: s.copies ?? [],
    ownRetention: s.retention !== undefined,
    retention: {
      days: text(r.days), maxBackups: text(r.maxBackups), keepLast: text(r.keepLast), keepHourly: text(r.keepHourly), keepDaily: text(r.keepDaily),
      keepWeekly: text(r.keepWeekly), keepMonthly: text(r.keepMonthly), keepYearly: text(r.keepYearly),
      keepWithin: spanOf(r.keepWithin, "d"), keepLabels: r.keepLabels?.join(", ") ?? "", zone: r.zone ?? "",
    },
    tags: Object.entries(s.tags ?? {}).map(([key, value]) => ({ key, value })),
    lock: s.objectLock?.mode ?? "", lockDays: text(s.objectLock?.days), lockWord: s.objectLock?.mode === forever ? forever : "",
  };
}

/** newSource is a draft that nothing is said in yet: every night, by the reader's clock. */
export const newSource = (zone: string): SourceDraft => ({ ...draftOf({ name: "" }), schedule: { ...noSchedule, kind: "daily" }, zone });

/** given leaves out what is undefined. */
function given<T extends object>(of: { [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(of).filter(([, v]) => v !== undefined)) as T;
}

// What is no number is sent as it was typed, and refused with the key's name.
const number = (typed: string) => (typed.trim() ? (Number.isFinite(Number(typed)) ? Number(typed) : (typed.trim() as unknown as number)) : undefined);

export function settingsOf(d: SourceDraft): SourceSettings {
  const thresholds = given<NonNullable<SourceSettings["thresholds"]>>({ rowsLostPercent: number(d.rowsLostPercent), rowsLostMinimum: number(d.rowsLostMinimum) });
  const r = d.retention;
  const labels = list(r.keepLabels);
  return given<SourceSettings>({
    name: d.name.trim(),
    paused: d.paused || undefined,
    databases: d.follows ? list(d.databases) : undefined,
    schedule: cronOf(d.schedule),
    zone: d.zone.trim() || undefined,
    maxAge: span(d.maxAge),
    proofs: (d.proofs || undefined) as SourceSettings["proofs"],
    proofTimeout: span(d.proofTimeout),
    format: (d.format || undefined) as SourceSettings["format"],
    rows: (d.rows || undefined) as SourceSettings["rows"],
    jobs: number(d.jobs),
    maxSizeGB: number(d.maxSizeGB),
    thresholds: Object.keys(thresholds).length ? thresholds : undefined,
    copies: d.ownCopies ? d.copies : undefined,
    retention: d.ownRetention ? given<NonNullable<SourceSettings["retention"]>>({
      days: number(r.days), maxBackups: number(r.maxBackups), keepLast: number(r.keepLast), keepWithin: span(r.keepWithin), keepHourly: number(r.keepHourly),
      keepDaily: number(r.keepDaily), keepWeekly: number(r.keepWeekly), keepMonthly: number(r.keepMonthly), keepYearly: number(r.keepYearly),
      keepLabels: labels.length ? labels : undefined, zone: r.zone.trim() || undefined,
    }) : undefined,
    tags: pairsOf(d.tags),
    objectLock: d.lock ? given<NonNullable<SourceSettings["objectLock"]>>({ mode: d.lock as "none", days: d.lock === "none" ? undefined : number(d.lockDays) }) : undefined,
  });
}

/** How a source is reached, as it is typed. */
export interface ConnectionDraft {
  how: "keep" | "url" | "env" | "secret";
  host: string;
  port: string;
  database: string;
  user: string;
  password: string;
  sslmode: string;
  /** Further parameters of a URL that was pasted. */
  more: string;
  env: string;
  secret: string;
}

export const newConnection: ConnectionDraft = { how: "url", host: "", port: "", database: "", user: "", password: "", sslmode: "require", more: "", env: "COFRE_", secret: "" };

/** urlParts takes a pasted URL apart; undefined is no URL of PostgreSQL. */
export function urlParts(pasted: string): Partial<ConnectionDraft> | undefined {
  if (!/^postgres(?:ql)?:\/\/[^/]/.test(pasted.trim()) || !URL.canParse(pasted.trim())) return undefined;
  const url = new URL(pasted.trim());
  const decode = (s: string) => { try { return decodeURIComponent(s); } catch { return s; } };
  const sslmode = url.searchParams.get("sslmode") ?? "";
  url.searchParams.delete("sslmode");
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""), port: url.port, database: decode(url.pathname.slice(1)), user: decode(url.username), password: decode(url.password), sslmode,
    more: url.searchParams.toString(),
  };
}

/** urlOf puts a URL together. */
export function urlOf(c: ConnectionDraft): string {
  const e = encodeURIComponent;
  // What would end the host, or begin another part, is a wrong host.
  const host = c.host.trim().replace(/[\s/?#@\\]/g, e);
  const query = [c.sslmode && `sslmode=${e(c.sslmode)}`, c.more.trim()].filter(Boolean).join("&");
  return `postgresql://${e(c.user.trim())}${c.password ? `:${e(c.password)}` : ""}@${host.includes(":") ? `[${host}]` : host}${c.port.trim() ? `:${c.port.trim()}` : ""}/${e(c.database.trim())}${query ? `?${query}` : ""}`;
}

/** connectionOf gives what is sent; undefined leaves it as it is. */
export function connectionOf(c: ConnectionDraft): ConnectionInput | undefined {
  switch (c.how) {
    case "keep": return undefined;
    case "url": return { url: urlOf(c) };
    case "env": return { env: c.env.trim() };
    case "secret": return { secret: c.secret.trim() };
  }
}
