// Thirty days, one cell a day. The worst status of a day wins; colour, sign and words say which.

import type { DaySummary } from "../api/client";
import { Icon, type Tone } from "../components/basics";
import { useText } from "../i18n";
import { writeFilters } from "../url";
import { worst, type DayStatus } from "./statistics";

const tones: Record<DayStatus, Tone> = { failed: "bad", overdue: "warn", running: "run", success: "ok", none: "none" };
const legend: DayStatus[] = ["success", "failed", "overdue", "running", "none"];

/** toList brings the list into view, and the focus with it: it shows the day that was chosen. */
export const toList = () => requestAnimationFrame(() => document.getElementById("backups")?.focus());

export function DayStrip({ days, database }: { days: DaySummary[]; database: string | undefined }) {
  const { t, f } = useText();
  const describe = (d: DaySummary) => {
    const counts = [d.succeeded && t.strip.succeeded(d.succeeded), d.failed && t.strip.failed(d.failed), d.damaged && `${t.status.damaged}: ${f.number(d.damaged)}`, d.running && t.strip.running(d.running)];
    const parts = counts.filter((c) => typeof c === "string");
    if (d.overdue) parts.push(t.strip.states.overdue);
    return `${f.day(d.date)}: ${parts.length ? parts.join(", ") : t.strip.states.none}`;
  };
  return (
    <div className="strip">
      <ol aria-label={t.strip.title}>
        {days.map((d) => {
          const status = worst(d);
          const text = describe(d);
          const ran = d.succeeded + d.failed + d.running > 0;
          return (
            <li key={d.date} className={`cell ${tones[status]} ${status}`} title={text}>
              {ran ? (
                <a href={`#/?${writeFilters({ ...(database ? { database } : {}), day: d.date })}`} aria-label={text} onClick={toList}><Icon name={tones[status]} /></a>
              ) : (
                <span role="img" aria-label={text}><Icon name={tones[status]} /></span>
              )}
            </li>
          );
        })}
      </ol>
      <div className="strip-ends" aria-hidden="true">
        <span>{days[0] && f.shortDay(days[0].date)}</span>
        <span>{t.strip.today}</span>
      </div>
      <ul className="legend" aria-hidden="true">
        {legend.map((s) => (
          <li key={s}><span className={`cell ${tones[s]} ${s}`}><Icon name={tones[s]} /></span>{t.strip.states[s]}</li>
        ))}
      </ul>
    </div>
  );
}
