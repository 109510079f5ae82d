// How large the backups are and how long they take, over the last days; of one source alone, where its size leads.

import type { Backup, Metrics } from "../../api/client";
import { useRecent } from "../../api/queries";
import { byteUnits, millisecondUnits, spread } from "../../charts/statistics";
import { TimeChart, type Outlook, type Series } from "../../charts/TimeChart";
import { useNow } from "../../components/basics";
import { partText } from "../../components/Part";
import { Loaded } from "../../components/states";
import { useText } from "../../i18n";
import { useMoreWords } from "../../i18n/more";
import { gapsOf } from "./figures";

/** seriesOf groups backups into lines: sizes of a schema-only backup say nothing about whole ones. */
export function seriesOf(backups: Backup[], value: (b: Backup) => number, part: (b: Backup) => string): Series[] {
  const groups = new Map<string, Series>();
  for (const b of [...backups].reverse()) {
    const name = b.whole ? b.source : `${b.source} (${part(b)})`;
    const group = groups.get(name) ?? { name, source: b.source, points: [] };
    group.points.push({ id: b.id, at: Date.parse(b.createdAt), value: value(b) });
    groups.set(name, group);
  }
  return [...groups.values()].sort((a, b) => b.points.length - a.points.length);
}

/** days of a forecast that are drawn. */
const ahead = 10;

export function Charts({ source, metrics: m, days }: { source: string | undefined; metrics: Metrics; days: number }) {
  const { t, f } = useText();
  const w = useMoreWords().charts;
  const part = (b: Backup) => partText(t, b);
  const recent = useRecent(source, days);
  const to = useNow(60_000);
  const from = to - days * 86_400_000;
  const gaps = new Map(m.sources.map((s) => [s.source, gapsOf(s.trend)]));
  const forecast = (source || m.sources.length === 1) ? m.sources.find((s) => s.source === (source ?? m.sources[0]!.source))?.forecast : undefined;
  const outlook = (trend: { now: number; perDay: number } | undefined, series: Series[]): Outlook | undefined =>
    trend && series[0] && { now: trend.now, perDay: trend.perDay, until: to + ahead * 86_400_000, spread: spread(series[0].points, to, trend) };
  return (
    <Loaded query={recent} rows={4}>
      {(r) => {
        if (r.backups.length === 0) return null;
        const sizes = seriesOf(r.backups, (b) => b.size, part);
        const durations = seriesOf(r.backups, (b) => b.duration, part);
        return (
          <div className="charts">
            <div className="card"><TimeChart title={w.size} series={sizes} gaps={gaps} outlook={outlook(forecast?.size, sizes)} format={f.bytes} floor={64 << 10} units={byteUnits} from={from} to={to} /></div>
            <div className="card"><TimeChart title={w.duration} series={durations} gaps={gaps} outlook={outlook(forecast?.duration, durations)} format={f.duration} floor={2_000} units={millisecondUnits} from={from} to={to} /></div>
          </div>
        );
      }}
    </Loaded>
  );
}
