// A line of values over time, one for each source, with a mark where a value departs far from its line's median.
// The picture is for the eye; the same figures stand in a table for screen readers.

import { useEffect, useRef, useState } from "react";
import { useText } from "../i18n";
import { navigate } from "../url";
import { median, outliers, ticks } from "./statistics";

export interface Point {
  id: string;
  at: number;
  value: number;
}

export interface Series {
  name: string;
  points: Point[];
}

const height = 190;
const margin = { top: 12, right: 12, bottom: 24, left: 66 };
/** A line among others needs a colour of its own, and there are so many. */
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

export function TimeChart({ title, series, format, floor, units, from, to }: {
  title: string;
  series: Series[];
  format: (value: number) => string;
  /** A difference that is never marked. */
  floor: number;
  /** What the axis counts in. */
  units: readonly number[];
  from: number;
  to: number;
}) {
  const { t, f } = useText();
  const [ref, width] = useWidth();
  const shown = series.slice(0, maxSeries).map((s) => {
    const values = s.points.map((p) => p.value);
    const marks = outliers(values, floor);
    return { ...s, median: median(values), points: s.points.map((p, i) => ({ ...p, far: marks[i]! })) };
  });
  const all = shown.flatMap((s) => s.points);
  const scale = ticks(Math.max(...all.map((p) => p.value), 0), 3, units);
  const top = scale.at(-1) || 1;
  const x = (at: number) => margin.left + ((at - from) / (to - from)) * (width - margin.left - margin.right);
  const y = (v: number) => height - margin.bottom - (v / top) * (height - margin.top - margin.bottom);
  const date = f.shortDate; // as the points' times are: by the user's clock
  const anyFar = all.some((p) => p.far);

  return (
    <figure className="chart" ref={ref}>
      <figcaption>{title}</figcaption>
      {all.length === 0 ? <p className="muted chart-empty">{t.charts.none}</p> : (
        <svg viewBox={`0 0 ${width} ${height}`} width={width} height={height} aria-hidden="true" focusable="false">
          {scale.map((v) => (
            <g key={v}>
              <line className="grid" x1={margin.left} x2={width - margin.right} y1={y(v)} y2={y(v)} />
              <text x={margin.left - 8} y={y(v) + 4} textAnchor="end">{v === 0 ? "0" : format(v)}</text>
            </g>
          ))}
          <text x={margin.left} y={height - 6}>{date(from)}</text>
          <text x={width - margin.right} y={height - 6} textAnchor="end">{date(to)}</text>
          {shown.map((s, i) => (
            <g key={s.name} className={`series s${i}`}>
              {s.points.length >= 5 && shown.length === 1 && <line className="median" x1={margin.left} x2={width - margin.right} y1={y(s.median)} y2={y(s.median)} />}
              <polyline points={s.points.map((p) => `${x(p.at)},${y(p.value)}`).join(" ")} />
              {s.points.map((p) => (
                <g key={p.id} className="point" onClick={() => navigate(`/backups/${p.id}`)}>
                  <title>{`${series.length > 1 ? `${s.name}, ` : ""}${f.dateTime(new Date(p.at).toISOString())}: ${format(p.value)}${p.far ? ` (${t.charts.far(format(s.median))})` : ""}`}</title>
                  <circle className="target" cx={x(p.at)} cy={y(p.value)} r={9} />
                  {p.far && <path className="far" d={`M${x(p.at)} ${y(p.value) - 8}l8 8-8 8-8-8z`} />}
                  <circle className="dot" cx={x(p.at)} cy={y(p.value)} r={3} />
                </g>
              ))}
            </g>
          ))}
        </svg>
      )}
      {(shown.length > 1 || anyFar) && (
        <ul className="legend" aria-hidden="true">
          {shown.length > 1 && shown.map((s, i) => <li key={s.name}><span className={`swatch s${i}`} />{s.name}</li>)}
          {series.length > shown.length && <li>{t.charts.more(series.length - shown.length)}</li>}
          {anyFar && <li><svg className="mark" viewBox="0 0 20 20"><path className="far" d="M10 2l8 8-8 8-8-8z" /></svg>{t.charts.farLegend}</li>}
        </ul>
      )}
      <div className="hidden">
      <table>
        <caption>{title}</caption>
        <thead><tr><th scope="col">{t.columns.source}</th><th scope="col">{t.columns.started}</th><th scope="col">{title}</th><th scope="col">{t.charts.remark}</th></tr></thead>
        <tbody>
          {shown.flatMap((s) => s.points.map((p) => (
            <tr key={p.id}><td>{s.name}</td><td>{f.dateTime(new Date(p.at).toISOString())}</td><td>{format(p.value)}</td><td>{p.far ? t.charts.far(format(s.median)) : ""}</td></tr>
          )))}
        </tbody>
      </table>
      </div>
    </figure>
  );
}
