// What the charts mark: pure functions over numbers and days.

import type { DaySummary } from "../api/client";

/** median of numbers; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return NaN;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** fewest values that a median says something about. */
const enough = 5;

/**
 * outliers tells which values depart far from the median: by more than 30 %, and by more than five times what values
 * usually depart (the median absolute deviation). `floor` is a difference that never matters, in the values' unit.
 */
export function outliers(values: readonly number[], floor: number): boolean[] {
  if (values.length < enough) return values.map(() => false);
  const m = median(values);
  const spread = median(values.map((v) => Math.abs(v - m)));
  const far = Math.max(floor, 0.3 * m, 5 * spread);
  return values.map((v) => Math.abs(v - m) > far);
}

/** A day of the strip. "failed": a backup did, was interrupted, or was found damaged since. "missed": the schedule wanted one and none
 * was made. "canceled": a person wanted that, and nothing else ran; "none": nothing was wanted. */
export type DayStatus = "failed" | "missed" | "running" | "success" | "canceled" | "none";

/** worst gives the status of a day: its worst one wins. What was canceled is neither good nor bad. */
export function worst(day: Omit<DaySummary, "date" | "bytes">): DayStatus {
  if (day.failed + day.interrupted + day.damaged > 0) return "failed";
  if (day.missed > 0) return "missed";
  if (day.running > 0) return "running";
  if (day.succeeded > 0) return "success";
  return day.canceled > 0 ? "canceled" : "none";
}

/** Units whose round multiples are ticks, the smallest first. */
export const byteUnits = [1, 2 ** 10, 2 ** 20, 2 ** 30, 2 ** 40, 2 ** 50];
export const millisecondUnits = [1, 1_000, 60_000, 3_600_000, 86_400_000];

/** ticks gives round values from 0 to at least max, about `count` steps of 1, 2 or 5 times a power of ten of a unit. */
export function ticks(max: number, count: number, units: readonly number[]): number[] {
  if (!(max > 0)) return [0];
  const unit = units.findLast((u) => u <= max) ?? 1;
  const rough = max / unit / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((s) => s * power >= rough)! * power * unit;
  return Array.from({ length: Math.ceil(max / step) + 1 }, (_, i) => i * step);
}

/** spread is by how much values usually depart from a line: four of five lie within it on either side. `line` is what it is at `to`, and what a day adds. */
export function spread(points: readonly { at: number; value: number }[], to: number, line: { now: number; perDay: number }): number {
  const off = points.map((p) => Math.abs(p.value - (line.now - ((to - p.at) / 86_400_000) * line.perDay))).sort((a, b) => a - b);
  return off.length === 0 ? 0 : off[Math.min(off.length - 1, Math.floor(off.length * 0.8))]!;
}
