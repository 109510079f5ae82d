// Which backup: the chosen one, and the other good ones of its source, by day, with what is known of each.

import { useState } from "react";
import type { Backup } from "../../api/client";
import { useGoodBackups } from "../../api/restores";
import { Badge, Facts, Time } from "../../components/basics";
import { PartBadge } from "../../components/Part";
import { Loading, Missing } from "../../components/states";
import { StatusBadge, Verified } from "../../components/Verified";
import { useText } from "../../i18n";
import { useRestoreWords } from "../../i18n/restore";
import { restorable } from "./order";
import { Take } from "./parts";

/** few is how many are shown before somebody asks for older ones. */
const few = 8;

export function Which({ backup: b }: { backup: Backup }) {
  const { t, f } = useText();
  const r = useRestoreWords().page;
  const query = useGoodBackups(b.source);
  const [all, setAll] = useState(false);
  const good = query.data?.pages.flatMap((p) => p.backups).filter(restorable) ?? [];
  const shown = all ? good : good.slice(0, few);
  const days = new Map<string, Backup[]>();
  for (const x of shown) days.set(f.date(x.createdAt), [...(days.get(f.date(x.createdAt)) ?? []), x]);
  const more = () => (all ? void query.fetchNextPage() : setAll(true));
  return (
    <section className="card">
      <h2>{r.which}</h2>
      <Facts of={[
        [r.made, <><Time at={b.createdAt} /> <StatusBadge backup={b} /></>],
        [r.size, b.size > 0 && f.bytes(b.size)],
        [r.holds, b.whole ? b.contents?.tables !== undefined && r.rowsOf(b.contents.tables, b.contents.rows ?? 0) : <PartBadge backup={b} />],
        [r.proof, b.verification && <Verified backup={b} />],
        [t.columns.file, <a key="file" href={`#/backups/${b.id}`}>{b.filename}</a>],
      ]} />
      <h3>{r.others}</h3>
      <Missing query={query} />
      {!query.data ? !query.error && <Loading /> : good.length === 0 ? <p className="muted">{r.noOthers}</p> : (
        <ol className="days">
          {[...days].map(([day, of]) => (
            <li key={day}>
              <span className="muted">{day}</span>
              <ul>
                {of.map((x) => (
                  <li key={x.id} className={x.id === b.id ? "now" : undefined}>
                    <Take backup={x} aria-current={x.id === b.id ? "true" : undefined}><span className="hidden">{r.choose(day)} </span>{f.clock(x.createdAt)}</Take>
                    <span>{f.bytes(x.size)}</span>
                    <span className="muted"><Verified backup={x} /></span>
                    {x.id === b.id && <strong>{r.chosen}</strong>}
                    {!x.verification && <Badge tone="warn">{t.status.unverified}</Badge>}
                    {!x.whole && <span className="badge part" title={t.part.what}>{t.part.badge}</span>}
                    {Boolean(x.contents?.lost) && <Badge tone="warn">{r.rowsLost}</Badge>}
                    {x.shrunk && <Badge tone="warn">{t.findings.short.shrunk}</Badge>}
                  </li>
                ))}
              </ul>
            </li>
          ))}
        </ol>
      )}
      {(good.length > shown.length || query.hasNextPage) && <button type="button" className="small" onClick={more} disabled={query.isFetchingNextPage}>{r.more}</button>}
    </section>
  );
}
