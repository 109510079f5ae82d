// A schedule in words.

import type { Source } from "../../api/sources";
import type { KeptWords } from "../../i18n/kept";
import { parseCron, type Cron } from "./runs";
import { hoursApart } from "./schedule";

/** weekdays names them, Sunday first. */
export function weekdays(language: string): string[] {
  const format = new Intl.DateTimeFormat(language, { weekday: "long", timeZone: "UTC" });
  return Array.from({ length: 7 }, (_, i) => format.format(Date.UTC(2023, 0, 1 + i)));
}

const two = (n: number) => String(n).padStart(2, "0");

/** apart is the step of numbers that go evenly through all there are: 0, 15, 30, 45 of 60 are 15. */
function apart(numbers: number[], all: number): number | undefined {
  const step = all / numbers.length;
  return Number.isInteger(step) && numbers.every((n, i) => n === numbers[0]! + i * step) ? step : undefined;
}

/** times are the times of day; undefined where they have no simple words. */
function times(says: KeptWords["sources"]["says"], list: (of: string[]) => string, c: Cron): { at: string; daily: boolean } | undefined {
  const [minute, ...more] = c.minutes;
  if (c.hours.length === 24) {
    const step = apart(c.minutes, 60);
    return more.length === 0 ? { at: says.hourly(1, two(minute!)), daily: false } : step && minute === 0 ? { at: says.minutes(step), daily: false } : undefined;
  }
  const step = apart(c.hours, 24);
  if (more.length === 0 && c.hours.length > 1 && c.hours[0] === 0 && step && hoursApart.includes(String(step))) return { at: says.hourly(step, two(minute!)), daily: false };
  if (c.minutes.length * c.hours.length > 6) return undefined;
  return { at: says.at(list(c.hours.flatMap((h) => c.minutes.map((m) => `${two(h)}:${two(m)}`)))), daily: true };
}

/** cronWords says when a cron expression comes due; undefined where it has no simple words. */
export function cronWords(w: KeptWords, language: string, expression: string): string | undefined {
  const c = parseCron(expression);
  if (!c) return undefined;
  const says = w.sources.says;
  const list = (of: string[]) => new Intl.ListFormat(language, { type: "conjunction" }).format(of);
  const when = times(says, list, c);
  if (!when) return undefined;
  const everyDay = c.days.length === 31;
  const everyWeekday = c.weekdays.length === 7;
  const everyMonth = c.months.length === 12;
  const names = weekdays(language);
  const [first = 0, last = 0] = [c.weekdays[0], c.weekdays.at(-1)];
  let on: string;
  if (everyDay && everyWeekday && everyMonth) return when.daily ? says.every(when.at) : when.at;
  if (everyDay && everyMonth) on = c.weekdays.length === 1 ? says.everyWeek(names[first]!) : c.weekdays.length > 2 && last - first === c.weekdays.length - 1 ? says.through(names[first]!, names[last]!) : says.weekdays(list(c.weekdays.map((d) => names[d]!)));
  else if (everyWeekday && everyMonth && c.days.length <= 6) on = says.monthDays(list(c.days.map(String)), c.days.length);
  else if (everyWeekday && c.days.length * c.months.length <= 4) {
    const format = new Intl.DateTimeFormat(language, { day: "numeric", month: "long", timeZone: "UTC" });
    on = says.yearDays(list(c.months.flatMap((m) => c.days.map((d) => format.format(Date.UTC(2024, m - 1, d))))));
  } else return undefined;
  return when.daily ? `${on} ${when.at}` : `${on.replace(/,$/, "")}, ${when.at}`;
}

/** scheduleWords says an expression, or that there is none. What has no simple words is said as it is. */
export function scheduleWords(w: KeptWords, language: string, expression: string | undefined): string {
  const says = w.sources.says;
  if (expression === undefined) return says.default;
  if (expression === "never" || expression === "") return says.never;
  return cronWords(w, language, expression) ?? expression;
}

/** zoneName is a zone as people say it: its city. */
export const zoneName = (zone: string) => zone.split("/").at(-1)!.replaceAll("_", " ");

/** zoneOf is the zone that an expression is in: its own, that of its source, and otherwise UTC. */
export const zoneOf = (expression: string, zone: string | undefined): string => /^CRON_TZ=(\S+)/.exec(expression)?.[1] ?? (zone || "UTC");

/** saidSchedule says when a source is backed up, in the words of the reader's language, with the zone where that is another one than the reader's. */
export function saidSchedule(w: KeptWords, language: string, expression: string | undefined, zone: string | undefined, readers: string): string {
  const words = scheduleWords(w, language, expression);
  if (!expression || expression === "never" || /^rate\(/.test(expression)) return words;
  if (zone === undefined && !expression.startsWith("CRON_TZ=")) return words; // not known yet
  const its = zoneOf(expression, zone);
  return its === readers ? words : `${words}, ${w.sources.says.zone(zoneName(its))}`;
}

/** sourceSchedule is what is said of a source that is kept. */
export const sourceSchedule = (w: KeptWords, language: string, s: Source, readers: string): string => saidSchedule(w, language, s.schedule || "never", s.zone ?? "UTC", readers);
