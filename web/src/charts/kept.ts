// What is kept, from today back: which rule holds which backup, as the API says it with its reasons. Nothing is decided here.

import type { CleanupItem } from "../api/client";

type Reason = CleanupItem["reasons"][number];

export interface Kept {
  at: number;
  bytes: number;
  reasons: Reason[];
}

/** Periods of keepers, in days: so far apart are those that are not there yet. */
const periods = { hourly: 1 / 24, daily: 1, weekly: 7, monthly: 30.4, yearly: 365.25 } as const;

/** The rules in the order in which they are drawn. Every reason that is none of these is a protection. */
export const rules = ["limits", "last", "within", "hourly", "daily", "weekly", "monthly", "yearly", "label", "protected"] as const;
export type Rule = (typeof rules)[number];

const ruleOf = (code: string): Rule => (code === "within_limits" || code === "no_policy" ? "limits" : (rules as readonly string[]).includes(code) ? (code as Rule) : "protected");

export interface Line {
  rule: Rule;
  /** When they were created, in milliseconds, the newest first. */
  ticks: number[];
  /** When those would have been that the rule has room for and that are not there yet. */
  pale: number[];
  /** How many the rule keeps; undefined where it goes by something else. */
  of: number | undefined;
}

const day = 86_400_000;

/** linesOf gives a line for each rule that holds something. A backup that several rules hold is on the line of each. */
export function linesOf(kept: readonly Kept[]): Line[] {
  const lines = new Map<Rule, Line>();
  for (const b of [...kept].sort((a, b) => b.at - a.at)) {
    for (const rule of new Set(b.reasons.map((r) => ruleOf(r.code)))) {
      const line = lines.get(rule) ?? { rule, ticks: [], pale: [], of: undefined };
      line.ticks.push(b.at);
      line.of = b.reasons.find((r) => ruleOf(r.code) === rule)?.of ?? line.of;
      lines.set(rule, line);
    }
  }
  for (const line of lines.values()) {
    const period = Object.hasOwn(periods, line.rule) ? periods[line.rule as keyof typeof periods] * day : undefined;
    // Several of one moment are held together, so that there may be more than so many.
    const missing = Math.min(period && line.of !== undefined ? line.of - line.ticks.length : 0, 400);
    for (let i = 1; i <= missing; i++) line.pale.push(line.ticks.at(-1)! - i * period!);
  }
  return rules.flatMap((rule) => lines.get(rule) ?? []);
}

/** The marks of the axis, in days before now; between two of them time runs evenly. What is older than a year makes it longer. */
export function marks(lines: readonly Line[], now: number): number[] {
  const oldest = Math.max(365, ...lines.flatMap((l) => [l.ticks.at(-1) ?? now, l.pale.at(-1) ?? now]).map((at) => (now - at) / day));
  return oldest <= 366 ? [0, 7, 30, 91, 182, 365] : [0, 7, 30, 91, 365, Math.ceil(oldest / 365.25) * 365.25];
}

/** placeOf is where a time is on the axis: 0 for the oldest mark, 1 for now. */
export function placeOf(at: number, now: number, axis: readonly number[]): number {
  const age = Math.max(0, (now - at) / day);
  const i = Math.max(1, axis.findIndex((m) => m >= age));
  const [from, to] = [axis[i - 1]!, axis[i]!];
  return Math.max(0, 1 - (i - 1 + (age - from) / (to - from)) / (axis.length - 1));
}

/** keptOf gives the successful backups of a source among those that a cleanup keeps. */
export const keptOf = (items: readonly CleanupItem[], source: string): Kept[] =>
  items.flatMap(({ backup: b, reasons }) => (b.source === source && b.status === "success" ? [{ at: Date.parse(b.createdAt), bytes: b.size, reasons }] : []));
