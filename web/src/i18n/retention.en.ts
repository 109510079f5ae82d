// What is said beside the chart of what is kept, in English. Its shape is the one that the other languages must have.

import { counting } from "./count";

const { n, s } = counting("en");

export const retentionEn = {
  title: (source: string) => `What is kept of ${source}, from today back`,
  source: "Source",
  none: "No successful backup is kept yet, so there is nothing to draw.",
  rules: { limits: "Age and number", last: "Last", within: "Recent", hourly: "Hourly", daily: "Daily", weekly: "Weekly", monthly: "Monthly", yearly: "Yearly", label: "Labels", protected: "Protected" },
  of: (count: number, all: number) => `${n(count)} of ${n(all)}`,
  sum: (count: number, bytes: string) => `${s(count, "backup")} kept, ${bytes} in all.`,
  several: "One that several rules keep is on each of their lines.",
  pale: "Pale: kept once they are there.",
  line: (rule: string, count: number, of: number | undefined, oldest: string) => `${rule}: ${of === undefined || of < count ? n(count) : `${n(count)} of ${n(of)}`}, back to ${oldest}.`,
  mark: (days: number) => {
    if (days === 0) return "today";
    if (days === 7) return "1 wk";
    return days < 365 ? `${Math.round(days / 30.4)} mo` : `${Math.round(days / 365.25)} yr`;
  },
  saved: "Drawn by what is saved, not by what is typed here.",
  typed: "Drawn by what is typed, as if it were saved. Nothing is removed before the next cleanup.",
  goes: (count: number, bytes: string) => `The next cleanup would remove ${s(count, "backup")} (${bytes}).`,
  first: (count: number) => `Only the newest ${s(count, "backup")} are drawn.`,
};

export type RetentionWords = typeof retentionEn;
