// What is kept of a source, drawn: a line for each rule, a tick for each backup that it holds, from today to a year ago; pale is what it has room for and
// is not there yet. The picture is for the eye; the same stands in its text.

import { useMemo } from "react";
import { useNow } from "../components/basics";
import { useText } from "../i18n";
import { useRetentionWords } from "../i18n/retention";
import { linesOf, marks, placeOf, type Kept } from "./kept";

export function RetentionChart({ kept, title, note, heading: Heading = "h3" }: { kept: readonly Kept[]; title: string; note?: string | undefined; heading?: "h2" | "h3" | undefined }) {
  const { f } = useText();
  const w = useRetentionWords();
  const now = useNow(60_000);
  const lines = useMemo(() => linesOf(kept), [kept]);
  const axis = useMemo(() => marks(lines, now), [lines, now]);
  if (kept.length === 0) return <p className="muted">{w.none}</p>;
  const x = (at: number) => 3 + placeOf(at, now, axis) * 394;
  const bytes = kept.reduce((n, k) => n + k.bytes, 0);
  const several = lines.reduce((n, l) => n + l.ticks.length, 0) > kept.length;
  const pale = lines.some((l) => l.pale.length > 0);
  const text = lines.map((l) => w.line(w.rules[l.rule], l.ticks.length, l.of, f.date(new Date(l.ticks.at(-1)!).toISOString()))).join(" ");
  return (
    <figure className="retention">
      <figcaption><Heading>{title}</Heading></figcaption>
      <div className="kept-chart" role="img" aria-label={`${title}. ${w.sum(kept.length, f.bytes(bytes))} ${text}`}>
        {lines.map((l) => (
          <div key={l.rule} className="kept-line">
            <span>{w.rules[l.rule]}</span>
            <svg viewBox="0 0 400 18" preserveAspectRatio="none">
              <path className="base" d="M0 9h400" />
              {l.pale.map((at) => <path key={at} className="pale" d={`M${x(at).toFixed(1)} 3v12`} />)}
              {l.ticks.map((at, i) => <path key={`${at} ${i}`} className="tick" d={`M${x(at).toFixed(1)} 3v12`} />)}
            </svg>
            <span className="number">{l.of !== undefined && l.of > l.ticks.length ? w.of(l.ticks.length, l.of) : f.number(l.ticks.length)}</span>
          </div>
        ))}
        <div className="kept-axis"><span />{/* The oldest first, as it is drawn. */}
          <span>{axis.toReversed().map((days, i) => <span key={days} className={i % 2 && i !== axis.length - 1 ? "odd" : undefined}>{w.mark(days)}</span>)}</span><span /></div>
      </div>
      <p className="hint">{[w.sum(kept.length, f.bytes(bytes)), several && w.several, pale && w.pale, note].filter(Boolean).join(" ")}</p>
    </figure>
  );
}
