import { expect, test } from "vitest";
import { createFormats, ownTimes } from "./format";

const plain = (s: string) => s.replace(/[\u00a0\u202f]/g, " ");
const en = createFormats("en", "America/Sao_Paulo");
const pt = createFormats("pt-BR", "America/Sao_Paulo");

test("sizes step by 1024, as the command line's do", () => {
  const cases: [number, string, string][] = [
    [0, "0 bytes", "0 byte"],
    [1, "1 byte", "1 byte"],
    [999, "999 bytes", "999 bytes"],
    [1_023_948, "999.9 kB", "999,9 kB"],
    [1 << 20, "1.0 MB", "1,0 MB"],
    [5 * 2 ** 30, "5.0 GB", "5,0 GB"],
    [3 * 2 ** 40, "3.0 TB", "3,0 TB"],
  ];
  for (const [n, english, portuguese] of cases) {
    expect(plain(en.bytes(n))).toBe(english);
    expect(plain(pt.bytes(n))).toBe(portuguese);
  }
});

test("durations have their two largest units", () => {
  const cases: [number, string][] = [
    [86, "86 ms"],
    [1_500, "1.5 s"],
    [59_400, "59 s"],
    [60_000, "1 min"],
    [123_000, "2 min 03 s"],
    [3_600_000, "1 h"],
    [5_430_000, "1 h 30 min"],
    [2 * 86_400_000 + 7_200_000, "2 d 02 h"],
  ];
  for (const [ms, text] of cases) expect(plain(en.duration(ms))).toBe(text);
  expect(plain(pt.duration(123_000))).toBe("2 min 03 s");
});

test("times are local, and UTC where asked for", () => {
  const at = "2026-11-25T02:00:00Z";
  expect(plain(en.dateTime(at))).toBe("Nov 24, 2026, 23:00");
  expect(plain(en.utc(at))).toContain("02:00:00 UTC");
  expect(plain(pt.dateTime(at))).toBe("24/11/2026, 23:00");
  expect(pt.utc(at)).toContain("02:00:00 UTC");
  expect(en.shortDate(Date.parse(at))).toBe("Nov 24");
  // A day of the API has no time, and no zone moves it.
  expect(en.day("2026-11-25")).toBe("Nov 25, 2026");
});

test("the zone of the times is named with its offset", () => {
  expect(en.zone()).toBe("America/Sao_Paulo (UTC−3)");
  expect(createFormats("en", "UTC").zone()).toBe("UTC");
});

test("ages are in their largest unit", () => {
  const now = Date.parse("2026-11-25T12:00:00Z");
  expect(en.ago("2026-11-25T11:59:50Z", now)).toBe("now");
  expect(en.ago("2026-11-25T11:00:00Z", now)).toBe("1 hour ago");
  expect(pt.ago("2026-11-22T12:00:00Z", now)).toBe("há 3 dias");
  expect(pt.ago("2026-11-26T06:00:00Z", now)).toBe("em 18 horas");
});

test("an age names no calendar day that it may not be of", () => {
  const now = Date.parse("2026-11-25T23:30:00Z");
  expect(en.ago("2026-11-25T01:00:00Z", now)).toBe("1 day ago");
  expect(pt.ago("2026-11-25T01:00:00Z", now)).toBe("há 1 dia");
  expect(en.ago("2026-01-04T01:00:00Z", now)).toBe("1 year ago");
});

test("what is short of the whole is not rounded up to it", () => {
  expect(en.percent(2999 / 3000)).toBe("99.9%");
  expect(en.percent(1)).toBe("100%");
  expect(en.percent(0.29)).toBe("29%");
});

test("changes carry their sign, also when it is none", () => {
  expect(en.change(110, 100)).toBe("+10%");
  expect(en.change(95, 100)).toBe("−5%");
  expect(en.change(100, 100)).toBe("0%");
});

test("times in the service's texts are the reader's, and nothing else is touched", () => {
  const own = (text: string) => ownTimes(text, "America/Sao_Paulo");
  expect(own("it should have come by 2026-11-28 02:30 UTC; the last was at 2026-11-27 23:59:07 UTC")).toBe("it should have come by 2026-11-27 23:30; the last was at 2026-11-27 20:59:07");
  for (const other of ["backup_2026-11-28_02-00-00.dump", "2026-11-28 02:30", "2026-99-99 02:30 UTC", "UTC", ""]) expect(own(other)).toBe(other);
});

test("a time is named shortly by the reader's calendar, not by the hours that lie between", () => {
  const now = Date.parse("2026-12-01T04:00:00Z"); // one o'clock at night in São Paulo
  const plain = (s: string) => s.replace(/[\u00a0\u202f]/g, " ");
  const when = (language: string, at: string) => plain(createFormats(language, "America/Sao_Paulo").when(at, now));
  expect(when("en", "2026-12-01T03:30:00Z")).toBe("today 00:30");
  expect(when("en", "2026-12-01T02:30:00Z")).toBe("yesterday 23:30");
  expect(when("pt-BR", "2026-12-02T05:00:00Z")).toBe("amanhã 02:00");
  expect(when("en", "2026-11-28T05:00:00Z")).toBe("Nov 28, 02:00");
  expect(when("pt-BR", "2026-11-28T05:00:00Z")).toBe("28 nov., 02:00");
  expect(when("en", "2025-11-28T05:00:00Z")).toBe("Nov 28, 2025");
});
