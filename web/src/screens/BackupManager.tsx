// The home screen: is everything all right, what happened lately, and the list of backups.

import { useEffect, useRef, useState } from "react";
import type { Backup, Metrics } from "../api/client";
import { useBackups, useMetrics, useRecent, useRunning } from "../api/queries";
import { useMay } from "../api/context";
import { DayStrip, toList } from "../charts/DayStrip";
import { byteUnits, millisecondUnits } from "../charts/statistics";
import { TimeChart, type Series } from "../charts/TimeChart";
import { Icon, Page, Time, useNow, type IconName } from "../components/basics";
import { ConfirmDialog } from "../components/ConfirmDialog";
import { DownloadDialog } from "../components/DownloadDialog";
import { Failed, Loaded, Loading } from "../components/states";
import { useText } from "../i18n";
import { navigate, readFilters, useSearch, writeFilters, type Filters } from "../url";
import { BackupList } from "./BackupList";
import { RunningBackup } from "./RunningBackup";

export const days = 30;

export function BackupManager({ userRole }: { userRole: string }) {
  const { t, f } = useText();
  const may = useMay();
  const filters = readFilters(useSearch());
  const metrics = useMetrics(filters.database);
  const running = useRunning(filters.database);
  const change = (next: Filters) => navigate(`/?${writeFilters(next)}`.replace(/\?$/, ""), { replace: true });

  return (
    <Page
      title={t.home.title}
      actions={
        <>
          <DatabaseFilter metrics={metrics.data} filters={filters} onChange={change} />
          {may("create") && <a className="button primary" href="#/new"><Icon name="plus" />{t.home.create}</a>}
        </>
      }
    >
      <Loaded query={metrics} rows={4}>
        {(m) => (
          <>
            <Tiles metrics={m} database={filters.database} />
            {m.damaged > 0 && (
              <p className="notice bad">
                <Icon name="bad" />
                <a href={`#/?${writeFilters({ ...(filters.database ? { database: filters.database } : {}), damaged: true })}`} onClick={toList}>{t.status.damaged}: {f.number(m.damaged)}</a>
              </p>
            )}
            {running.data?.backups.map((b) => <RunningBackup key={b.id} backup={b} />)}
            <section className="card">
              <h2>{t.strip.title}</h2>
              <DayStrip days={m.trend.slice(-days)} database={filters.database} />
            </section>
          </>
        )}
      </Loaded>
      <Charts database={filters.database} />
      <Backups filters={filters} onChange={change} key={userRole} />
    </Page>
  );
}

function DatabaseFilter({ metrics, filters, onChange }: { metrics: Metrics | undefined; filters: Filters; onChange: (f: Filters) => void }) {
  const { t } = useText();
  const names = new Set((metrics?.databases ?? []).map((d) => d.database));
  if (filters.database) names.add(filters.database);
  if (names.size < 2 && !filters.database) return null;
  return (
    <select
      aria-label={t.columns.database}
      value={filters.database ?? ""}
      onChange={(e) => {
        const { database: _, ...rest } = filters;
        onChange(e.target.value ? { ...rest, database: e.target.value } : rest);
      }}
    >
      <option value="">{t.home.allDatabases}</option>
      {[...names].sort().map((name) => <option key={name}>{name}</option>)}
    </select>
  );
}

function Tile({ name, value, note, tone, children }: { name: string; value: React.ReactNode; note?: React.ReactNode; tone?: "bad" | "warn" | "ok"; children?: React.ReactNode }) {
  const icon: Record<string, IconName> = { bad: "bad", warn: "warn", ok: "ok" };
  return (
    <div className={`tile ${tone ?? ""}`}>
      <h2>{name}</h2>
      <p className="value">{tone && <Icon name={icon[tone]!} />}{value}</p>
      {children}
      {note && <p className="note">{note}</p>}
    </div>
  );
}

export function Tiles({ metrics: m, database }: { metrics: Metrics; database: string | undefined }) {
  const { t, f } = useText();
  const now = useNow(30_000);
  const candidates = m.databases.filter((d) => !database || d.database === database);
  // The worst of the databases is what matters: one that is overdue, else the one whose last good backup is the oldest.
  // A database that never had any, and that no schedule wants, is somebody's try.
  const oldest = candidates
    .filter((d) => d.overdue || d.lastSuccessAt)
    .sort((a, b) => Number(b.overdue ?? false) - Number(a.overdue ?? false) || (a.lastSuccessAt ?? "").localeCompare(b.lastSuccessAt ?? ""))[0];
  const overdue = m.overdue || candidates.some((d) => d.overdue);
  const used = m.storageLimitBytes ? m.storageUsedBytes / m.storageLimitBytes : undefined;
  const ended = m.succeeded + m.failed;
  const several = candidates.length > 1 && oldest ? `${oldest.database} · ` : "";
  return (
    <div className="tiles">
      <Tile
        name={t.tiles.lastGood}
        value={oldest?.lastSuccessAt ? <Time at={oldest.lastSuccessAt} relative /> : t.tiles.never}
        tone={overdue || !oldest?.lastSuccessAt ? "bad" : "ok"}
        note={several + (overdue ? t.tiles.overdue : !oldest?.lastSuccessAt ? t.tiles.neverNote : m.schedule ? t.tiles.onTime : t.tiles.noSchedule)}
      />
      <Tile
        name={t.tiles.successRate(m.days)}
        value={m.successRate === undefined ? "—" : f.percent(m.successRate)}
        {...(m.successRate !== undefined && m.successRate < 0.9 ? { tone: "warn" as const } : {})}
        note={ended === 0 ? t.tiles.noRuns : t.tiles.ofRuns(m.succeeded, ended)}
      />
      <Tile
        name={t.tiles.stored}
        value={f.bytes(m.storageUsedBytes)}
        {...(used !== undefined && used > 0.9 ? { tone: used >= 1 ? ("bad" as const) : ("warn" as const) } : {})}
        note={used === undefined ? t.tiles.noQuota : t.tiles.ofQuota(f.percent(used), f.bytes(m.storageLimitBytes!))}
      >
        {used !== undefined && <meter min={0} max={1} high={0.9} value={Math.min(used, 1)} aria-label={t.tiles.ofQuota(f.percent(used), f.bytes(m.storageLimitBytes!))} />}
      </Tile>
      <Tile
        name={t.tiles.next}
        value={m.nextScheduledAt ? <Time at={m.nextScheduledAt} relative /> : t.tiles.none}
        note={m.nextScheduledAt ? f.dateTime(m.nextScheduledAt) : t.tiles.noScheduleNote}
      />
      <span className="hidden">{t.tiles.asOf(f.ago(m.at, now))}</span>
    </div>
  );
}

/** seriesOf groups backups into lines: sizes of a schema-only backup say nothing about whole ones. */
export function seriesOf(backups: Backup[], value: (b: Backup) => number, names: Record<Backup["content"], string>): Series[] {
  const groups = new Map<string, Series>();
  for (const b of [...backups].reverse()) {
    const name = b.content === "all" ? b.database : `${b.database} (${names[b.content]})`;
    const group = groups.get(name) ?? { name, points: [] };
    group.points.push({ id: b.id, at: Date.parse(b.createdAt), value: value(b) });
    groups.set(name, group);
  }
  return [...groups.values()].sort((a, b) => b.points.length - a.points.length);
}

function Charts({ database }: { database: string | undefined }) {
  const { t, f } = useText();
  const recent = useRecent(database, days);
  const to = useNow(60_000);
  const from = to - days * 86_400_000;
  return (
    <div className="charts">
      <div className="card">
        <Loaded query={recent}>
          {(r) => <TimeChart title={t.charts.size} series={seriesOf(r.backups, (b) => b.size, t.content)} format={f.bytes} floor={64 << 10} units={byteUnits} from={from} to={to} />}
        </Loaded>
      </div>
      <div className="card">
        <Loaded query={recent}>
          {(r) => <TimeChart title={t.charts.duration} series={seriesOf(r.backups, (b) => b.duration, t.content)} format={f.duration} floor={2_000} units={millisecondUnits} from={from} to={to} />}
        </Loaded>
      </div>
    </div>
  );
}

function Backups({ filters, onChange }: { filters: Filters; onChange: (f: Filters) => void }) {
  const { t } = useText();
  const query = useBackups(filters);
  const [deleting, setDeleting] = useState<Backup[] | null>(null);
  const [downloading, setDownloading] = useState<Backup | null>(null);
  const [said, setSaid] = useState("");
  const [deletions, setDeletions] = useState(0);
  const title = useRef<HTMLHeadingElement>(null);
  // The button that was pressed has gone with its row. This runs after the dialog has closed: before, nothing outside of it
  // can have the focus.
  useEffect(() => {
    if (deletions > 0) title.current?.focus();
  }, [deletions]);
  const backups = query.data?.pages.flatMap((p) => p.backups) ?? [];
  return (
    <section className="card list" aria-labelledby="backups">
      <h2 id="backups" ref={title} tabIndex={-1}>{t.list.title}</h2>
      <p role="status" className={said ? "said" : "hidden"}>{said}</p>
      {query.data === undefined ? (query.error ? <Failed error={query.error} retry={() => query.refetch()} /> : <Loading rows={6} />) : (
        <>
          {query.error && <Failed error={query.error} retry={() => query.refetch()} />}
          <BackupList
            backups={backups}
            total={query.data.pages[0]?.total ?? 0}
            filters={filters}
            onFilter={onChange}
            onDelete={setDeleting}
            onDownload={setDownloading}
            more={query.hasNextPage ? { load: () => void query.fetchNextPage(), loading: query.isFetchingNextPage } : undefined}
          />
        </>
      )}
      {deleting && (
        <ConfirmDialog
          backups={deleting}
          onClose={() => setDeleting(null)}
          onDeleted={(ids) => {
            setDeleting(null);
            setSaid(t.list.deleted(ids.length));
            setDeletions((n) => n + 1);
          }}
        />
      )}
      {downloading && <DownloadDialog backup={downloading} onClose={() => setDownloading(null)} />}
    </section>
  );
}
