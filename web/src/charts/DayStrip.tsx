// Thirty days, one cell a day. The worst status of a day wins; colour, sign and words say which.

import type { DaySummary } from "../api/client";
import { Icon, type Tone } from "../components/basics";
import { readersZone } from "../format";
import { useText } from "../i18n";
import { writeFilters } from "../url";
import { worst, type DayStatus } from "./statistics";

const tones: Record<DayStatus, Tone> = { failed: "bad", missed: "warn", running: "run", success: "ok", canceled: "none", none: "none" };
const legend: DayStatus[] = ["success", "failed", "missed", "running", "canceled", "none"];
const iconOf = (s: DayStatus) => (s === "canceled" ? "stop" : tones[s]);

/** toList brings the list into view, and the focus with it: it shows the day that was chosen. */
export const toList = () => requestAnimationFrame(() => document.getElementById("backups")?.focus());

export function DayStrip({ days, source, zone }: { days: DaySummary[]; source: string | undefined; /** Of the days. */ zone: string }) {
  const { t, f } = useText();
  const describe = (d: DaySummary) => {
    const counts = (["succeeded", "failed", "interrupted", "missed", "canceled", "damaged", "running"] as const).filter((k) => d[k] > 0).map((k) => t.strip.counts[k](d[k]));
    return `${f.day(d.date)}: ${counts.length ? counts.join(", ") : t.strip.states.none}`;
  };
  return (
    <div className="strip">
      <ol aria-label={t.strip.title}>
        {days.map((d) => {
          const status = worst(d);
          const text = describe(d);
          const ran = d.succeeded + d.failed + d.interrupted + d.canceled + d.running > 0;
          return (
            <li key={d.date} className={`cell ${tones[status]} ${status}`} title={text}>
              {ran ? (
                <a href={`#/?${writeFilters({ ...(source ? { source } : {}), day: d.date })}`} aria-label={text} onClick={toList}><Icon name={iconOf(status)} /></a>
              ) : (
                <span role="img" aria-label={text}><Icon name={iconOf(status)} /></span>
              )}
            </li>
          );
        })}
      </ol>
      <div className="strip-ends" aria-hidden="true">
        <span>{days[0] && f.shortDay(days[0].date)}</span>
        <span>{t.strip.today}{zone !== readersZone() && ` (${zone})`}</span>
      </div>
      <ul className="legend" aria-hidden="true">
        {legend.map((s) => (
          <li key={s}><span className={`cell ${tones[s]} ${s}`}><Icon name={iconOf(s)} /></span>{t.strip.states[s]}</li>
        ))}
      </ul>
    </div>
  );
}
