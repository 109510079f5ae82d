// One source alone: its figures in a line, and its days, each of which leads to the backups of that day.

import type { Metrics, SourceSummary } from "../../api/client";
import { DayStrip } from "../../charts/DayStrip";
import { useNow } from "../../components/basics";
import { useText } from "../../i18n";
import { lastGood } from "../Sources";
import { ProofWord, Trend } from "./SourceCards";

export function OneSource({ metrics: m, source: s, days }: { metrics: Metrics; source: SourceSummary; days: number }) {
  const { t, f } = useText();
  const now = useNow(60_000);
  const c = t.front.cards;
  const last = lastGood(s);
  return (
    <section className="one-source" aria-label={s.source}>
      <div className="one-figures">
        <dl><dt>{c.last}{last && <span className="ago"> · {f.ago(last.at, now)}</span>}</dt><dd title={last && f.utc(last.at)}>{last ? f.when(last.at, now) : c.never}</dd></dl>
        <dl><dt>{c.next}{s.nextScheduledAt && <span className="ago"> · {f.ago(s.nextScheduledAt, now)}</span>}</dt><dd>{s.nextScheduledAt ? f.when(s.nextScheduledAt, now) : c.none}</dd></dl>
        <Trend source={s} days={days} />
        <dl><dt>{c.proof}</dt><dd><ProofWord source={s} /></dd></dl>
      </div>
      <DayStrip days={m.trend.slice(-days)} source={s.source} zone={m.timeZone} />
    </section>
  );
}
