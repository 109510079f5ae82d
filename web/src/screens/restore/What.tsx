// What of the backup: all of it, or tables, which its contents list where they are known.

import { useDeferredValue, useState } from "react";
import type { Backup } from "../../api/client";
import { useContents } from "../../api/queries";
import { Field } from "../../components/basics";
import { Check } from "../../components/Check";
import { Loading, Missing } from "../../components/states";
import { useText } from "../../i18n";
import { useRestoreWords } from "../../i18n/restore";
import { seen } from "../../names";
import { mostTables, nameOf, parseTables, type Draft, type Table } from "./order";

export type Setter = (change: Partial<Draft>) => void;

export function What({ backup: b, draft, set }: { backup: Backup; draft: Draft; set: Setter }) {
  const r = useRestoreWords().page;
  const some = draft.tables !== undefined;
  // Another choice begins with the proposals of its own.
  const anew = { mode: undefined, database: undefined, as: undefined };
  const choose = (tables: Table[] | undefined, but = false) => set({ tables, but, schemas: [], without: [], ...anew });
  return (
    <section className="card">
      <h2 id="what">{r.what}</h2>
      {b.format !== "custom" ? <p>{r.scriptOnly}</p> : (
        <>
          <fieldset className="choice" aria-labelledby="what">
            <label><input type="radio" name="what" checked={!some} onChange={() => choose(undefined)} /><span><strong>{r.whole}</strong><span className="hint">{r.wholeHint}</span></span></label>
            <label><input type="radio" name="what" checked={some && !draft.but} onChange={() => choose([])} /><span><strong>{r.tables}</strong><span className="hint">{r.tablesHint}</span></span></label>
            <label><input type="radio" name="what" checked={some && draft.but} onChange={() => choose([], true)} /><span><strong>{r.but}</strong><span className="hint">{r.butHint}</span></span></label>
          </fieldset>
          {some && (b.contents?.readable ? <Tables key={String(draft.but)} backup={b} draft={draft} set={set} /> : <Typed key={String(draft.but)} draft={draft} set={set} />)}
          {b.content === "all" && (
            <fieldset className="choice" aria-label={r.content}>
              {([[undefined, r.both], ["data", r.rowsOnly], ["schema", r.definitionsOnly]] as const).map(([content, [label, hint]]) => (
                <label key={label}><input type="radio" name="content" checked={draft.content === content} onChange={() => set({ content, ...anew })} /><span><strong>{label}</strong><span className="hint">{hint}</span></span></label>
              ))}
            </fieldset>
          )}
          {some && !draft.but && draft.content !== "data" && <Check label={r.dependencies} hint={r.dependenciesHint} checked={draft.withDependencies} onChange={(withDependencies) => set({ withDependencies })} />}
        </>
      )}
    </section>
  );
}

const same = (x: Table, y: Table) => x.schema === y.schema && x.name === y.name;

function Tables({ backup: b, draft: d, set }: { backup: Backup; draft: Draft; set: Setter }) {
  const { t, f } = useText();
  const r = useRestoreWords().page;
  const [typed, setTyped] = useState("");
  const query = useContents(b.id, useDeferredValue(typed.trim()), "name");
  const tables = query.data?.pages.flatMap((p) => p.tables);
  const chosen = d.tables ?? [];
  const schemas = new Map<string, NonNullable<typeof tables>>();
  for (const x of tables ?? []) schemas.set(x.schema, [...(schemas.get(x.schema) ?? []), x]);
  // With other tables, another one's new name is none of theirs.
  const choose = (change: Partial<Draft>) => set({ ...change, as: undefined });
  const toggle = (list: Table[], x: Table) => (list.some((y) => same(x, y)) ? list.filter((y) => !same(x, y)) : [...list, x]);
  const chooseTable = (x: Table) => choose(d.schemas.includes(x.schema) ? { without: toggle(d.without, x) } : { tables: toggle(chosen, x) });
  // What was said of a schema's tables goes with the choice of all of it.
  const chooseSchema = (schema: string) => choose({
    schemas: d.schemas.includes(schema) ? d.schemas.filter((x) => x !== schema) : [...d.schemas, schema],
    tables: chosen.filter((x) => x.schema !== schema), without: d.without.filter((x) => x.schema !== schema),
  });
  const chip = (name: string, label: string, remove: () => void) => <button key={label} type="button" className="chip" aria-label={label} onClick={remove}>{name} <span aria-hidden="true">×</span></button>;
  const many = [chosen, d.schemas, d.without].some((list) => list.length > mostTables);
  return (
    <>
      <input type="search" aria-label={r.search} placeholder={r.search} value={typed} maxLength={200} onChange={(e) => setTyped(e.target.value)} />
      <p className="hint" role="status">{many ? r.tooMany : (d.but ? r.leftTables : r.chosenTables)(chosen.length, d.schemas.length)}</p>
      <p>
        {d.schemas.map((x) => {
          const all = seen(`${nameOf({ schema: "", name: x })}.*`);
          return chip(all, r.remove(all), () => chooseSchema(x));
        })}
        {chosen.map((x) => chip(seen(nameOf(x)), r.remove(seen(nameOf(x))), () => choose({ tables: toggle(chosen, x) })))}
        {d.without.map((x) => chip(r.not(seen(nameOf(x))), r.takeBack(seen(nameOf(x))), () => choose({ without: toggle(d.without, x) })))}
      </p>
      <Missing query={query} />
      {!tables ? !query.error && <Loading /> : tables.length === 0 ? <p className="muted">{r.noTables}</p> : (
        <div className="tables" role="group" aria-label={r.tables}>
          {[...schemas].map(([schema, of]) => {
            const all = d.schemas.includes(schema);
            return (
              <ul key={schema} aria-label={r.schema(seen(schema))}>
                <li>
                  <label><input type="checkbox" checked={all} onChange={() => chooseSchema(schema)} /><strong>{r.schema(seen(schema))}</strong></label>
                  {!query.hasNextPage && !typed.trim() && <span className="muted">{r.tableRows(f.number(of.reduce((n, x) => n + x.rows, 0)), f.bytes(of.reduce((n, x) => n + x.bytes, 0)))}</span>}
                </li>
                {of.map(({ name, data, rows, bytes }) => {
                  const x = { schema, name };
                  const is = all ? !d.without.some((y) => same(x, y)) : chosen.some((y) => same(x, y));
                  return (
                    <li key={name}>
                      <label><input type="checkbox" checked={is} disabled={all && d.but} onChange={() => chooseTable(x)} /><code>{seen(nameOf(x))}</code></label>
                      {data && <span className="muted">{r.tableRows(f.number(rows), f.bytes(bytes))}</span>}
                    </li>
                  );
                })}
              </ul>
            );
          })}
        </div>
      )}
      {query.hasNextPage && <button type="button" className="small" onClick={() => void query.fetchNextPage()} disabled={query.isFetchingNextPage}>{r.moreTables}</button>}
      {query.isPlaceholderData && <span className="hidden" role="status">{t.states.loading}</span>}
    </>
  );
}

/** Typed takes names where nobody can list them. */
function Typed({ draft, set }: { draft: Draft; set: Setter }) {
  const r = useRestoreWords().page;
  const [text, setText] = useState(() => draft.tables?.map(nameOf).join("\n") ?? "");
  const { wrong } = parseTables(text);
  const type = (text: string) => {
    setText(text);
    const { tables, schemas, wrong } = parseTables(text);
    set({ tables: wrong.length ? [] : tables, schemas: wrong.length ? [] : schemas, as: undefined });
  };
  return (
    <Field label={r.typeTables} hint={r.typeTablesHint} error={wrong.length ? wrong.join(", ") : undefined}>
      {(ids) => <textarea {...ids} rows={3} value={text} spellCheck={false} autoCapitalize="none" autoComplete="off" onChange={(e) => type(e.target.value)} />}
    </Field>
  );
}
