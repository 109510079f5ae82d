// The list of backups: a table with rows of one line, and rows of two lines where there is no room for one. The tab key comes to one row,
// the arrow keys go from row to row.

import { lazy, Suspense, useEffect, useState, type KeyboardEvent } from "react";
import { createPortal } from "react-dom";
import type { Backup } from "../api/client";
import { useMay } from "../api/context";
import { Icon, useNow, word, type IconName } from "../components/basics";
import { Empty } from "../components/states";
import { partText } from "../components/Part";
import { Rungs, statusOf, topRung } from "../components/Verified";
import { useText } from "../i18n";
import type { Messages } from "../i18n/en";
import { parseHash, readFilters, sortings, standings, type Filters, type Sorting, type Standing } from "../url";
import { target } from "./home/roving";

const loadMenu = () => import("./home/RowMenu");
const RowMenu = lazy(() => loadMenu().then((m) => ({ default: m.RowMenu })));

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

export function BackupList({ backups, total, filters, sources, lastGoodOf, onFilter, onDelete, onDownload, more }: {
  backups: Backup[];
  total: number;
  filters: Filters;
  /** The names of all there are. */
  sources: string[];
  /** The id of the last good backup of a source. */
  lastGoodOf: (source: string) => string | undefined;
  onFilter: (f: Filters) => void;
  onDelete: (backups: Backup[]) => void;
  onDownload: (backup: Backup) => void;
  /** How to load the next page; undefined when all are here. */
  more: { load: () => void; loading: boolean } | undefined;
}) {
  const { t, f } = useText();
  const may = useMay();
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [current, setCurrent] = useState("");
  const [menu, setMenu] = useState<{ backup: Backup; button: HTMLElement } | null>(null);
  const sorting = filters.sort ?? "newest";
  const rows = sortBackups(backups, sorting);
  const chosen = rows.filter((b) => selected.has(b.id) && b.status !== "in_progress");
  const selectable = rows.filter((b) => b.status !== "in_progress");
  const all = selectable.length > 0 && chosen.length === selectable.length;
  const { sort: _, ...constraints } = filters;
  const filtered = Object.keys(constraints).length > 0;
  const at = Math.max(0, rows.findIndex((b) => b.id === current));

  const toggle = (id: string) => {
    const next = new Set(selected);
    if (!next.delete(id)) next.add(id);
    setSelected(next);
  };
  const order = (up: Sorting, down: Sorting) => onFilter({ ...filters, sort: sorting === down ? up : down });
  const heading = (name: string, up: Sorting, down: Sorting, className: string) => (
    <th scope="col" role="columnheader" className={className} aria-sort={sorting === up ? "ascending" : sorting === down ? "descending" : "none"}>
      <button type="button" className="plain" onClick={() => order(up, down)}>
        {name}<span className="arrow" aria-hidden="true">{sorting === up ? "↑" : sorting === down ? "↓" : ""}</span>
      </button>
    </th>
  );
  // The same thing of another row: its link, its box or its menu.
  const move = (e: KeyboardEvent<HTMLElement>) => {
    const focused = e.target as HTMLElement;
    const to = target(e.key, at, rows.length, "ArrowDown", "ArrowUp");
    if (to === undefined || e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return;
    e.preventDefault();
    setCurrent(rows[to]!.id);
    const row = e.currentTarget.children[to];
    (row?.querySelector<HTMLElement>(`[data-part=${focused.dataset["part"] ?? "link"}]:not(:disabled)`) ?? row?.querySelector<HTMLElement>("[data-part=link]"))?.focus();
  };

  // The frame has a place for it, beside the way to the content.
  const skips = document.getElementById("skips");
  const toRows = () => document.querySelector<HTMLElement>("#rows [data-part=link][tabindex='0']")?.focus();

  return (
    <>
      {skips && rows.length > 0 && createPortal(<a className="skip" href="#backups" onClick={(e) => { e.preventDefault(); toRows(); }}>{t.front.keys.list}</a>, skips)}
      <FilterBar filters={filters} sources={sources} onFilter={onFilter} />
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
          <Empty title={t.list.none} />
        )
      ) : (
        <table className="backups" role="table" aria-label={t.home.title}>
          <thead role="rowgroup">
            <tr role="row">
              {may("delete") && (
                <th scope="col" role="columnheader" className="check">
                  <input type="checkbox" aria-label={t.list.selectAll} checked={all} onChange={() => setSelected(all ? new Set() : new Set(selectable.map((b) => b.id)))} />
                </th>
              )}
              <th scope="col" role="columnheader" className="c-state"><span className="hidden">{t.columns.status}</span></th>
              <th scope="col" role="columnheader" className="c-source">{t.columns.source}</th>
              {heading(t.front.rows.when, "oldest", "newest", "c-when")}
              {heading(t.columns.size, "smallest", "largest", "c-size number")}
              <th scope="col" role="columnheader" className="c-change number">{t.front.rows.change}</th>
              {heading(t.columns.duration, "shortest", "longest", "c-duration number")}
              <th scope="col" role="columnheader" className="c-proof">{t.front.rows.proof}</th>
              <th scope="col" role="columnheader" className="c-why"><span className="hidden">{t.front.rows.remark}</span></th>
              <th scope="col" role="columnheader" className="c-menu"><span className="hidden">{t.columns.actions}</span></th>
            </tr>
          </thead>
          <tbody role="rowgroup" id="rows" onKeyDown={move} onPointerEnter={() => void loadMenu()} onFocus={() => void loadMenu()}>
            {rows.map((b, i) => (
              <Row
                key={b.id} backup={b} selected={selected.has(b.id)} stop={i === at} open={menu?.backup.id === b.id}
                onSelect={() => toggle(b.id)} onFocus={() => setCurrent(b.id)} onMenu={(button) => setMenu(menu?.backup.id === b.id ? null : { backup: b, button })}
              />
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
      <Suspense fallback={null}>
        {menu && <RowMenu key={menu.backup.id} backup={menu.backup} button={menu.button} lastGood={lastGoodOf(menu.backup.source)} onClose={() => setMenu(null)} onDelete={() => onDelete([menu.backup])} onDownload={() => onDownload(menu.backup)} />}
      </Suspense>
    </>
  );
}

function FilterBar({ filters, sources, onFilter }: { filters: Filters; sources: string[]; onFilter: (f: Filters) => void }) {
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

  const [open, setOpen] = useState(false);
  const state = filters.damaged ? "damaged" : (filters.status ?? "");
  const chips: [string, Filters][] = [];
  if (filters.day) chips.push([f.day(filters.day), (({ day: _, ...rest }) => rest)(filters)]);
  if (filters.label) chips.push([filters.label, (({ label: _, ...rest }) => rest)(filters)]);
  return (
    <div className={open || filters.status || filters.damaged || filters.problems || filters.pinned || filters.source || filters.sort ? "filters open" : "filters"} role="search">
      <input id="search" type="search" aria-label={t.list.search} aria-keyshortcuts="/" placeholder={t.list.search} value={text} maxLength={200} onChange={(e) => setText(e.target.value)} />
      <button type="button" className="icon-button" aria-expanded={open} aria-label={t.front.rows.filters} onClick={() => setOpen(!open)}><Icon name="set" /></button>
      {sources.length > 1 && (
        <select
          aria-label={t.columns.source}
          value={filters.source ?? ""}
          onChange={(e) => {
            const { source: _, ...rest } = filters;
            onFilter(e.target.value ? { ...rest, source: e.target.value } : rest);
          }}
        >
          <option value="">{t.home.allSources}</option>
          {sources.map((name) => <option key={name} value={name}>{name}</option>)}
        </select>
      )}
      <div className="segments" role="group" aria-label={t.list.title}>
        {([undefined, "problems", "pinned"] as const).map((only) => {
          const { problems: _, pinned: __, ...rest } = filters;
          return <button key={only ?? "all"} type="button" className="small" aria-pressed={only ? !!filters[only] : !filters.problems && !filters.pinned} onClick={() => onFilter(only ? { ...rest, [only]: true } : rest)}>{t.list.only[only ?? "all"]}</button>;
        })}
      </div>
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

/** remarkOf says what is unusual of a backup, and nothing of what is true of most. */
export function remarkOf(t: Messages, b: Backup): string {
  if (b.verification && !b.verification.ok) return word(t.reasons, b.verification.problems?.[0]?.reason, t.status.damaged);
  if (b.error) return word(t.reasons, b.error.reason, word(t.codes, b.error.code));
  const said: string[] = [];
  if (!b.sourceKnown) said.push(t.front.rows.serverUnknown);
  if (b.contents?.lost) said.push(t.findings.tablesLost(b.contents.lost));
  if (b.shrunk) said.push(t.list.shrunk);
  if (!b.whole) said.push(partText(t, b));
  if (b.retention?.reasons.some((r) => r.code === "locked")) said.push(t.front.rows.pinned);
  if (b.retention?.removed) said.push(t.front.rows.goes);
  return said.filter(Boolean).join("; ");
}

function Row({ backup: b, selected, stop, open, onSelect, onFocus, onMenu }: {
  backup: Backup;
  selected: boolean;
  /** The tab key comes to this row. */
  stop: boolean;
  open: boolean;
  onSelect: () => void;
  onFocus: () => void;
  onMenu: (button: HTMLElement) => void;
}) {
  const { t, f } = useText();
  const may = useMay();
  const now = useNow(60_000);
  const running = b.status === "in_progress";
  const { tone, icon, name } = statusOf(t, b);
  const when = f.when(b.createdAt, now);
  const tabIndex = stop ? 0 : -1;
  const rung = topRung(b);
  const remark = remarkOf(t, b);
  const hot = tone === "bad" ? "hot bad" : b.shrunk || b.contents?.lost ? "hot warn" : "";
  return (
    <tr role="row" className={`${selected ? "selected " : ""}${hot}`} onFocus={onFocus}>
      {may("delete") && (
        <td role="cell" className="check"><input type="checkbox" data-part="box" tabIndex={tabIndex} aria-label={t.list.select(b.filename)} checked={selected} disabled={running} onChange={onSelect} /></td>
      )}
      <td role="cell" className="c-state"><span className={`tone ${tone}`} title={name}><Icon name={icon as IconName} /><span className="hidden">{name}</span></span></td>
      <td role="cell" className="c-source">
        <a href={`#/backups/${b.id}`} data-part="link" tabIndex={tabIndex} title={b.filename} aria-label={`${b.source}, ${when}`}>{b.source}</a>
        {b.database && b.database !== b.source && <span className="muted"> {b.database}</span>}
        {!b.whole && <span className="badge part" title={t.part.what}>{t.part.badge}</span>}
      </td>
      <td role="cell" className="c-when"><time dateTime={b.createdAt} title={`${f.dateTime(b.createdAt)} · ${f.utc(b.createdAt)}`}>{when}</time></td>
      <td role="cell" className="c-size number">{b.size ? f.bytes(b.size) : "—"}</td>
      <td role="cell" className="c-change number"><Change backup={b} /></td>
      <td role="cell" className="c-duration number">{running ? "—" : f.duration(b.duration)}</td>
      <td role="cell" className="c-proof">{rung ? <><Rungs backup={b} /><span className={rung === "proven" ? "" : "muted"}>{tone === "bad" ? t.status.damaged : t.front.rungs[rung]}</span></> : <span className="muted">{name}</span>}</td>
      <td role="cell" className="c-why" title={remark}>{remark}</td>
      <td role="cell" className="c-menu">
        <button type="button" data-part="menu" className="icon-button" tabIndex={tabIndex} aria-haspopup="menu" aria-expanded={open} aria-label={t.front.rows.menu(`${b.source}, ${when}`)} onClick={(e) => onMenu(e.currentTarget)}>
          <svg className="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false"><path d="M4.500 10h.01M10 10h.01M15.500 10h.01" strokeWidth="3" /></svg>
        </button>
      </td>
    </tr>
  );
}
