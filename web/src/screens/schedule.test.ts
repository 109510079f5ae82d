import { expect, test } from "vitest";
import upcoming from "../../../pkg/schedule/testdata/upcoming.json";
import { keptEn } from "../i18n/kept.en";
import { keptPtBR } from "../i18n/kept.pt-BR";
import { nextRuns } from "./kept/runs";
import { saidSchedule, scheduleWords } from "./kept/words";

test("what comes next is what the server says, also on days on which clocks change", () => {
  expect(upcoming.length).toBeGreaterThan(30);
  for (const { expression, zone, after, runs } of upcoming) {
    const found = nextRuns(expression, zone || "UTC", Date.parse(after))?.map((t) => new Date(t).toISOString().replace(".000", ""));
    expect(found ?? [], `${expression} in ${zone || "UTC"} after ${after}`).toEqual(runs);
  }
});

test("what is no expression, no zone, or the server's alone to read is not guessed", () => {
  for (const expression of ["", "never", "rate(1 day)", "cron(0 2 * * ? *)", "0 2 * *", "0 2 * * *; x", "0 2 * * 9"]) expect(nextRuns(expression, "UTC", 0), expression).toBeUndefined();
  expect(nextRuns("0 2 * * *", "Nowhere/Town", 0)).toBeUndefined();
  expect(nextRuns("CRON_TZ=Asia/Tokyo 0 2 * * *", "UTC", 0)?.map((t) => new Date(t).toISOString().slice(11, 16))).toEqual(["17:00", "17:00", "17:00"]);
});

test("a schedule is said in words, in both languages, and as it is where it has none", () => {
  const said: Record<string, [en: string, pt: string]> = {
    "30 2 * * *": ["every day at 02:30", "todo dia às 02:30"],
    "@daily": ["every day at 00:00", "todo dia às 00:00"],
    "@hourly": ["every hour at minute 00", "toda hora, no minuto 00"],
    "@weekly": ["every Sunday at 00:00", "todo domingo às 00:00"],
    "@monthly": ["every month on day 1 at 00:00", "todo mês, no dia 1, às 00:00"],
    "@yearly": ["every year on January 1 at 00:00", "todo ano, em 1 de janeiro, às 00:00"],
    "0 1,13 * * *": ["every day at 01:00 and 13:00", "todo dia à 01:00 e 13:00"],
    "0 */6 * * *": ["every 6 hours at minute 00", "a cada 6 horas, no minuto 00"],
    "*/15 * * * *": ["every 15 minutes", "a cada 15 minutos"],
    "* * * * *": ["every minute", "a cada minuto"],
    "0 4 * * 1-5": ["Monday to Friday at 04:00", "de segunda-feira a sexta-feira às 04:00"],
    "0 4 * * 2,4": ["every Tuesday and Thursday at 04:00", "toda semana (terça-feira e quinta-feira) às 04:00"],
    "0 4 * * 3": ["every Wednesday at 04:00", "toda quarta-feira às 04:00"],
    "0 4 1,15 * *": ["every month on days 1 and 15 at 04:00", "todo mês, nos dias 1 e 15, às 04:00"],
    "15 * 1 * *": ["every month on day 1, every hour at minute 15", "todo mês, no dia 1, toda hora, no minuto 15"],
    "0 4 1 * 1": ["0 4 1 * 1", "0 4 1 * 1"],
    "1,7 3-20 * * *": ["1,7 3-20 * * *", "1,7 3-20 * * *"],
    "rate(1 day)": ["rate(1 day)", "rate(1 day)"],
    never: ["only on request", "só quando pedido"],
  };
  for (const [expression, [en, pt]] of Object.entries(said)) {
    expect(scheduleWords(keptEn, "en", expression)).toBe(en);
    expect(scheduleWords(keptPtBR, "pt-BR", expression)).toBe(pt);
  }
});

test("the zone is said where it is another one than the reader's; without one it is UTC", () => {
  const of = (expression: string, zone: string | undefined) => saidSchedule(keptEn, "en", expression, zone, "America/Sao_Paulo");
  expect(of("0 2 * * *", "America/Sao_Paulo")).toBe("every day at 02:00");
  expect(of("0 2 * * *", "Europe/Lisbon")).toBe("every day at 02:00, Lisbon time");
  expect(of("0 2 * * *", "")).toBe("every day at 02:00, UTC time");
  expect(of("CRON_TZ=Asia/Tokyo @daily", undefined)).toBe("every day at 00:00, Tokyo time");
  expect(of("never", "Europe/Lisbon")).toBe("only on request");
  expect(saidSchedule(keptPtBR, "pt-BR", "0 2 * * *", "Europe/Lisbon", "UTC")).toBe("todo dia às 02:00, horário de Lisbon");
});
