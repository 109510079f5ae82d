// Thirty days, one cell a day. The worst status of a day wins; form, colour and words say which. The tab key stops once, the arrow
// keys go from day to day.

import type { DaySummary } from "../api/client";
import { Icon, type IconName } from "../components/basics";
import { readersZone } from "../format";
import { useText } from "../i18n";
import { useRoving } from "../screens/home/roving";
import { writeFilters } from "../url";
import { worst, type DayStatus } from "./statistics";

const legend: DayStatus[] = ["success", "failed", "missed", "running", "canceled", "none"];

const signs: Partial<Record<DayStatus, IconName>> = { failed: "bad", running: "run", canceled: "stop" };

const Mark = ({ status }: { status: DayStatus }) => <i className={`day ${status}`}>{signs[status] && <Icon name={signs[status]} />}</i>;

/** toList brings the list into view, and the focus with it: it shows the day that was chosen. */
export const toList = () => requestAnimationFrame(() => document.getElementById("backups")?.focus());

export function DayStrip({ days, source, zone }: { days: DaySummary[]; source: string | undefined; /** Of the days. */ zone: string }) {
  const { t, f } = useText();
  const roving = useRoving(days.length, days.length - 1);
  const describe = (d: DaySummary) => {
    const counts = (["succeeded", "failed", "interrupted", "missed", "canceled", "damaged", "running"] as const).filter((k) => d[k] > 0).map((k) => t.strip.counts[k](d[k]));
    return `${f.day(d.date)}: ${counts.length ? counts.join(", ") : t.strip.states.none}`;
  };
  const statuses = days.map(worst);
  const seen = legend.filter((s) => statuses.includes(s));
  return (
    <div className="strip">
      <ol aria-label={t.strip.title} {...roving.on}>
        {days.map((d, i) => {
          const status = statuses[i]!;
          const text = describe(d);
          const ran = d.succeeded + d.failed + d.interrupted + d.canceled + d.running > 0;
          const cell = { "data-at": i, tabIndex: i === roving.at ? 0 : -1, "aria-label": text };
          return (
            <li key={d.date} className={status} title={text}>
              {ran ? <a {...cell} href={`#/?${writeFilters({ ...(source ? { source } : {}), day: d.date })}`} onClick={toList}><Mark status={status} /></a> : <span {...cell} role="img"><Mark status={status} /></span>}
            </li>
          );
        })}
      </ol>
      <div className="strip-ends" aria-hidden="true">
        <span>{days[0] && f.shortDay(days[0].date)}</span>
        <ul className="legend">
          {seen.length > 1 && seen.map((s) => <li key={s}><Mark status={s} />{t.strip.states[s]}</li>)}
        </ul>
        <span>{t.strip.today}{zone !== readersZone() && ` (${zone})`}</span>
      </div>
    </div>
  );
}
