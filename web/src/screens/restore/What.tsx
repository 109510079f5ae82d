// What of the backup: all of it, or tables, which its contents list where they are known.

import { useDeferredValue, useId, useState } from "react";
import type { Backup } from "../../api/client";
import { useContents } from "../../api/queries";
import { Field } from "../../components/basics";
import { Failed, Loading } from "../../components/states";
import { useText } from "../../i18n";
import { useRestoreWords } from "../../i18n/restore";
import { mostTables, nameOf, parseTables, type Draft, type Table } from "./order";

export type Setter = (change: Partial<Draft>) => void;

export function What({ backup: b, draft, set }: { backup: Backup; draft: Draft; set: Setter }) {
  const r = useRestoreWords().page;
  const some = draft.tables !== undefined;
  // Another choice begins with the proposals of its own.
  const choose = (tables: Table[] | undefined) => set({ tables, mode: undefined, database: undefined, as: undefined });
  return (
    <section className="card">
      <h2 id="what">{r.what}</h2>
      {b.format !== "custom" ? <p>{r.scriptOnly}</p> : (
        <>
          <fieldset className="choice" aria-labelledby="what">
            <label><input type="radio" name="what" checked={!some} onChange={() => choose(undefined)} /><span><strong>{r.whole}</strong><span className="hint">{r.wholeHint}</span></span></label>
            <label><input type="radio" name="what" checked={some} onChange={() => choose([])} /><span><strong>{r.tables}</strong><span className="hint">{r.tablesHint}</span></span></label>
          </fieldset>
          {some && (b.contents?.readable ? <Tables backup={b} draft={draft} set={set} /> : <Typed set={set} />)}
          {some && <Check label={r.dependencies} hint={r.dependenciesHint} checked={draft.withDependencies} onChange={(withDependencies) => set({ withDependencies })} />}
        </>
      )}
    </section>
  );
}

/** Check is a choice that can be made or not, with what it means. */
export function Check({ label, hint, checked, onChange }: { label: string; hint: string; checked: boolean; onChange: (checked: boolean) => void }) {
  const id = useId();
  return (
    <div className="choice">
      <label><input type="checkbox" checked={checked} aria-describedby={id} onChange={(e) => onChange(e.target.checked)} /><strong>{label}</strong></label>
      <p className="hint" id={id}>{hint}</p>
    </div>
  );
}

const same = (x: Table, y: Table) => x.schema === y.schema && x.name === y.name;

function Tables({ backup: b, draft, set }: { backup: Backup; draft: Draft; set: Setter }) {
  const { t, f } = useText();
  const r = useRestoreWords().page;
  const [typed, setTyped] = useState("");
  const query = useContents(b.id, useDeferredValue(typed.trim()), "name");
  const tables = query.data?.pages.flatMap((p) => p.tables);
  const chosen = draft.tables ?? [];
  // With other tables, another one's new name is none of theirs.
  const choose = (next: Table[]) => set({ tables: next, as: undefined });
  const without = (x: Table) => chosen.filter((y) => !same(x, y));
  return (
    <>
      <input type="search" aria-label={r.search} placeholder={r.search} value={typed} maxLength={200} onChange={(e) => setTyped(e.target.value)} />
      <p className="hint" role="status">{chosen.length > mostTables ? r.tooMany : r.chosenTables(chosen.length)}</p>
      <p>{chosen.map((x) => <button key={nameOf(x)} type="button" className="chip" aria-label={r.remove(nameOf(x))} onClick={() => choose(without(x))}>{nameOf(x)} <span aria-hidden="true">×</span></button>)}</p>
      {query.error && <Failed error={query.error} retry={() => query.refetch()} />}
      {!tables ? !query.error && <Loading /> : tables.length === 0 ? <p className="muted">{r.noTables}</p> : (
        <ul className="tables" aria-label={r.tables}>
          {tables.map(({ schema, name, data, rows, bytes }) => {
            const x = { schema, name };
            const is = chosen.some((y) => same(x, y));
            return (
              <li key={nameOf(x)}>
                <label><input type="checkbox" checked={is} onChange={() => choose(is ? without(x) : [...chosen, x])} /><code>{nameOf(x)}</code></label>
                {data && <span className="muted">{r.tableRows(f.number(rows), f.bytes(bytes))}</span>}
              </li>
            );
          })}
        </ul>
      )}
      {query.hasNextPage && <button type="button" className="small" onClick={() => void query.fetchNextPage()} disabled={query.isFetchingNextPage}>{r.moreTables}</button>}
      {query.isPlaceholderData && <span className="hidden" role="status">{t.states.loading}</span>}
    </>
  );
}

/** Typed takes names where nobody can list them. */
function Typed({ set }: { set: Setter }) {
  const r = useRestoreWords().page;
  const [text, setText] = useState("");
  const { wrong } = parseTables(text);
  const type = (text: string) => {
    setText(text);
    const { tables, wrong } = parseTables(text);
    set({ tables: wrong.length ? [] : tables, as: undefined });
  };
  return (
    <Field label={r.typeTables} hint={r.typeTablesHint} error={wrong.length ? wrong.join(", ") : undefined}>
      {(ids) => <textarea {...ids} rows={3} value={text} spellCheck={false} autoCapitalize="none" autoComplete="off" onChange={(e) => type(e.target.value)} />}
    </Field>
  );
}
