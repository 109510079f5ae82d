// What a backup contains, table by table, and what changed since the backup before. Those that lost rows stand on top, with the way back.

import { useDeferredValue, useState, type RefObject } from "react";
import type { Backup, BackupDiff } from "../api/client";
import { useMay } from "../api/context";
import { useContents, useDiff, type ContentsOrder } from "../api/queries";
import { Badge, Icon, Time, word, type Tone } from "../components/basics";
import { Empty, Loaded, Loading, Missing, Told } from "../components/states";
import { useText } from "../i18n";
import { useDetailsWords } from "../i18n/details";
import { dotted, seen, tableName } from "../names";
import { nameOf } from "./restore/order";
import { restoreLink } from "./restore/parts";
import { Rows } from "./Rows";

export type View = "tables" | "changes";

/** Contents is what the record says of them, and the tables or the changes where they can be read. `heading` is where whoever asks for a view finds it. */
export function Contents({ backup: b, view, onView, heading }: { backup: Backup; view: View; onView: (view: View) => void; heading: RefObject<HTMLHeadingElement | null> }) {
  const w = useDetailsWords().contents;
  const c = b.contents;
  return (
    <section className="card">
      <div className="card-head">
        <h2 ref={heading} tabIndex={-1}>{w.title}</h2>
        {c?.readable && (
          <div className="actions segments">
            {(["tables", "changes"] as const).map((v) => <button key={v} type="button" className="small" aria-pressed={view === v} onClick={() => onView(v)}>{w[v]}</button>)}
          </div>
        )}
      </div>
      {!c ? <p>{w.old}</p>
        : !c.known ? <p>{w.missing} <Told text={c.missing} of={c} /></p>
        : !c.readable ? <p>{w.closed}</p>
        : <p className="muted">{b.encryption === "age" ? w.encrypted : w.summary(c.tables ?? 0, c.rows ?? 0)}</p>}
      {c?.notCompared && c.readable && <p className="muted">{w.notCompared} <Told text={c.notCompared} of={c} /></p>}
      {c?.readable && (view === "tables" ? <Tables backup={b} /> : <Changes backup={b} />)}
    </section>
  );
}

/** WayBack leads to a restore of one table out of a backup that still has its rows. */
function WayBack({ from, table }: { from: string; table: string }) {
  const w = useDetailsWords().contents;
  return <a className="button small" href={restoreLink(from, [table])} aria-label={w.takeOf(seen(table))}>{w.take}</a>;
}

/** definition names what is no table: with its arguments, and the table that it belongs to. */
const definition = (x: { schema: string; name: string }) => seen(x.schema ? `${x.schema}.${x.name}` : x.name);

const orders: ContentsOrder[] = ["size", "rows", "name"];

function Tables({ backup: b }: { backup: Backup }) {
  const { t, f } = useText();
  const c = useDetailsWords().contents;
  const [typed, setTyped] = useState("");
  const [sort, setSort] = useState<ContentsOrder>("size");
  const search = useDeferredValue(typed.trim());
  const [shown, setShown] = useState<{ schema: string; name: string } | null>(null);
  const may = useMay();
  const opens = b.format === "custom" && may("restore"); // nobody knows where the rows of a script lie
  const query = useContents(b.id, search, sort);
  const pages = query.data?.pages;
  const first = pages?.[0];
  const tables = pages?.flatMap((p) => p.tables);
  // Those that lost rows are on top, whatever the order; a search is for what was typed.
  const lost = search ? [] : (first?.warnings ?? []);
  const from = may("restore") ? b.contents?.compared : undefined;
  return (
    <>
      <div className="actions filter">
        <input type="search" aria-label={c.search} placeholder={c.search} value={typed} maxLength={200} onChange={(e) => setTyped(e.target.value)} />
        <select aria-label={c.sort} value={sort} onChange={(e) => setSort(e.target.value as ContentsOrder)}>
          {orders.map((o) => <option key={o} value={o}>{c.orders[o]}</option>)}
        </select>
      </div>
      <Missing query={query} />
      {!first || !tables ? !query.error && <Loading /> : tables.length + lost.length === 0 ? <Empty title={c.none} /> : (
        <div className="scroll" tabIndex={0} role="region" aria-label={c.title}>
          <table className="plain-table contents" role="table">
            <thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">{c.table}</th><th scope="col" role="columnheader" className="number">{c.rows}</th><th scope="col" role="columnheader" className="number">{c.size}</th><th scope="col" role="columnheader" className="number stored">{c.stored}</th><th scope="col" role="columnheader">{lost.length && from ? c.way : c.share}</th></tr></thead>
            <tbody role="rowgroup">
              {lost.map((x) => (
                <tr key={`lost ${x.table}`} className="lost" role="row">
                  <td role="cell"><Icon name="warn" /> {seen(x.table)}</td>
                  <td role="cell" className="number" colSpan={3}>{x.dropped ? c.gone : f.number(x.after)} <strong>−{f.number(x.before - x.after)} (−{x.percent}%)</strong></td>
                  <td role="cell" className="way">{from && <WayBack from={from} table={x.table} />}</td>
                </tr>
              ))}
              {tables.filter((x) => !lost.some((l) => l.table === nameOf(x))).map((x) => {
                const share = first.totals.bytes > 0 ? x.bytes / first.totals.bytes : 0;
                return (
                  <tr key={tableName(x)} role="row">
                    <td role="cell">{opens && x.data ? <button type="button" className="plain link" aria-label={c.openRows(dotted(x))} onClick={() => setShown(x)}>{dotted(x)}</button> : dotted(x)}{x.kind !== "table" && <span className="muted"> · {word(c.kinds, x.kind)}</span>}</td>
                    <td role="cell" className="number" data-unit={c.rows}>{x.data ? f.number(x.rows) : "–"}</td>
                    <td role="cell" className="number">{x.data ? f.bytes(x.bytes) : "–"}</td>
                    <td role="cell" className="number stored">{x.stored > 0 ? f.bytes(x.stored) : "–"}</td>
                    <td role="cell" className="share">{x.data && <meter value={share} aria-label={c.shareOf(dotted(x), f.percent(share))} title={f.percent(share)} />}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
      {first?.largeObjects && !search && <p className="muted">{c.largeObjects(first.largeObjects.count, f.bytes(first.largeObjects.bytes))}</p>}
      {query.hasNextPage && <div className="more"><button type="button" onClick={() => void query.fetchNextPage()} disabled={query.isFetchingNextPage}>{t.list.more}</button></div>}
      {shown && <Rows backup={b} table={shown} name={dotted(shown)} onClose={() => setShown(null)} />}
    </>
  );
}

const tones: Record<string, Tone> = { came: "ok", grew: "ok", went: "bad", shrank: "bad", changed: "warn", unknown: "none" };

function Changes({ backup: b }: { backup: Backup }) {
  const query = useDiff(b.id);
  return <Loaded query={query}>{(d) => <Difference of={d} />}</Loaded>;
}

function Difference({ of: d }: { of: BackupDiff }) {
  const { f } = useText();
  const c = useDetailsWords().contents;
  const may = useMay();
  const back = may("restore") && d.tables.some((x) => x.change === "went" || x.change === "shrank");
  const tables = d.largeObjects ? [...d.tables, d.largeObjects] : d.tables;
  const rows = (n: number | undefined) => (n === undefined ? "–" : f.number(n));
  return (
    <>
      <p className="muted">{c.since} <a href={`#/backups/${d.before.id}`}><Time at={d.before.at} /></a> · {c.same(d.sameTables)}</p>
      {d.equal && <p>{c.equal}</p>}
      {tables.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label={c.changes}>
          <table className="plain-table diff" role="table">
            <thead role="rowgroup"><tr role="row"><th scope="col" role="columnheader">{c.change}</th><th scope="col" role="columnheader">{c.table}</th><th scope="col" role="columnheader" className="number">{c.before}</th><th scope="col" role="columnheader" className="number">{c.after}</th>{back && <th scope="col" role="columnheader">{c.way}</th>}</tr></thead>
            <tbody role="rowgroup">
              {tables.map((x) => (
                <tr role="row" key={tableName(x)}>
                  <td role="cell"><Badge tone={tones[x.change] ?? "none"}>{word(c.kindsOfChange, x.change)}</Badge></td>
                  <td role="cell">{x === d.largeObjects ? "large objects" : dotted(x)}</td>
                  <td role="cell" className="number">{rows(x.rowsBefore)}</td>
                  <td role="cell" className="number">{rows(x.rowsAfter)}</td>
                  {back && <td role="cell">{x !== d.largeObjects && (x.change === "went" || x.change === "shrank") && <WayBack from={d.before.id} table={nameOf(x)} />}</td>}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {d.changedTables > d.tables.length && <p className="muted">{c.moreTables(d.changedTables - d.tables.length)}</p>}
      {d.definitions.length > 0 && (
        <>
          <h3>{c.definitions}</h3>
          <ul>{d.definitions.map((x) => <li key={x.kind + tableName(x)}><Badge tone={tones[x.change] ?? "none"}>{word(c.kindsOfChange, x.change)}</Badge> <code>{x.kind.toLowerCase()}</code> {definition(x)}</li>)}</ul>
          {d.changedDefinitions > d.definitions.length && <p className="muted">{c.moreDefinitions(d.changedDefinitions - d.definitions.length)}</p>}
        </>
      )}
      {d.changedSequences > 0 && <p className="muted">{c.sequences(d.changedSequences)}</p>}
      {d.notes.map((x) => <p key={x} className="muted"><Told text={x} of={d} /></p>)}
    </>
  );
}
