// How many backups will be kept when, by the rules as they are.

import { useState } from "react";
import { useForecast } from "../api/queries";
import { Field } from "../components/basics";
import { Loaded } from "../components/states";
import { useText } from "../i18n";
import { useScreenWords } from "../i18n/screens";

/** inMonths is a day so many months from now, as a date field has it. */
const inMonths = (months: number) => {
  const d = new Date();
  d.setMonth(d.getMonth() + months);
  return d.toISOString().slice(0, 10);
};

export function ForecastCard({ days }: { days: number | undefined }) {
  const { f } = useText();
  const { forecast: words } = useScreenWords();
  const [until, setUntil] = useState(inMonths(6));
  const [open, setOpen] = useState(false);
  const query = useForecast(open && until > inMonths(0) ? `${until}T00:00:00Z` : undefined, days);
  return (
    <details className="card" onToggle={(e) => setOpen(e.currentTarget.open)}>
      <summary>{words.title}</summary>
      <p className="muted">{words.lead}</p>
      <Field label={words.until}>{(ids) => <input {...ids} type="date" min={inMonths(0)} max={inMonths(119)} value={until} onChange={(e) => setUntil(e.target.value)} />}</Field>
      <Loaded query={query} rows={3}>
        {({ forecast, removed }) => {
          const points = forecast?.points ?? [];
          const most = Math.max(1, ...points.map((p) => p.backups));
          return (
            <>
              <table>
                <thead><tr><th>{words.by}</th><th className="number">{words.kept}</th><th className="number">{words.size}</th><th className="number">{words.goes}</th><th /></tr></thead>
                <tbody>
                  {points.map((p) => (
                    <tr key={p.at}>
                      <td>{f.date(p.at)}</td><td className="number">{f.number(p.backups)}</td><td className="number">{f.bytes(p.bytes)}</td><td className="number">{f.number(p.removed)}</td>
                      <td aria-hidden="true"><meter max={most} value={p.backups} /></td>
                    </tr>
                  ))}
                </tbody>
              </table>
              {points.length > 0 && <p>{words.sum(removed.length, f.date(points.at(-1)!.at))}</p>}
            </>
          );
        }}
      </Loaded>
    </details>
  );
}
