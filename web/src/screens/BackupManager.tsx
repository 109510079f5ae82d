// The home screen: is everything all right, what happened lately, and the list of backups.

import { lazy, Suspense, useEffect, useRef, useState } from "react";
import type { Backup, Metrics, SourceSummary } from "../api/client";
import { useBackups, useMetrics, useRecent, useRunning } from "../api/queries";
import { useMay } from "../api/context";
import { DayStrip } from "../charts/DayStrip";
import { byteUnits, millisecondUnits } from "../charts/statistics";
import { TimeChart, type Series } from "../charts/TimeChart";
import { Icon, Page, Time, useNow, type IconName } from "../components/basics";
import { partText } from "../components/Part";
import { Failed, Loaded, Loading } from "../components/states";
import { useText } from "../i18n";
import { navigate, readFilters, useSearch, writeFilters, type Filters } from "../url";
import { BackupList } from "./BackupList";
import { RunningBackup } from "./RunningBackup";
import { Findings, lastGood, Sources, stateTones, worstFirst } from "./Sources";

const ConfirmDialog = lazy(() => import("../components/ConfirmDialog").then((m) => ({ default: m.ConfirmDialog })));
const DownloadDialog = lazy(() => import("../components/DownloadDialog").then((m) => ({ default: m.DownloadDialog })));

export const days = 30;

export function BackupManager({ userRole }: { userRole: string }) {
  const { t } = useText();
  const may = useMay();
  const filters = readFilters(useSearch());
  const metrics = useMetrics(filters.source);
  const running = useRunning(filters.source);
  const change = (next: Filters) => navigate(`/?${writeFilters(next)}`.replace(/\?$/, ""), { replace: true });

  return (
    <Page
      title={t.home.title}
      zoned
      actions={
        <>
          <SourceFilter metrics={metrics.data} filters={filters} onChange={change} />
          {may("create") && <a className="button primary" href="#/new"><Icon name="plus" />{t.home.create}</a>}
        </>
      }
    >
      <Loaded query={metrics} rows={4}>
        {(m) => (
          <>
            <Tiles metrics={m} source={filters.source} />
            <Findings sources={m.sources.filter((s) => !filters.source || s.source === filters.source)} />
            {running.data?.backups.map((b) => <RunningBackup key={b.id} backup={b} />)}
            <section className="card">
              <h2>{t.strip.title}</h2>
              <DayStrip days={m.trend.slice(-days)} source={filters.source} zone={m.timeZone} />
            </section>
            {!filters.source && m.sources.length > 1 && <Sources sources={m.sources} />}
          </>
        )}
      </Loaded>
      <Charts source={filters.source} />
      <Backups filters={filters} onChange={change} key={userRole} />
    </Page>
  );
}

function SourceFilter({ metrics, filters, onChange }: { metrics: Metrics | undefined; filters: Filters; onChange: (f: Filters) => void }) {
  const { t } = useText();
  const names = new Set((metrics?.sources ?? []).map((s) => s.source));
  if (filters.source) names.add(filters.source);
  if (names.size < 2 && !filters.source) return null;
  return (
    <select
      aria-label={t.columns.source}
      value={filters.source ?? ""}
      onChange={(e) => {
        const { source: _, ...rest } = filters;
        onChange(e.target.value ? { ...rest, source: e.target.value } : rest);
      }}
    >
      <option value="">{t.home.allSources}</option>
      {[...names].sort().map((name) => <option key={name}>{name}</option>)}
    </select>
  );
}

function Tile({ name, value, note, tone, children }: { name: string; value: React.ReactNode; note?: React.ReactNode; tone?: "bad" | "warn" | "ok" | undefined; children?: React.ReactNode }) {
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

export function Tiles({ metrics: m, source }: { metrics: Metrics; source: string | undefined }) {
  const { t, f } = useText();
  const now = useNow(30_000);
  const candidates = m.sources.filter((s) => !source || s.source === source);
  // The worst of the sources is what matters. How it stands is the API's to say: the tile is green only when all is well.
  const worst = worstFirst(candidates)[0];
  const last = lastGood(worst);
  const tone = m.state !== "ok" ? stateTones[m.state] : last ? "ok" : undefined;
  const finding = worst?.findings[0];
  const used = m.storageLimitBytes ? m.storageUsedBytes / m.storageLimitBytes : undefined;
  const all = m.succeeded + m.failed + m.interrupted + m.missed;
  const named = (s: SourceSummary | undefined) => (candidates.length > 1 && s ? `${s.source} · ` : "");
  const next = candidates.filter((s) => s.nextScheduledAt).sort((a, b) => a.nextScheduledAt!.localeCompare(b.nextScheduledAt!))[0];
  return (
    <div className="tiles">
      <Tile
        name={t.tiles.lastGood}
        value={last ? <Time at={last.at} relative /> : t.tiles.never}
        tone={tone}
        note={named(worst) + (finding ? t.findings.short[finding.code] ?? finding.text : !last ? t.tiles.neverNote : worst?.scheduled ? t.tiles.onTime : t.tiles.noSchedule)}
      />
      <Tile
        name={t.tiles.successRate(m.days)}
        value={m.successRate === undefined ? "—" : f.percent(m.successRate)}
        tone={m.successRate !== undefined && m.successRate < 0.9 ? "warn" : undefined}
        note={all === 0 ? t.tiles.noRuns : t.tiles.ofRuns(m.succeeded, all) + (m.missed ? `, ${t.strip.counts.missed(m.missed)}` : "")}
      />
      <Tile
        name={t.tiles.stored}
        value={f.bytes(m.storageUsedBytes)}
        tone={used !== undefined && used > 0.9 ? (used >= 1 ? "bad" : "warn") : undefined}
        note={used === undefined ? t.tiles.noQuota : t.tiles.ofQuota(f.percent(used), f.bytes(m.storageLimitBytes!))}
      >
        {used !== undefined && <meter min={0} max={1} high={0.9} value={Math.min(used, 1)} aria-label={t.tiles.ofQuota(f.percent(used), f.bytes(m.storageLimitBytes!))} />}
      </Tile>
      <Tile
        name={t.tiles.next}
        value={next ? <Time at={next.nextScheduledAt!} relative /> : t.tiles.none}
        note={next ? named(next) + f.dateTime(next.nextScheduledAt!) : t.tiles.noScheduleNote}
      />
      <span className="hidden">{t.tiles.asOf(f.ago(m.at, now))}</span>
    </div>
  );
}

/** seriesOf groups backups into lines: sizes of a schema-only backup say nothing about whole ones. */
export function seriesOf(backups: Backup[], value: (b: Backup) => number, part: (b: Backup) => string): Series[] {
  const groups = new Map<string, Series>();
  for (const b of [...backups].reverse()) {
    const name = b.whole ? b.source : `${b.source} (${part(b)})`;
    const group = groups.get(name) ?? { name, points: [] };
    group.points.push({ id: b.id, at: Date.parse(b.createdAt), value: value(b) });
    groups.set(name, group);
  }
  return [...groups.values()].sort((a, b) => b.points.length - a.points.length);
}

function Charts({ source }: { source: string | undefined }) {
  const { t, f } = useText();
  const part = (b: Backup) => partText(t, b);
  const recent = useRecent(source, days);
  const to = useNow(60_000);
  const from = to - days * 86_400_000;
  return (
    <div className="charts">
      <div className="card">
        <Loaded query={recent}>
          {(r) => <TimeChart title={t.charts.size} series={seriesOf(r.backups, (b) => b.size, part)} format={f.bytes} floor={64 << 10} units={byteUnits} from={from} to={to} />}
        </Loaded>
      </div>
      <div className="card">
        <Loaded query={recent}>
          {(r) => <TimeChart title={t.charts.duration} series={seriesOf(r.backups, (b) => b.duration, part)} format={f.duration} floor={2_000} units={millisecondUnits} from={from} to={to} />}
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
      <Suspense fallback={null}>
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
      </Suspense>
    </section>
  );
}
