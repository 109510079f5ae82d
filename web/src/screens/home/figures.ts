// What the cards and charts draw: pure functions over days and sizes.

import type { DaySummary, SourceSummary } from "../../api/client";
import { worst, type DayStatus } from "../../charts/statistics";

/** gapsOf gives the days on which one was to be made and none was: nothing is known of them, and no line is drawn across. */
export const gapsOf = (days: readonly DaySummary[]): { date: string; status: DayStatus }[] =>
  days.filter((d) => d.succeeded === 0 && d.failed + d.interrupted + d.missed > 0).map((d) => ({ date: d.date, status: worst(d) }));

/** localDay is the day of a time by the reader's calendar, YYYY-MM-DD. */
export function localDay(at: number): string {
  const d = new Date(at);
  return `${d.getFullYear()}-${String(d.getMonth() + 1).padStart(2, "0")}-${String(d.getDate()).padStart(2, "0")}`;
}

/** pieces cuts points, the oldest first, where a gap lies between two of them. */
export function pieces<P extends { at: number }>(points: readonly P[], gaps: readonly string[]): P[][] {
  const out: P[][] = [];
  points.forEach((p, i) => {
    const before = points[i - 1];
    const cut = before && gaps.some((g) => g > localDay(before.at) && g < localDay(p.at));
    if (!before || cut) out.push([]);
    out.at(-1)!.push(p);
  });
  return out;
}

/** trendOf gives the sizes of the last days, the oldest first, and by how much the newest differs from the oldest; undefined of fewer than two. */
export function trendOf(s: SourceSummary, now: number, days: number) {
  const points = s.sizes.map((x) => ({ at: Date.parse(x.at), value: x.size })).filter((p) => p.at > now - days * 86_400_000);
  const first = points[0], last = points.at(-1);
  return { points, change: first && last && first !== last && first.value > 0 ? { now: last.value, before: first.value } : undefined };
}
