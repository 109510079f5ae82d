// Who did what to which backup. The address holds the filters, and the API does the filtering.

import { useEffect, useRef, useState } from "react";
import type { AuditRecord } from "../api/client";
import { answer } from "../api/client";
import { useServices } from "../api/context";
import { useAudit, useBackups } from "../api/queries";
import { Badge, Command, Icon, Page, word, type Tone } from "../components/basics";
import { Empty, Failed, Loading, Missing } from "../components/states";
import { useText } from "../i18n";
import { useAuditWords } from "../i18n/audit";
import { useScreenWords } from "../i18n/screens";
import { seen } from "../names";
import { navigate, useSearch } from "../url";
import { bornAt, csvOf, filterOf, isID, jsonOf, outcomes, readAsked, writeAsked, type Asked } from "./audit";
import "./audit.css";

const tones: Record<AuditRecord["outcome"], Tone> = { allowed: "ok", denied: "bad", failed: "warn" };

/** mostExported bounds a file, in records. */
const mostExported = 20_000;

export function AuditScreen() {
  const { t, f } = useText();
  const w = useScreenWords().audit;
  const a = useAuditWords();
  const asked = readAsked(useSearch());
  const filter = filterOf(asked);
  const query = useAudit(filter);
  const named = useNames();
  const records = query.data?.pages.flatMap((p) => p.records);
  const people = usePeople(records, asked.who);
  const set = (change: Partial<Record<keyof Asked, unknown>>) => {
    const next = Object.fromEntries(Object.entries({ ...asked, ...change }).filter(([, v]) => v)) as Asked;
    const text = writeAsked(next);
    navigate(text ? `/audit?${text}` : "/audit", { replace: true });
  };
  const select = (name: "who" | "action" | "outcome", label: string, any: string, options: [string, string][]) => (
    <select aria-label={label} value={asked[name] ?? ""} onChange={(e) => set({ [name]: e.target.value })}>
      <option value="">{any}</option>
      {options.map(([value, text]) => <option key={value} value={value}>{text}</option>)}
    </select>
  );
  const days = new Map<string, AuditRecord[]>();
  for (const r of records ?? []) days.set(f.date(r.at), [...(days.get(f.date(r.at)) ?? []), r]);
  return (
    <Page title={w.title} zoned actions={<Export filter={filter} />}>
      <div className="lead">{a.lead} <Command text="cofre audit verify" what={a.verify} /></div>
      <section className="card">
        <div className="audit-filters">
          {select("who", a.person, a.anyPerson, people)}
          {select("action", w.action, w.anyAction, Object.entries(w.actions))}
          {select("outcome", w.outcome, w.anyOutcome, outcomes.map((o) => [o, w.outcomes[o]]))}
          <label>{a.from} <input type="date" value={asked.from ?? ""} onChange={(e) => set({ from: e.target.value })} /></label>
          <label>{a.to} <input type="date" value={asked.to ?? ""} onChange={(e) => set({ to: e.target.value })} /></label>
          <label><input type="checkbox" checked={asked.reads ?? false} onChange={(e) => set({ reads: e.target.checked })} /> {a.reads}</label>
          {asked.about && <button type="button" className="chip" onClick={() => set({ about: undefined })}>{a.about(named(asked.about))} <span aria-hidden="true">×</span></button>}
          {writeAsked(asked) && <button type="button" className="small" onClick={() => navigate("/audit", { replace: true })}>{a.clear}</button>}
        </div>
        <Missing query={query} />
        {!records ? !query.error && <Loading rows={8} /> : records.length === 0 ? <Empty title={query.hasNextPage ? a.searching : w.none} /> : (
          <table className="audit" role="table" aria-label={w.title}>
            <thead role="rowgroup"><tr role="row">{[a.time, w.who, w.action, w.source].map((x) => <th key={x} scope="col" role="columnheader">{x}</th>)}</tr></thead>
            {[...days].map(([name, of]) => (
              <tbody key={name} role="rowgroup">
                <tr className="day" role="row"><th colSpan={4} scope="rowgroup" role="rowheader">{name}</th></tr>
                {of.map((r) => (
                  <tr key={r.id} role="row" className={r.unsound || r.outcome === "denied" ? "denied" : undefined}>
                    <td role="cell" className="muted"><time dateTime={r.at} title={f.utc(r.at)}>{f.clock(r.at)}</time></td>
                    <td role="cell" className="person">{seen(r.name || r.actor)}{r.role && <span className="muted"> · {seen(r.role)}</span>}</td>
                    <td role="cell" className="what">
                      {r.detail?.dry_run === "true" && r.action === "cleanup" ? w.previewed : seen(word(w.actions, r.action))} <About record={r} named={named} />
                      {r.outcome !== "allowed" && <> <Badge tone={Object.hasOwn(tones, r.outcome) ? tones[r.outcome] : "bad"}>{seen(word(w.outcomes, r.outcome))}</Badge></>}
                      {r.unsound && <> <span title={a.unsoundHint}><Badge tone="bad">{a.unsound}</Badge></span></>}
                      {r.reason && <span className="muted"> {seen(word(t.reasons, r.reason))}</span>}
                    </td>
                    <td role="cell" className="muted host">{seen(r.source ?? "")}</td>
                  </tr>
                ))}
              </tbody>
            ))}
          </table>
        )}
        {query.hasNextPage && <div className="more"><button type="button" onClick={() => void query.fetchNextPage()} disabled={query.isFetchingNextPage}>{t.list.more}</button></div>}
      </section>
    </Page>
  );
}

/** About leads to what a record is about: a backup by its name where that is known, a restore, or the name of what was changed. */
function About({ record: r, named }: { record: AuditRecord; named: (id: string) => string }) {
  const { f } = useText();
  const a = useAuditWords();
  if (r.resource && isID(r.resource)) {
    const restore = r.action.startsWith("restore") && r.action !== "restore_plan";
    return restore ? <a href={`#/restore/${r.resource}`}>{a.restore(f.dateTime(bornAt(r.resource)))}</a> : <a href={`#/backups/${r.resource}`}>{named(r.resource)}</a>;
  }
  const of = r.resource || r.detail?.source || r.detail?.place || r.detail?.channel || r.detail?.name;
  return of ? <code>{seen(of)}</code> : null;
}

/** useNames names backups: by source and time where they are among the newest, by their time otherwise. One question names them all. */
function useNames(): (id: string) => string {
  const { f } = useText();
  const a = useAuditWords();
  const list = useBackups({});
  const known = new Map(list.data?.pages.flatMap((p) => p.backups).map((b) => [b.id, `${b.source}, ${f.dateTime(b.createdAt)}`]));
  return (id) => known.get(id) ?? a.backup(f.dateTime(bornAt(id)));
}

/** usePeople remembers who was seen, also while only one of them is shown. */
function usePeople(records: AuditRecord[] | undefined, chosen: string | undefined): [string, string][] {
  const known = useRef(new Map<string, string>());
  for (const r of records ?? []) known.current.set(r.actor, seen(r.name || r.actor));
  if (chosen && !known.current.has(chosen)) known.current.set(chosen, seen(chosen));
  return [...known.current].sort((x, y) => x[1].localeCompare(y[1]));
}

function Export({ filter }: { filter: ReturnType<typeof filterOf> }) {
  const a = useAuditWords();
  const { api } = useServices();
  const [state, setState] = useState<{ busy?: true; said?: string; error?: unknown }>({});
  const alive = useRef(true);
  useEffect(() => {
    alive.current = true;
    return () => void (alive.current = false);
  }, []);
  const save = async (form: "csv" | "json") => {
    setState({ busy: true });
    try {
      const all: AuditRecord[] = [];
      let cursor: string | undefined;
      do {
        const page = await answer(api.GET("/api/audit", { params: { query: { ...filter, limit: 200, ...(cursor ? { cursor } : {}) } } }));
        all.push(...page.records);
        cursor = page.next;
      } while (cursor && all.length < mostExported && alive.current);
      if (!alive.current) return;
      const url = URL.createObjectURL(new Blob([form === "csv" ? csvOf(all) : jsonOf(all)], { type: form === "csv" ? "text/csv" : "application/json" }));
      Object.assign(document.createElement("a"), { href: url, download: `audit.${form}` }).click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
      setState({ said: cursor ? a.cut(all.length) : a.exported(all.length) });
    } catch (error) {
      setState({ error });
    }
  };
  return (
    <>
      <span role="status" className="small-text">{state.busy ? a.exporting : state.said}</span>
      {(["csv", "json"] as const).map((form) => <button key={form} type="button" disabled={state.busy} onClick={() => void save(form)}><Icon name="download" />{a[form]}</button>)}
      {state.error ? <Failed error={state.error} /> : null}
    </>
  );
}
