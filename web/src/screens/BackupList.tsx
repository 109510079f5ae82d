// The list of backups: a table, or cards where there is no room for one.

import { useEffect, useState } from "react";
import type { Backup } from "../api/client";
import { useMay } from "../api/context";
import { Icon, Time, word } from "../components/basics";
import { Empty } from "../components/states";
import { PartBadge, sourceText } from "../components/Part";
import { reasonText, Rungs, StatusBadge, Verified } from "../components/Verified";
import { useText } from "../i18n";
import { parseHash, readFilters, sortings, standings, type Filters, type Sorting, type Standing } from "../url";

const compare: Record<Sorting, (a: Backup, b: Backup) => number> = {
  newest: (a, b) => (a.id < b.id ? 1 : -1),
  oldest: (a, b) => (a.id < b.id ? -1 : 1),
  largest: (a, b) => b.size - a.size,
  smallest: (a, b) => a.size - b.size,
  longest: (a, b) => b.duration - a.duration,
  shortest: (a, b) => a.duration - b.duration,
  name: (a, b) => a.filename.localeCompare(b.filename),
};

export function sortBackups(backups: Backup[], by: Sorting): Backup[] {
  return [...backups].sort(compare[by]);
}

export function BackupList({ backups, total, filters, onFilter, onDelete, onDownload, more }: {
  backups: Backup[];
  total: number;
  filters: Filters;
  onFilter: (f: Filters) => void;
  onDelete: (backups: Backup[]) => void;
  onDownload: (backup: Backup) => void;
  /** How to load the next page; undefined when all are here. */
  more: { load: () => void; loading: boolean } | undefined;
}) {
  const { t, f } = useText();
  const may = useMay();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const sorting = filters.sort ?? "newest";
  const rows = sortBackups(backups, sorting);
  const chosen = rows.filter((b) => selected.has(b.id) && b.status !== "in_progress");
  const selectable = rows.filter((b) => b.status !== "in_progress");
  const all = selectable.length > 0 && chosen.length === selectable.length;
  const { sort: _, ...constraints } = filters;
  const filtered = Object.keys(constraints).length > 0;

  const toggle = (id: string) => {
    const next = new Set(selected);
    if (!next.delete(id)) next.add(id);
    setSelected(next);
  };
  const order = (up: Sorting, down: Sorting) => onFilter({ ...filters, sort: sorting === down ? up : down });
  const heading = (name: string, up: Sorting, down: Sorting, className?: string) => (
    <th scope="col" role="columnheader" className={className} aria-sort={sorting === up ? "ascending" : sorting === down ? "descending" : "none"}>
      <button type="button" className="plain" onClick={() => order(up, down)}>
        {name}<span className="arrow" aria-hidden="true">{sorting === up ? "↑" : sorting === down ? "↓" : ""}</span>
      </button>
    </th>
  );

  return (
    <>
      <FilterBar filters={filters} onFilter={onFilter} />
      {may("delete") && chosen.length > 0 && (
        <div className="selection" role="region" aria-label={t.list.selection}>
          <span>{t.list.selected(chosen.length, f.bytes(chosen.reduce((sum, b) => sum + b.size, 0)))}</span>
          <button type="button" className="danger" onClick={() => onDelete(chosen)}><Icon name="trash" />{t.list.deleteSelected}</button>
          <button type="button" onClick={() => setSelected(new Set())}>{t.list.clearSelection}</button>
        </div>
      )}
      {rows.length === 0 ? (
        filtered ? (
          <Empty title={t.list.noneMatch}><button type="button" onClick={() => onFilter({})}>{t.list.clear}</button></Empty>
        ) : (
          <Empty title={t.list.none}>{may("create") && <a className="button primary" href="#/new"><Icon name="plus" />{t.list.first}</a>}</Empty>
        )
      ) : (
        <table className="backups" role="table" aria-label={t.list.title}>
          <thead role="rowgroup">
            <tr role="row">
              {may("delete") && (
                <th scope="col" role="columnheader" className="check">
                  <input type="checkbox" aria-label={t.list.selectAll} checked={all} onChange={() => setSelected(all ? new Set() : new Set(selectable.map((b) => b.id)))} />
                </th>
              )}
              <th scope="col" role="columnheader">{t.columns.status}</th>
              {heading(t.columns.file, "name", "name")}
              {heading(t.columns.started, "oldest", "newest")}
              {heading(t.columns.duration, "shortest", "longest", "number")}
              {heading(t.columns.size, "smallest", "largest", "number")}
              <th scope="col" role="columnheader">{t.columns.verified}</th>
              <th scope="col" role="columnheader">{t.columns.kept}</th>
              <th scope="col" role="columnheader"><span className="hidden">{t.columns.actions}</span></th>
            </tr>
          </thead>
          <tbody role="rowgroup">
            {rows.map((b) => (
              <Row key={b.id} backup={b} selected={selected.has(b.id)} onSelect={() => toggle(b.id)} onDelete={() => onDelete([b])} onDownload={() => onDownload(b)} />
            ))}
          </tbody>
        </table>
      )}
      {rows.length > 0 && (
        <div className="more">
          <p className="muted">{t.list.shown(rows.length, Math.max(total, rows.length))}{more && sorting !== "newest" ? ` ${t.list.sortsShown}` : ""}</p>
          {more && <button type="button" onClick={more.load} disabled={more.loading}>{more.loading ? t.states.loading : t.list.more}</button>}
        </div>
      )}
    </>
  );
}

function FilterBar({ filters, onFilter }: { filters: Filters; onFilter: (f: Filters) => void }) {
  const { t, f } = useText();
  const [text, setText] = useState(filters.search ?? "");
  // The address follows the typing after a pause, so that not every letter is a question to the API.
  useEffect(() => {
    if (text === (filters.search ?? "")) return;
    const timer = setTimeout(() => {
      const { search: _, ...rest } = readFilters(parseHash(location.hash).search); // as they are then
      onFilter(text ? { ...rest, search: text } : rest);
    }, 300);
    return () => clearTimeout(timer);
  }, [text]);
  useEffect(() => setText(filters.search ?? ""), [filters.search]);

  const state = filters.damaged ? "damaged" : (filters.status ?? "");
  const chips: [string, Filters][] = [];
  if (filters.day) chips.push([f.day(filters.day), (({ day: _, ...rest }) => rest)(filters)]);
  if (filters.label) chips.push([filters.label, (({ label: _, ...rest }) => rest)(filters)]);
  return (
    <div className="filters" role="search">
      <input type="search" aria-label={t.list.search} placeholder={t.list.search} value={text} maxLength={200} onChange={(e) => setText(e.target.value)} />
      <select
        aria-label={t.columns.status}
        value={state}
        onChange={(e) => {
          const { status: _, damaged: __, ...rest } = filters;
          const value = e.target.value;
          onFilter(value === "damaged" ? { ...rest, damaged: true } : value ? { ...rest, status: value as Standing } : rest);
        }}
      >
        <option value="">{t.list.anyStatus}</option>
        {standings.map((s) => <option key={s} value={s}>{t.status[s]}</option>)}
        <option value="damaged">{t.status.damaged}</option>
      </select>
      <select aria-label={t.list.sort} className="sort" value={filters.sort ?? "newest"} onChange={(e) => onFilter({ ...filters, sort: e.target.value as Sorting })}>
        {sortings.map((s) => <option key={s} value={s}>{t.sort[s]}</option>)}
      </select>
      {chips.map(([name, without]) => (
        <button type="button" key={name} className="chip" onClick={() => onFilter(without)} aria-label={t.list.removeFilter(name)}>{name} <span aria-hidden="true">×</span></button>
      ))}
    </div>
  );
}

/** Change is the size's change since the backup before this one; a warning where the API says that it is one. */
export function Change({ backup }: { backup: Backup }) {
  const { t, f } = useText();
  if (!backup.previousSize || backup.status !== "success") return null;
  const text = f.change(backup.size, backup.previousSize);
  if (backup.shrunk) {
    return (
      <span className="change goes" title={t.list.changeSince(f.bytes(backup.previousSize))}>
        <Icon name="warn" />{text}<span className="hidden"> {t.list.shrunk}</span>
      </span>
    );
  }
  return <span className="muted change" title={t.list.changeSince(f.bytes(backup.previousSize))}>{text}</span>;
}

/** Kept says until when a backup is kept, and why. */
export function Kept({ backup }: { backup: Backup }) {
  const { t, f } = useText();
  const r = backup.retention;
  if (!r || backup.status === "in_progress") return <span className="muted">—</span>;
  return (
    <>
      <span className={r.removed ? "goes" : ""}>{r.removed ? t.retention.goes : r.expiresAt ? t.retention.until(f.date(r.expiresAt)) : t.retention.forever}</span>
      <span className="muted why">{r.reasons.map((x) => reasonText(t, x)).join("; ")}</span>
    </>
  );
}

function Row({ backup: b, selected, onSelect, onDelete, onDownload }: {
  backup: Backup;
  selected: boolean;
  onSelect: () => void;
  onDelete: () => void;
  onDownload: () => void;
}) {
  const { t, f } = useText();
  const may = useMay();
  const running = b.status === "in_progress";
  return (
    <tr role="row" className={selected ? "selected" : ""}>
      {may("delete") && (
        <td role="cell" className="check"><input type="checkbox" aria-label={t.list.select(b.filename)} checked={selected} disabled={running} onChange={onSelect} /></td>
      )}
      <td role="cell" className="state"><StatusBadge backup={b} /></td>
      <td role="cell" className="file">
        <a href={`#/backups/${b.id}`}>{b.filename}</a>
        <span className="muted">{sourceText(t, b)}</span>
        {!b.whole && <span className="holds"><PartBadge backup={b} /></span>}
      </td>
      <td role="cell" data-label={t.columns.started}><Time at={b.createdAt} /></td>
      <td role="cell" data-label={t.columns.duration} className="number">{running ? "—" : f.duration(b.duration)}</td>
      <td role="cell" data-label={t.columns.size} className="number size">{b.size ? <>{f.bytes(b.size)} <Change backup={b} /></> : "—"}</td>
      <td role="cell" data-label={t.columns.verified} className="verified">
        {b.status === "failed" && b.error ? <span className="muted">{word(t.reasons, b.error.reason, t.codes[b.error.code])}</span> : <><Verified backup={b} />{b.verification && <Rungs backup={b} />}</>}
      </td>
      <td role="cell" data-label={t.columns.kept} className="kept"><Kept backup={b} /></td>
      <td role="cell" className="buttons">
        {may("download") && b.status === "success" && <button type="button" className="small" onClick={onDownload} aria-label={t.list.download(b.filename)}><Icon name="download" />{t.download.button}</button>}
        {may("delete") && !running && <button type="button" className="small" onClick={onDelete} aria-label={t.list.delete(b.filename)}><Icon name="trash" />{t.list.deleteButton}</button>}
        {running && <a className="button small" href={`#/backups/${b.id}`}>{t.list.watch}</a>}
      </td>
    </tr>
  );
}
