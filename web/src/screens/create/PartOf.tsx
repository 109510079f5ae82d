// Which part of the database: all of it, or schemas and tables of a tree, as the newest whole backup of the source has them. What is newer, or
// nobody knows yet, is named by a pattern.

import { useId, useMemo, useState } from "react";
import type { BackupPoint } from "../../api/client";
import { mostTables, useAllTables } from "../../api/tables";
import { Field, useNow } from "../../components/basics";
import { Check } from "../../components/Check";
import { Loading, Missing } from "../../components/states";
import { useText } from "../../i18n";
import { useCreateWords } from "../../i18n/create";
import { seen, tableName } from "../../names";
import { amountOf, nameable, partWrong, patternLines, picked, schemasOf, stateOf, toggleSchema, toggleTable, type PartDraft, type Schema, type Table } from "./part";

/** Where the names come from: the newest whole backup of the source, or why there is none to ask. */
export type Newest = { backup: BackupPoint } | { missing: "unknown" | "otherDatabase" };

export interface PartFields {
  part: PartDraft;
  set: (part: PartDraft) => void;
  newest: Newest;
}

/** useSchemas gives the tables of a backup by schema, once somebody wants to choose. */
export function useSchemas(newest: Newest, wanted: boolean) {
  const query = useAllTables("backup" in newest ? newest.backup.id : "", wanted && "backup" in newest);
  const tables = query.data?.tables;
  const schemas = useMemo(() => tables && schemasOf(tables), [tables]);
  return { query, schemas, all: query.data?.matching ?? 0 };
}

export function PartOf({ part: d, set, newest }: PartFields) {
  const { f } = useText();
  const w = useCreateWords();
  const now = useNow(60_000);
  const some = d.mode !== "all";
  const { query, schemas, all } = useSchemas(newest, some);
  const wrong = partWrong(d);
  return (
    <>
      <fieldset className="choice">
        <legend>{w.legend}</legend>
        {(["all", "some", "but", "rows"] as const).map((mode) => (
          <label key={mode}>
            <input type="radio" name="part" value={mode} checked={d.mode === mode} onChange={() => set({ ...d, mode, without: {} })} />
            <span><strong>{w.modes[mode][0]}</strong><span className="hint">{w.modes[mode][1]}</span></span>
          </label>
        ))}
      </fieldset>
      {some && (
        <div className="part-of">
          {"missing" in newest ? <p className="hint">{w[newest.missing]}</p> : query.error ? <><p className="hint">{w.noContents}</p><Missing query={query} /></> : (
            <>
              <p className="hint">{w.from(f.when(newest.backup.at, now))}</p>
              {schemas ? <Tree schemas={schemas} part={d} set={set} /> : <Loading rows={4} />}
              {all > mostTables && <p className="hint">{w.first(mostTables)}</p>}
            </>
          )}
          <Field label={w.patterns} hint={w.patternsHint} error={wrong === "pattern" ? w.wrong.pattern : undefined}>
            {(ids) => <textarea {...ids} rows={2} value={d.patterns} maxLength={4096} spellCheck={false} autoCapitalize="none" autoComplete="off" onChange={(e) => set({ ...d, patterns: e.target.value })} />}
          </Field>
          {d.mode === "some" && <Check label={w.needed} hint={w.neededHint} checked={d.needed} onChange={(needed) => set({ ...d, needed })} />}
          {wrong && wrong !== "pattern" && <p className="wrong" role="status">{w.wrong[wrong]}</p>}
        </div>
      )}
    </>
  );
}

/** How many schemas, and tables of one, are shown at a time. */
const slice = 100;

function Tree({ schemas, part: d, set }: { schemas: Schema[]; part: PartDraft; set: (part: PartDraft) => void }) {
  const w = useCreateWords();
  const [typed, setTyped] = useState("");
  const [shown, setShown] = useState(slice);
  const search = typed.trim().toLowerCase();
  const found = useMemo(() => (search ? schemas.map((s) => (s.name.toLowerCase().includes(search) ? s : { ...s, tables: s.tables.filter((t) => t.name.toLowerCase().includes(search)) })).filter((s) => s.tables.length > 0) : schemas), [schemas, search]);
  const many = schemas.reduce((n, s) => n + s.tables.length, 0) > 12;
  return (
    <>
      {many && <input type="search" aria-label={w.search} placeholder={w.search} value={typed} maxLength={200} onChange={(e) => { setTyped(e.target.value); setShown(slice); }} />}
      {found.length === 0 && <p className="muted" role="status">{w.none}</p>}
      <ul className="tree" aria-label={w.tree}>
        {found.slice(0, shown).map((s) => <One key={`${s.name}/${search && "found"}`} of={s} part={d} set={set} begin={search !== "" || schemas.length === 1} all={schemas.find((x) => x.name === s.name)!} />)}
      </ul>
      {found.length > shown && <button type="button" className="small" onClick={() => setShown(shown + slice)}>{w.more(Math.min(slice, found.length - shown))}</button>}
    </>
  );
}

function One({ of: s, all, part: d, set, begin }: { of: Schema; /** With the tables that are not looked for, too. */ all: Schema; part: PartDraft; set: (part: PartDraft) => void; begin: boolean }) {
  const { f } = useText();
  const w = useCreateWords();
  const id = useId();
  const [open, setOpen] = useState(begin);
  const [shown, setShown] = useState(slice);
  const state = stateOf(d, s.name);
  const can = nameable({ schema: s.name, name: "" });
  return (
    <li>
      <div className="tree-row">
        <button type="button" className="fold" aria-expanded={open} aria-controls={id} aria-label={w.open(seen(s.name))} onClick={() => setOpen(!open)} />
        <Box state={state} label={w.schema(seen(s.name))} disabled={!can} onChange={() => set(toggleSchema(d, s.name))} />
        <span className="muted">{w.count(all.tables.length)}</span><span className="muted number">{f.bytes(all.bytes)}</span>
      </div>
      <ul id={id} hidden={!open}>
        {open && s.tables.slice(0, shown).map((t) => <Leaf key={tableName(t)} of={t} part={d} set={set} />)}
        {open && s.tables.length > shown && <li><button type="button" className="small" onClick={() => setShown(shown + slice)}>{w.more(Math.min(slice, s.tables.length - shown))}</button></li>}
      </ul>
    </li>
  );
}

function Leaf({ of: t, part: d, set }: { of: Table; part: PartDraft; set: (part: PartDraft) => void }) {
  const { f } = useText();
  const w = useCreateWords();
  const can = nameable(t);
  return (
    <li className="tree-row">
      <Box state={picked(d, t) ? "all" : "none"} code label={seen(t.name)} disabled={!can || (d.mode !== "some" && d.schemas.includes(t.schema))} onChange={() => set(toggleTable(d, t))} note={!can ? w.unnameable : t.partitioned ? w.partitions : undefined} />
      <span className="muted">{w.rows(t.rows)}</span><span className="muted number">{f.bytes(t.bytes)}</span>
    </li>
  );
}

/** Box is a checkbox of three states. */
function Box({ state, label, note, code, disabled, onChange }: { state: "all" | "some" | "none"; label: string; note?: string | undefined; code?: boolean; disabled: boolean; onChange: () => void }) {
  return (
    <label>
      <input type="checkbox" checked={state === "all"} disabled={disabled} ref={(box) => { if (box) box.indeterminate = state === "some"; }} onChange={onChange} />
      <span>{code ? <code>{label}</code> : <strong>{label}</strong>}{note && <>{" "}<span className="muted small-text">{note}</span></>}</span>
    </label>
  );
}

/** Chosen says what a part will hold, and what it is not. */
export function Chosen({ part: d, newest }: { part: PartDraft; newest: Newest }) {
  const { f } = useText();
  const w = useCreateWords();
  const { schemas } = useSchemas(newest, d.mode !== "all");
  const amount = useMemo(() => schemas && amountOf(d, schemas), [d, schemas]);
  if (d.mode === "all" || partWrong(d)) return null;
  const patterns = patternLines(d.patterns).length;
  const named = Object.keys(d.tables).length + d.schemas.length;
  const families = Object.values(d.tables).filter((t) => t.partitioned && t.bytes === 0).length;
  const mixed = d.mode === "some" && d.schemas.length > 0 && Object.keys(d.tables).length + patterns > 0;
  const said = [
    amount && (d.mode !== "some" || named > 0) && w.said[d.mode === "rows" ? "rows" : "some"](amount.chosen.tables, amount.all.tables, f.bytes(amount.chosen.bytes)),
    patterns > 0 && w.said[d.mode === "some" ? (named > 0 ? "patterns" : "only") : "without"](patterns),
    // Which partitions are whose, the contents say only of those that are loaded through their table.
    families > 0 && w.said.families(families),
    mixed && w.said.tablesOnly,
    d.mode === "some" && w.large,
  ].filter(Boolean).join(" ");
  return (
    <div className="chosen" role="status">
      <p><strong>{said}</strong></p>
      <p className="hint">{w.partial}</p>
    </div>
  );
}
