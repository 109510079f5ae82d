// Lines of values over time, one for each source, with a mark where a value departs far from its line's median. No line is drawn over
// days on which nothing was made: they are marked on the axis. A guide line follows the pointer, the finger and the arrow keys, with the
// figures of its day. The picture is for the eye; the same figures stand in a table for screen readers.

import { useEffect, useRef, useState, type KeyboardEvent, type PointerEvent, type ReactNode } from "react";
import { useText } from "../i18n";
import { useMoreWords } from "../i18n/more";
import { pieces } from "../screens/home/figures";
import { navigate } from "../url";
import { median, outliers, ticks, type DayStatus } from "./statistics";

export interface Point {
  id: string;
  at: number;
  value: number;
}

export interface Series {
  name: string;
  source: string;
  points: Point[];
}

/** Where a line leads: its value at the end of what is drawn, what a day adds, until when, and by how much values usually depart from it. */
export interface Outlook {
  now: number;
  perDay: number;
  until: number;
  spread: number;
}

const height = 190;
const margin = { top: 12, right: 12, bottom: 24, left: 66 };
/** A line among others needs a form of its own, and there are so many. */
export const maxSeries = 4;

/** useWidth measures an element, so that letters in the picture keep their size. */
function useWidth() {
  const ref = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(560);
  useEffect(() => {
    if (!ref.current || typeof ResizeObserver === "undefined") return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.max(220, Math.round(entry.contentRect.width))));
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return [ref, width] as const;
}

/** Dot is a point of a line. Those of later lines are rings around the earlier ones, so that equal values hide nothing. */
const Dot = ({ line, x, y }: { line: number; x: number; y: number }) => <circle className="dot" cx={x} cy={y} r={2.5 + 1.5 * line} />;
/** Of a line with more points only the last has a dot, and those that stand alone: so many beside each other hide the line. */
const fewPoints = 12;

export function TimeChart({ title, series, gaps, outlook, format, floor, units, from, to }: {
  title: string;
  series: Series[];
  /** The days of each source on which nothing was made that was to be. */
  gaps: Map<string, { date: string; status: DayStatus }[]>;
  /** Of the one line that there is. */
  outlook: Outlook | undefined;
  format: (value: number) => string;
  /** A difference that is never marked. */
  floor: number;
  /** What the axis counts in. */
  units: readonly number[];
  from: number;
  to: number;
}) {
  const { t, f } = useText();
  const w = useMoreWords().charts;
  const [ref, width] = useWidth();
  const [at, setAt] = useState<number | null>(null);
  const shown = series.slice(0, maxSeries).map((s) => {
    const values = s.points.map((p) => p.value);
    const marks = outliers(values, floor);
    return { ...s, median: median(values), gaps: gaps.get(s.source) ?? [], points: s.points.map((p, i) => ({ ...p, far: marks[i]! })) };
  });
  const alone = shown.length === 1;
  const ahead = alone ? outlook : undefined;
  const later = (day: number) => ahead && Math.max(0, ahead.now + day * ahead.perDay);
  const days = ahead ? (ahead.until - to) / 86_400_000 : 0;
  const all = shown.flatMap((s) => s.points);
  const scale = ticks(Math.max(...all.map((p) => p.value), ahead ? later(days)! + ahead.spread : 0, 0), 3, units);
  const top = scale.at(-1) || 1;
  const end = ahead?.until ?? to;
  const x = (time: number) => margin.left + ((time - from) / (end - from)) * (width - margin.left - margin.right);
  const y = (v: number) => height - margin.bottom - (Math.max(0, v) / top) * (height - margin.top - margin.bottom);
  const anyFar = all.some((p) => p.far);
  const missing = new Map(shown.flatMap((s) => s.gaps.map((g) => [g.date, g.status] as const)));
  const noon = (day: string) => { const [a, b, c] = day.split("-").map(Number) as [number, number, number]; return new Date(a, b - 1, c, 12).getTime(); };

  // The guide line stands at one of the times at which there is something to tell.
  const stops = [...new Set([...all.map((p) => p.at), ...[...missing.keys()].map(noon), ...(ahead ? [ahead.until] : [])])].filter((s) => s >= from).sort((a, b) => a - b);
  const stop = at === null ? undefined : stops[Math.min(at, stops.length - 1)];
  const near = (time: number) => stops.reduce((best, s, i) => (Math.abs(s - time) < Math.abs(stops[best]! - time) ? i : best), 0);
  const told = stop === undefined ? [] : shown.flatMap((s) => s.points.filter((p) => p.at === stop || (shown.length > 1 && Math.abs(p.at - stop) < 3_600_000)).map((p) => ({ name: s.name, median: s.median, ...p })));
  const gap = stop === undefined || told.length > 0 ? undefined : [...missing].find(([day]) => noon(day) === stop);
  const foretold = ahead && stop === ahead.until && told.length === 0;
  const point = (e: PointerEvent<HTMLElement>) => {
    const box = e.currentTarget.getBoundingClientRect();
    const share = (e.clientX - box.left - margin.left) / (width - margin.left - margin.right);
    setAt(near(from + share * (end - from)));
  };
  const press = (e: KeyboardEvent<HTMLElement>) => {
    const now = at ?? stops.length - 1;
    const next = e.key === "ArrowLeft" ? now - 1 : e.key === "ArrowRight" ? now + 1 : e.key === "Home" ? 0 : e.key === "End" ? stops.length - 1 : undefined;
    if (e.key === "Enter" && told[0]) return navigate(`/backups/${told[0].id}`);
    if (e.key === "Escape") return setAt(null);
    if (next === undefined) return;
    e.preventDefault();
    setAt(Math.min(stops.length - 1, Math.max(0, next)));
  };
  const right = stop !== undefined && x(stop) > width * 0.6;

  return (
    <figure className="chart" ref={ref}>
      <figcaption>{title}</figcaption>
      {all.length === 0 ? <p className="muted chart-empty">{w.none}</p> : (
        <div
          className="plot" role="group" aria-label={title} aria-roledescription={w.keys} tabIndex={0} onPointerMove={point} onPointerDown={point} onPointerLeave={() => setAt(null)}
          onFocus={() => setAt((was) => was ?? stops.length - 1)} onBlur={() => setAt(null)} onKeyDown={press} onDoubleClick={() => told[0] && navigate(`/backups/${told[0].id}`)}
        >
          <svg viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true" focusable="false">
            {scale.map((v) => (
              <g key={v}>
                <line className="grid" x1={margin.left} x2={width - margin.right} y1={y(v)} y2={y(v)} />
                <text x={margin.left - 8} y={y(v) + 4} textAnchor="end">{v === 0 ? "0" : format(v)}</text>
              </g>
            ))}
            <text x={margin.left} y={height - 6}>{f.shortDate(from)}</text>
            <text x={width - margin.right} y={height - 6} textAnchor="end">{f.shortDate(end)}</text>
            {[...missing].filter(([day]) => noon(day) > from).map(([day]) => (
              <g key={day} className="gap">
                {alone && <rect x={x(noon(day) - 43_200_000)} y={margin.top} width={x(86_400_000) - x(0)} height={height - margin.top - margin.bottom} />}
                <path d={`M${x(noon(day)) - 3} ${height - margin.bottom - 3}l6 6m0-6l-6 6`} />
              </g>
            ))}
            {ahead && (
              <g className="ahead">
                <polygon points={`${x(to)},${y(ahead.now + ahead.spread)} ${x(end)},${y(later(days)! + ahead.spread)} ${x(end)},${y(later(days)! - ahead.spread)} ${x(to)},${y(ahead.now - ahead.spread)}`} />
                <line x1={x(to)} y1={y(ahead.now)} x2={x(end)} y2={y(later(days)!)} />
              </g>
            )}
            {shown.map((s, i) => (
              <g key={s.name} className={`series s${i}`}>
                {s.points.length >= 5 && alone && <line className="median" x1={margin.left} x2={x(to)} y1={y(s.median)} y2={y(s.median)} />}
                {pieces(s.points, s.gaps.map((g) => g.date)).map((piece) => (
                  <g key={piece[0]!.id}>
                    <polyline points={piece.map((p) => `${x(p.at)},${y(p.value)}`).join(" ")} />
                    {piece.map((p, n) => (
                      <g key={p.id}>
                        {p.far && <path className="far" d={`M${x(p.at)} ${y(p.value) - 6}l6 6-6 6-6-6z`} />}
                        {(s.points.length <= fewPoints || piece.length === 1 || (n === piece.length - 1 && p === s.points.at(-1))) && <Dot line={i} x={x(p.at)} y={y(p.value)} />}
                      </g>
                    ))}
                  </g>
                ))}
              </g>
            ))}
            {stop !== undefined && <line className="guide" x1={x(stop)} x2={x(stop)} y1={margin.top} y2={height - margin.bottom} />}
          </svg>
          <div className="tip" role="status" hidden={stop === undefined} style={stop === undefined ? undefined : right ? { right: width - x(stop) + 8 } : { left: x(stop) + 8 }}>
            {stop !== undefined && (
              <>
                <strong>{gap ? f.day(gap[0]) : foretold ? f.date(new Date(stop).toISOString()) : f.dateTime(new Date(stop).toISOString())}</strong>
                {told.map((p) => <span key={p.id}>{shown.length > 1 && `${p.name}: `}{format(p.value)}{p.far && ` (${w.far(format(p.median))})`}</span>)}
                {gap && <span>{gap[1] === "missed" ? w.missed : w.failed}</span>}
                {foretold && <span>{w.forecast}: {w.range(format(Math.max(0, later(days)! - ahead.spread)), format(later(days)! + ahead.spread))}</span>}
              </>
            )}
          </div>
        </div>
      )}
      {all.length > 0 && (shown.length > 1 || anyFar || missing.size > 0 || ahead || shown[0]!.points.length >= 5) && (
        <ul className="legend" aria-hidden="true">
          {shown.length > 1 && shown.map((s, i) => <li key={s.name}><Sample className={`series s${i}`}><polyline points="0,8 24,8" /><Dot line={i} x={12} y={8} /></Sample>{s.name}</li>)}
          {series.length > shown.length && <li>{w.more(series.length - shown.length)}</li>}
          {alone && shown[0]!.points.length >= 5 && <li><Sample className="series"><line className="median" x1="0" x2="24" y1="8" y2="8" /></Sample>{w.median}</li>}
          {ahead && <li><Sample className="ahead"><polygon points="0,3 24,1 24,15 0,13" /><line x1="0" y1="8" x2="24" y2="8" /></Sample>{w.forecast}</li>}
          {missing.size > 0 && <li><Sample className="gap"><path d="M9 5l6 6m0-6l-6 6" /></Sample>{w.gap}</li>}
          {anyFar && <li><Sample className=""><path className="far" d="M12 1l7 7-7 7-7-7z" /></Sample>{w.farLegend}</li>}
        </ul>
      )}
      <div className="hidden">
      <table>
        <caption>{title}</caption>
        <thead><tr><th scope="col">{t.columns.source}</th><th scope="col">{t.columns.started}</th><th scope="col">{title}</th><th scope="col">{w.remark}</th></tr></thead>
        <tbody>
          {shown.flatMap((s) => s.points.map((p) => (
            <tr key={p.id}><td>{s.name}</td><td>{f.dateTime(new Date(p.at).toISOString())}</td><td>{format(p.value)}</td><td>{p.far ? w.far(format(s.median)) : ""}</td></tr>
          )))}
        </tbody>
      </table>
      </div>
    </figure>
  );
}

/** Sample draws in the legend what it means, by the same rules as the picture. */
const Sample = ({ className, children }: { className: string; children: ReactNode }) => <svg viewBox="0 0 24 16" className={`sample ${className}`}>{children}</svg>;
