// A card for each source; one row each where they are many, or the screen is narrow. Whatever is wrong comes first.

import { useState } from "react";
import type { DaySummary, SourceSummary } from "../../api/client";
import { worst, type DayStatus } from "../../charts/statistics";
import { Icon, useNow, word } from "../../components/basics";
import { useText } from "../../i18n";
import { writeFilters } from "../../url";
import { lastGood, stateTones, worstFirst } from "../Sources";
import { gapsOf, pieces, trendOf } from "./figures";

/** many sources are rows, not cards. */
export const many = 10;
/** So many are shown at first, the worst of them: the list of backups is not to be far. */
const first = 6;
/** From so many on there is a field to find one. */
const sought = 15;

export function SourceCards({ sources, days, stale = false }: { sources: SourceSummary[]; days: number; /** The figures may be old: none is shown as good by them. */ stale?: boolean }) {
  const { t } = useText();
  const [text, setText] = useState("");
  const [all, setAll] = useState(sources.length <= first);
  const wanted = text.trim().toLowerCase();
  const shown = worstFirst(sources).filter((s) => !wanted || `${s.source} ${s.database} ${s.server ?? ""}`.toLowerCase().includes(wanted));
  return (
    <section className={`sources${sources.length >= many ? " many" : ""}${all || wanted ? "" : " some"}`} aria-labelledby="sources">
      <h2 id="sources" className={sources.length >= many ? "" : "hidden"}>{t.sources.title}</h2>
      {sources.length >= sought && (
        <>
          <input type="search" aria-label={t.front.cards.filter} placeholder={t.front.cards.filter} value={text} maxLength={63} onChange={(e) => setText(e.target.value)} />
          <p role="status" className="hint">{shown.length < sources.length && t.front.cards.hidden(sources.length - shown.length)}</p>
        </>
      )}
      <ul>{(all || wanted ? shown : shown.slice(0, first)).map((s) => <Card key={s.source} source={s} days={days} stale={stale} />)}</ul>
      {!all && !wanted && <button type="button" className="plain link" onClick={() => setAll(true)}>{t.front.cards.all(sources.length)}</button>}
    </section>
  );
}

/** stateOf says in a word or two how it stands with a source. */
export function stateOf(t: ReturnType<typeof useText>["t"], s: SourceSummary): string {
  const first = s.findings[0];
  if (first) return word(t.findings.short, first.code);
  return s.state === "ok" ? t.sources.ok : t.results[s.state === "failing" ? "failed" : "warning"];
}

function Card({ source: s, days, stale }: { source: SourceSummary; days: number; stale: boolean }) {
  const { t, f } = useText();
  const now = useNow(60_000);
  const c = t.front.cards;
  const tone = stale && s.state === "ok" ? "none" : stateTones[s.state];
  const last = lastGood(s);
  return (
    <li className={`source ${tone}`}>
      <div className="source-head">
        <p className="source-name"><span className="dot" aria-hidden="true" /><a href={`#/?${writeFilters({ source: s.source })}`}>{s.source}</a>{s.server && <span className="where" title={s.server}>{s.server}</span>}</p>
        <p className="source-state">{s.running > 0 ? <><Icon name="run" />{c.running}</> : <>{tone !== "ok" && tone !== "none" && <Icon name={tone} />}{stateOf(t, s)}</>}</p>
      </div>
      <dl className="source-last"><dt>{c.last}{last && <span className="ago"> · {f.ago(last.at, now)}</span>}</dt><dd title={last && f.utc(last.at)}>{last ? f.when(last.at, now) : c.never}</dd></dl>
      <dl className="source-next"><dt>{c.next}{s.nextScheduledAt && <span className="ago"> · {f.ago(s.nextScheduledAt, now)}</span>}</dt><dd>{s.nextScheduledAt ? f.when(s.nextScheduledAt, now) : c.none}</dd></dl>
      <Days days={s.trend.slice(-days)} />
      <dl className="source-proof"><dt>{c.proof}</dt><dd><ProofWord source={s} /></dd></dl>
      <Trend source={s} days={days} />
    </li>
  );
}

/** ProofWord says when a backup of a source was last restored and compared. */
export function ProofWord({ source: s }: { source: SourceSummary }) {
  const { t, f } = useText();
  const now = useNow(60_000);
  const c = t.front.cards;
  const { lastProven: good, lastDisproven: bad } = s;
  if (bad && (!good || good.provenAt < bad.provenAt)) return <span className="bad tone"><Icon name="bad" />{c.failed} {f.ago(bad.provenAt, now)}</span>;
  if (!good) return <span className="muted">{c.untested}</span>;
  return <span><Icon name="ok" />{f.ago(good.provenAt, now)}{good.inPart && ` (${c.inPart})`}</span>;
}

/** Trend is the size of the last backup, with a small line of those before it. */
export function Trend({ source: s, days, dt }: { source: SourceSummary; days: number; dt?: string }) {
  const { t, f } = useText();
  const now = useNow(60_000);
  const { points, change } = trendOf(s, now, days);
  const last = s.sizes.at(-1) ?? lastGood(s);
  return (
    <dl className="source-size">
      <dt>{dt ?? t.front.cards.size}{change && <span className="ago"> · {t.front.cards.grew(f.change(change.now, change.before), days)}</span>}</dt>
      <dd>{last ? f.bytes(last.size) : "—"}{points.length > 2 && <Spark points={points} gaps={gapsOf(s.trend).map((g) => g.date)} from={now - days * 86_400_000} to={now} />}</dd>
    </dl>
  );
}

function Spark({ points, gaps, from, to }: { points: { at: number; value: number }[]; gaps: string[]; from: number; to: number }) {
  const low = Math.min(...points.map((p) => p.value)), high = Math.max(...points.map((p) => p.value));
  const room = Math.max(high - low, high * 0.05, 1); // what differs by little is no mountain
  const x = (at: number) => (1 + ((at - from) / (to - from)) * 98).toFixed(1);
  const y = (v: number) => (21 - ((v - low) / room) * 18).toFixed(1);
  return (
    <svg className="spark" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true" focusable="false">
      {pieces(points, gaps).map((piece) => <polyline key={piece[0]!.at} points={(piece.length > 1 ? piece : [piece[0]!, piece[0]!]).map((p) => `${x(p.at)},${y(p.value)}`).join(" ")} />)}
    </svg>
  );
}

/** What each status of a day looks like, apart by form and not by colour alone. The frame is 10 by 20. */
const forms: Record<DayStatus, { className: string; rect?: [number, number, number, number]; path?: string }> = {
  success: { className: "ok", rect: [1, 0, 8, 20] },
  failed: { className: "bad", rect: [1, 0, 8, 20], path: "M3 7.500l4 5M7 7.500l-4 5" },
  missed: { className: "missed", rect: [1.7, 0.7, 6.6, 18.6] },
  running: { className: "run", rect: [1, 6, 8, 14] },
  canceled: { className: "none", rect: [1, 8, 8, 4], path: "M5 5v10" },
  none: { className: "none", rect: [1, 9, 8, 2] },
};

/** Days is the picture of the last days: a bar for a good one, a cross, a dashed frame for one that was missed, a dash where nothing was due. */
function Days({ days }: { days: DaySummary[] }) {
  const { t } = useText();
  const statuses = days.map(worst);
  const count = (s: DayStatus) => statuses.filter((x) => x === s).length;
  const c = t.strip.counts;
  const parts = [c.succeeded(count("success")), ...(count("failed") ? [c.failed(count("failed"))] : []), ...(count("missed") ? [c.missed(count("missed"))] : [])];
  return (
    <svg className="days-picture" viewBox={`0 0 ${Math.max(days.length, 1) * 10} 20`} preserveAspectRatio="none" role="img" aria-label={t.front.cards.days(parts.join(", "))}>
      {statuses.map((s, i) => <DayForm key={days[i]!.date} status={s} x={i * 10} />)}
    </svg>
  );
}

export function DayForm({ status, x }: { status: DayStatus; x: number }) {
  const { className, rect, path } = forms[status];
  return (
    <g transform={`translate(${x} 0)`} className={`day-${className}`}>
      {rect && <rect x={rect[0]} y={rect[1]} width={rect[2]} height={rect[3]} rx="1.5" />}
      {path && <path d={path} />}
    </g>
  );
}
