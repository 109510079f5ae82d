// Numbers, sizes, times and durations for people, by Intl.

/** readersZone is the reader's, as IANA calls it: the one zone of everything that is shown. */
export const readersZone = (): string => new Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

/** ownTimes rewrites the times in a text of the service, which says them in UTC, as the reader's clock has them: one zone for
 * all that is shown. timeZone is for tests. */
export const ownTimes = (text: string, timeZone?: string): string =>
  text.replace(/\b(\d{4}-\d\d-\d\d) (\d\d:\d\d(:\d\d)?) UTC\b/g, (said, day: string, time: string, seconds?: string) => {
    const at = new Date(`${day}T${time}Z`);
    if (Number.isNaN(at.getTime())) return said;
    return new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: seconds ? "medium" : "short", ...(timeZone ? { timeZone } : {}) }).format(at);
  });

export type Formats = ReturnType<typeof createFormats>;

const units = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte"] as const;

/** createFormats makes the formatters of a language; timeZone is for tests, the browser's own otherwise. */
export function createFormats(language: string, timeZone?: string) {
  const zone = timeZone ? { timeZone } : {};
  const full = language.startsWith("pt") ? "short" : "medium"; // 28/11/2026; Nov 28, 2026
  const of24 = { hourCycle: "h23" } as const; // in every language: "3:22" at night is not to be taken for the afternoon
  const number = new Intl.NumberFormat(language);
  const percent = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 });
  const change = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1, signDisplay: "exceptZero" });
  const dateTime = new Intl.DateTimeFormat(language, { dateStyle: full, timeStyle: "short", ...of24, ...zone });
  const exact = new Intl.DateTimeFormat(language, { dateStyle: full, timeStyle: "long", ...of24, timeZone: "UTC" });
  const clock = new Intl.DateTimeFormat(language, { timeStyle: "medium", ...of24, ...zone });
  const day = new Intl.DateTimeFormat(language, { dateStyle: full, timeZone: "UTC" });
  const localDay = new Intl.DateTimeFormat(language, { dateStyle: full, ...zone });
  const shortDay = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", timeZone: "UTC" });
  const localShortDay = new Intl.DateTimeFormat(language, { day: "numeric", month: "short", ...zone });
  const brief = (of: Intl.DateTimeFormat, at: Date | number) => of.format(at).replace(" de ", " "); // "28 nov."
  const time = new Intl.DateTimeFormat(language, { timeStyle: "short", ...of24, ...zone });
  const date = new Intl.DateTimeFormat("en-CA", { year: "numeric", month: "2-digit", day: "2-digit", ...zone });
  const relative = new Intl.RelativeTimeFormat(language);
  const named = new Intl.RelativeTimeFormat(language, { numeric: "auto" });
  const present = new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(0, "second");
  const unit = (value: number, name: string, digits = 0) =>
    new Intl.NumberFormat(language, { style: "unit", unit: name, unitDisplay: "short", maximumFractionDigits: digits, minimumFractionDigits: digits }).format(value);

  /** bytes as the command line gives them: steps of 1024, one digit. */
  const bytes = (n: number): string => {
    let step = 0;
    while (n >= 1000 && step < units.length - 1) {
      n /= 1024;
      step++;
    }
    return step === 0 ? new Intl.NumberFormat(language, { style: "unit", unit: "byte", unitDisplay: "long" }).format(n) : unit(n, units[step]!, 1);
  };

  /** duration of milliseconds, in its two largest units: "6.2 s", "1 min 12 s", "2 h 05 min". It is not broken over two lines. */
  const duration = (ms: number): string => {
    if (ms < 1000) return `${Math.round(ms)}\u00a0ms`;
    if (ms < 10_000) return `${new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(ms / 1000)}\u00a0s`;
    const s = Math.round(ms / 1000);
    if (s < 60) return `${s}\u00a0s`;
    const [n, u, rest, less] = s < 3600 ? [s / 60, "min", s % 60, "s"] : s < 86_400 ? [s / 3600, "h", (s % 3600) / 60, "min"] : [s / 86_400, "d", (s % 86_400) / 3600, "h"];
    return `${Math.floor(n)}\u00a0${u}${rest < 1 ? "" : `\u00a0${String(Math.floor(rest)).padStart(2, "0")}\u00a0${less}`}`;
  };

  /** ago tells how far a time is from now, in its largest unit: "3 hours ago", "in 2 days". Never "yesterday": what is 23 hours
   * old may be of today. */
  const ago = (at: string | number, now: number): string => {
    const s = (new Date(at).getTime() - now) / 1000;
    const size = Math.abs(s);
    if (size < 45) return present;
    if (size < 45 * 60) return relative.format(Math.round(s / 60), "minute");
    if (size < 22 * 3600) return relative.format(Math.round(s / 3600), "hour");
    if (size < 26 * 86_400) return relative.format(Math.round(s / 86_400), "day");
    if (size < 320 * 86_400) return relative.format(Math.round(s / (30.4 * 86_400)), "month");
    return relative.format(Math.round(s / (365.25 * 86_400)), "year");
  };

  /** when names a time shortly, by the days of the reader's calendar: "today 02:00", "Nov 26, 02:00"; without its hour where that is of another year. */
  const when = (at: string, now: number): string => {
    const days = Math.round((Date.parse(date.format(new Date(at))) - Date.parse(date.format(now))) / 86_400_000);
    if (Math.abs(days) <= 1) return `${named.format(days, "day")} ${time.format(new Date(at))}`;
    return Math.abs(days) < 300 ? `${brief(localShortDay, new Date(at))}, ${time.format(new Date(at))}` : localDay.format(new Date(at));
  };

  return {
    bytes,
    duration,
    ago,
    when,
    rate: (bytesPerSecond: number) => `${bytes(bytesPerSecond)}/s`,
    number: (n: number) => number.format(n),
    /** percent rounds, but never what is short of the whole up to it: one failure among thousands is no 100 %. */
    percent: (n: number) => percent.format(n < 1 ? Math.min(n, 0.999) : n),
    /** change between two sizes, as a percentage with its sign. */
    change: (now: number, before: number) => change.format((now - before) / before).replace("-", "−"),
    /** date of a time, as the user's clock has it. */
    date: (at: string) => localDay.format(new Date(at)),
    /** shortDate of a time, without its year. */
    shortDate: (at: number) => brief(localShortDay, at),
    dateTime: (at: string) => dateTime.format(new Date(at)),
    utc: (at: string) => exact.format(new Date(at)),
    /** zone names the reader's zone, with its offset from UTC now. */
    zone: (): string => {
      const name = timeZone ?? readersZone();
      const part = new Intl.DateTimeFormat("en", { timeZone: name, timeZoneName: "shortOffset" }).formatToParts().find((p) => p.type === "timeZoneName");
      const offset = part?.value.replace("GMT", "UTC").replace(/\+0$/, "").replace("-", "−") ?? "";
      return name === offset || !offset ? name : `${name} (${offset})`;
    },
    clock: (at: string | number) => clock.format(new Date(at)),
    /** day and shortDay take a date without a time, YYYY-MM-DD. */
    day: (date: string) => day.format(new Date(`${date}T00:00:00Z`)),
    shortDay: (date: string) => brief(shortDay, new Date(`${date}T00:00:00Z`)),
  };
}
