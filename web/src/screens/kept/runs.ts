// When a cron expression comes due, as pkg/schedule has it: for a schedule that is being typed, of which the server knows nothing yet. What is saved,
// the API says. pkg/schedule/testdata/upcoming.json holds the two together.

export interface Cron {
  minutes: number[];
  hours: number[];
  days: number[];
  months: number[];
  /** 0 is Sunday. */
  weekdays: number[];
  /** A field begins with a star: what runs all day long, and which of the days are not restricted. */
  anyHour: boolean;
  anyDay: boolean;
  anyWeekday: boolean;
  /** The zone that the expression itself names. */
  zone: string | undefined;
}

const names = { "@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *" };
const monthNames = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const dayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/** numbers are what a field stands for; undefined is no field. */
function numbers(text: string, low: number, high: number, named: readonly string[] = []): number[] | undefined {
  const number = (t: string): number => {
    const i = named.indexOf(t.toLowerCase());
    return i >= 0 ? low + i : /^\d{1,4}$/.test(t) ? Number(t) : NaN;
  };
  const all = new Set<number>();
  for (const item of text.split(",")) {
    const [, part, by] = /^([^/]+)(?:\/(\d{1,4}))?$/.exec(item) ?? [];
    if (part === undefined) return undefined;
    const step = by === undefined ? 1 : Number(by);
    const [first = "", last, ...more] = part.split("-");
    const from = part === "*" ? low : number(first);
    // To the end; Sunday has two numbers, and ends nothing that began before it.
    const end = high === 7 && low === 0 && from < high ? 6 : high;
    const to = part === "*" ? high : last !== undefined ? number(last) : by !== undefined ? end : from;
    if (more.length || !(from >= low && from <= to && to <= high) || step < 1 || step > high) return undefined;
    for (let n = from; n <= to; n += step) all.add(n);
  }
  return [...all].sort((a, b) => a - b);
}

/** parseCron reads the five fields of crontab(5) and their short names; undefined is what the server alone can read, or nobody. */
export function parseCron(expression: string): Cron | undefined {
  let fields = expression.trim().split(/\s+/);
  const zone = fields[0]?.startsWith("CRON_TZ=") ? fields[0].slice(8) : undefined;
  if (zone !== undefined) fields = fields.slice(1);
  if (fields.length === 1 && Object.hasOwn(names, fields[0]!)) fields = names[fields[0] as keyof typeof names].split(" ");
  const [minute, hour, day, month, weekday, ...more] = fields;
  if (weekday === undefined || more.length) return undefined;
  const [minutes, hours, days, months, week] = [numbers(minute!, 0, 59), numbers(hour!, 0, 23), numbers(day!, 1, 31), numbers(month!, 1, 12, monthNames), numbers(weekday, 0, 7, dayNames)];
  if (!minutes || !hours || !days || !months || !week) return undefined;
  return { minutes, hours, days, months, weekdays: [...new Set(week.map((d) => d % 7))].sort(), anyHour: hour!.startsWith("*"), anyDay: day!.startsWith("*"), anyWeekday: weekday.startsWith("*"), zone };
}

/** clockOf gives how far the clocks of a zone are ahead of UTC at a time, in milliseconds; undefined for no zone. */
function clockOf(zone: string): ((at: number) => number) | undefined {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-US", { timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric" });
  } catch {
    return undefined;
  }
  const known = new Map<number, number>();
  return (at) => {
    const second = Math.floor(at / 1000) * 1000;
    let offset = known.get(second);
    if (offset === undefined) {
      const p = Object.fromEntries(format.formatToParts(second).map((x) => [x.type, Number(x.value)]));
      known.set(second, (offset = Date.UTC(p.year!, p.month! - 1, p.day, p.hour, p.minute, p.second) - second));
    }
    return offset;
  };
}

const day = 86_400_000;

/** instants are when the clocks show what wall says: once, twice, or at the end of the gap that holds it. */
function instants(offset: (at: number) => number, wall: number): number[] {
  // Offsets of the days around it: no zone changes its clocks twice within two days.
  const found = [...new Set([offset(wall - day), offset(wall + day)])].map((o) => wall - o).filter((t) => t + offset(t) === wall).sort((a, b) => a - b);
  if (found.length) return found;
  let [before, after] = [wall - 2 * day, wall + 2 * day];
  const late = (t: number) => t + offset(t) > wall;
  while (after - before > 1000) {
    const middle = Math.floor((before + after) / 2000) * 1000;
    if (late(middle)) after = middle;
    else before = middle;
  }
  return [after];
}

/** nextRuns are the next times behind one, in milliseconds; undefined where the expression or the zone is not read here. */
export function nextRuns(expression: string, zone: string, after: number, count = 3): number[] | undefined {
  const cron = parseCron(expression);
  const offset = cron && clockOf(cron.zone ?? zone);
  if (!cron || !offset) return undefined;
  const fits = (wall: Date) => {
    const [onDay, onWeekday] = [cron.days.includes(wall.getUTCDate()), cron.weekdays.includes(wall.getUTCDay())];
    return cron.months.includes(wall.getUTCMonth() + 1) && (cron.anyDay || cron.anyWeekday ? onDay && onWeekday : onDay || onWeekday);
  };
  const runs: number[] = [];
  // From the day before: what was skipped on it may come due today. A 29th of February is eight years behind the last one at most.
  const begin = Math.floor((after + offset(after)) / day) * day - day;
  for (let midnight = begin, last = begin; midnight < last + 9 * 366 * day && runs.length < count; midnight += day) {
    if (!fits(new Date(midnight))) continue;
    last = midnight;
    const times = cron.hours.flatMap((h) => cron.minutes.flatMap((m) => {
      const all = instants(offset, midnight + (h * 60 + m) * 60_000);
      return cron.anyHour ? all : all.slice(0, 1);
    }));
    for (const t of [...new Set(times)].sort((a, b) => a - b)) if (t > after && !runs.includes(t)) runs.push(t);
  }
  return runs.sort((a, b) => a - b).slice(0, count);
}
