// The filters of the audit trail as its address holds them, and its records as files.

import type { AuditRecord } from "../api/client";
import type { AuditFilter } from "../api/queries";

/** What is shown of the trail. Days are of the reader's zone, YYYY-MM-DD, both included. */
export interface Asked {
  about?: string;
  who?: string;
  action?: string;
  outcome?: AuditRecord["outcome"];
  from?: string;
  to?: string;
  reads?: true;
}

export const outcomes = ["allowed", "denied", "failed"] as const;
const names = ["about", "who", "action", "outcome", "from", "to", "reads"] as const;

/** day takes the days of four digits whose end has four, too: Date and the API take the others for something else. */
const day = (text: string | null) => (text && /^[1-9]\d{3}-\d{2}-\d{2}$/.test(text) && text < "9999-12-30" && !Number.isNaN(Date.parse(text)) ? text : undefined);

/** isID tells an id of a backup or a restore from all else that a record may name. */
export const isID = (text: string) => /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(text);

/** readAsked reads a query. What is wrong in it is as if it were not there. */
export function readAsked(search: string): Asked {
  const q = new URLSearchParams(search);
  const a: Asked = {};
  const [about, who, action, outcome, from, to] = [q.get("about"), q.get("who"), q.get("action"), q.get("outcome"), day(q.get("from")), day(q.get("to"))];
  if (about && isID(about)) a.about = about;
  if (who && who.length <= 255) a.who = who;
  if (action && /^[a-z_]{1,40}$/.test(action)) a.action = action;
  if (outcome && (outcomes as readonly string[]).includes(outcome)) a.outcome = outcome as AuditRecord["outcome"];
  if (from) a.from = from;
  if (to) a.to = to;
  if (q.get("reads") === "true") a.reads = true;
  return a;
}

/** writeAsked is the inverse of readAsked, in a fixed order. */
export function writeAsked(a: Asked): string {
  const q = new URLSearchParams();
  for (const name of names) if (a[name]) q.set(name, String(a[name]));
  return q.toString();
}

/** midnight is when a day begins, `later` days after this one. */
function midnight(text: string, later: number): string {
  const [y = 0, m = 1, d = 1] = text.split("-").map(Number);
  return new Date(y, m - 1, d + later).toISOString();
}

/** filterOf is what the API is asked for: it filters, and not the page what it has. Whoever asks for an action that only looks wants to see it. */
export function filterOf(a: Asked): AuditFilter {
  return {
    ...(a.about ? { resource: a.about } : {}),
    ...(a.who ? { actor: a.who } : {}),
    ...(a.action ? { action: a.action } : {}),
    ...(a.outcome ? { outcome: a.outcome } : {}),
    ...(a.from ? { since: midnight(a.from, 0) } : {}),
    ...(a.to ? { until: midnight(a.to, 1) } : {}),
    ...(a.reads || a.action ? {} : { withoutReads: true }),
  };
}

const letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** bornAt is the time in an id: of a backup or a restore, when it was asked for. */
export function bornAt(id: string): string {
  let ms = 0;
  for (const c of id.slice(0, 10)) ms = ms * 32 + Math.max(0, letters.indexOf(c));
  return new Date(ms).toISOString();
}

const columns = ["at", "actor", "name", "role", "action", "resource", "outcome", "code", "reason", "source", "userAgent", "requestId", "detail", "hash", "unsound"] as const;

/** cell writes a value for CSV. What a spreadsheet would take for a formula has an apostrophe in front: also behind a semicolon or a tab, by which some
 * take a row apart (those of countries with a decimal comma do), and behind what cannot be seen. */
export function cell(value: unknown): string {
  let text = value === undefined || value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value);
  text = text.replace(/(^|[;\t\r\n])(?=["\s\p{C}\p{Default_Ignorable_Code_Point}]*[=+\-@\t\r＝＋－＠])/gu, "$1'");
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function csvOf(records: AuditRecord[]): string {
  const rows = records.map((r) => columns.map((c) => cell((r as unknown as Record<string, unknown>)[c])).join(","));
  return `\ufeff${[columns.join(","), ...rows].join("\r\n")}\r\n`;
}

export const jsonOf = (records: AuditRecord[]): string => `${JSON.stringify(records, null, 2)}\n`;
