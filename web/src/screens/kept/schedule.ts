// A schedule as people say it, and as cron has it. What is said here in words and fields is what it was; every other expression stays itself.

export interface Schedule {
  /** default: that of the deployment. */
  kind: "default" | "hourly" | "daily" | "weekly" | "monthly" | "cron" | "never";
  /** HH:MM; of hourly only its minutes count. */
  time: string;
  /** Every so many hours, counted from midnight. */
  every: string;
  /** 0 is Sunday. */
  weekday: string;
  /** of the month */
  day: string;
  cron: string;
}

export const noSchedule: Schedule = { kind: "default", time: "02:00", every: "6", weekday: "0", day: "1", cron: "" };

/** hoursApart divide a day, so that they are the same every day. */
export const hoursApart = ["1", "2", "3", "4", "6", "8", "12"];

const two = (n: string) => n.padStart(2, "0");

/** cronOf gives the expression; undefined is the deployment's. */
export function cronOf(s: Schedule): string | undefined {
  const [hour = 0, minute = 0] = s.time.split(":").map(Number);
  switch (s.kind) {
    case "default": return undefined;
    case "never": return "never";
    case "hourly": return s.every === "1" ? `${minute} * * * *` : `${minute} */${s.every} * * *`;
    case "daily": return `${minute} ${hour} * * *`;
    case "weekly": return `${minute} ${hour} * * ${s.weekday}`;
    case "monthly": return `${minute} ${hour} ${s.day} * *`;
    case "cron": return s.cron.trim();
  }
}

/** scheduleOf reads an expression. */
export function scheduleOf(text: string | undefined): Schedule {
  if (text === undefined || text === "") return noSchedule;
  if (text === "never") return { ...noSchedule, kind: "never" };
  const [minute = "", hour = "", day = "", month, weekday = "", ...more] = text.split(" ");
  const read: Schedule = { ...noSchedule, time: `${two(/^\d+$/.test(hour) ? hour : "0")}:${two(minute)}`, cron: text };
  const step = /^\*\/(\d+)$/.exec(hour)?.[1] ?? (hour === "*" ? "1" : undefined);
  const kind =
    month !== "*" || more.length > 0 ? "cron"
    : day === "*" && weekday === "*" ? (step ? "hourly" : "daily")
    : day === "*" && /^[0-6]$/.test(weekday) ? "weekly"
    : weekday === "*" ? "monthly" : "cron";
  const guess: Schedule = { ...read, kind, ...(step ? { every: step } : {}), ...(kind === "weekly" ? { weekday } : {}), ...(kind === "monthly" ? { day } : {}) };
  const valid = cronOf(guess) === text && Number(minute) < 60 && (kind === "hourly" ? hoursApart.includes(guess.every) : Number(hour) < 24) &&
    (kind !== "monthly" || (Number(day) >= 1 && Number(day) <= 31));
  return kind !== "cron" && valid ? guess : { ...read, kind: "cron", time: noSchedule.time };
}
