// What a backup contains, table by table, and what changed since the backup before. Loaded when somebody opens it.

import { useDeferredValue, useState } from "react";
import type { Backup, BackupDiff } from "../api/client";
import { useMay } from "../api/context";
import { useContents, useDiff, type ContentsOrder } from "../api/queries";
import { Badge, Time, word, type Tone } from "../components/basics";
import { Empty, Failed, Loaded, Loading } from "../components/states";
import { useText } from "../i18n";
import { Rows } from "./Rows";

const orders: ContentsOrder[] = ["size", "rows", "name"];

/** dotted gives a name with its schema. */
const dotted = (x: { schema: string; name: string }) => (x.schema ? `${x.schema}.${x.name}` : x.name);

export function Tables({ backup: b }: { backup: Backup }) {
  const { t, f } = useText();
  const c = t.contents;
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
  return (
    <>
      <div className="actions">
        <input type="search" aria-label={c.search} placeholder={c.search} value={typed} maxLength={200} onChange={(e) => setTyped(e.target.value)} />
        <select aria-label={c.sort} value={sort} onChange={(e) => setSort(e.target.value as ContentsOrder)}>
          {orders.map((o) => <option key={o} value={o}>{c.orders[o]}</option>)}
        </select>
      </div>
      {query.error && <Failed error={query.error} retry={() => query.refetch()} />}
      {!first || !tables ? !query.error && <Loading /> : tables.length === 0 ? <Empty title={c.none} /> : (
        <div className="scroll" tabIndex={0} role="region" aria-label={c.title}>
          <table className="plain-table">
            <thead><tr><th scope="col">{c.table}</th><th scope="col" className="number">{c.rows}</th><th scope="col" className="number">{c.size}</th><th scope="col" className="number">{c.stored}</th><th scope="col">{c.share}</th></tr></thead>
            <tbody>
              {tables.map((x) => {
                const share = first.totals.bytes > 0 ? x.bytes / first.totals.bytes : 0;
                return (
                  <tr key={dotted(x)}>
                    <td>{opens && x.data ? <button type="button" className="plain link" aria-label={c.openRows(dotted(x))} onClick={() => setShown(x)}>{dotted(x)}</button> : dotted(x)}{x.kind !== "table" && <span className="muted"> · {word(c.kinds, x.kind)}</span>}</td>
                    <td className="number">{x.data ? f.number(x.rows) : "–"}</td>
                    <td className="number">{x.data ? f.bytes(x.bytes) : "–"}</td>
                    <td className="number">{x.stored > 0 ? f.bytes(x.stored) : "–"}</td>
                    <td>{x.data && <meter value={share} aria-label={c.shareOf(dotted(x), f.percent(share))} title={f.percent(share)} />}</td>
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

export function Changes({ backup: b }: { backup: Backup }) {
  const query = useDiff(b.id);
  return <Loaded query={query}>{(d) => <Difference of={d} />}</Loaded>;
}

function Difference({ of: d }: { of: BackupDiff }) {
  const { t, f } = useText();
  const c = t.contents;
  const tables = d.largeObjects ? [...d.tables, d.largeObjects] : d.tables;
  const rows = (n: number | undefined) => (n === undefined ? "–" : f.number(n));
  return (
    <>
      <p className="muted">{c.since} <a href={`#/backups/${d.before.id}`}><Time at={d.before.at} /></a> · {c.same(d.sameTables)}</p>
      {d.equal && <p>{c.equal}</p>}
      {tables.length > 0 && (
        <div className="scroll" tabIndex={0} role="region" aria-label={c.changes}>
          <table className="plain-table">
            <thead><tr><th scope="col">{c.change}</th><th scope="col">{c.table}</th><th scope="col" className="number">{c.before}</th><th scope="col" className="number">{c.after}</th></tr></thead>
            <tbody>
              {tables.map((x) => (
                <tr key={dotted(x)}>
                  <td><Badge tone={tones[x.change] ?? "none"}>{word(c.kindsOfChange, x.change)}</Badge></td>
                  <td>{x === d.largeObjects ? "large objects" : dotted(x)}</td>
                  <td className="number">{rows(x.rowsBefore)}</td>
                  <td className="number">{rows(x.rowsAfter)}</td>
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
          <ul>{d.definitions.map((x) => <li key={x.kind + dotted(x)}><Badge tone={tones[x.change] ?? "none"}>{word(c.kindsOfChange, x.change)}</Badge> <code>{x.kind.toLowerCase()}</code> {dotted(x)}</li>)}</ul>
          {d.changedDefinitions > d.definitions.length && <p className="muted">{c.moreDefinitions(d.changedDefinitions - d.definitions.length)}</p>}
        </>
      )}
      {d.changedSequences > 0 && <p className="muted">{c.sequences(d.changedSequences)}</p>}
      {d.notes.map((x) => <p key={x} className="muted" lang="en">{x}</p>)}
    </>
  );
}
