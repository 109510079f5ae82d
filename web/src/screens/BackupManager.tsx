// The home screen: one sentence that says how it stands, a card for each source, and the list of backups. Of one source alone, its days
// and its charts, too.

import { lazy, Suspense, useEffect, useMemo, useRef, useState } from "react";
import type { Backup, Metrics } from "../api/client";
import { useMay } from "../api/context";
import { useBackups, useMetrics, useRunning } from "../api/first";
import { Icon, useNow } from "../components/basics";
import { Loaded, Loading, Missing, useGone } from "../components/states";
import { useText } from "../i18n";
import { navigate, readFilters, useSearch, writeFilters, type Filters } from "../url";
import { BackupList } from "./BackupList";
import { OneSource } from "./home/OneSource";
import { Say } from "./home/Say";
import { SourceCards } from "./home/SourceCards";
import { Findings, lastGood } from "./Sources";

const Charts = lazy(() => import("./home/Charts").then((m) => ({ default: m.Charts })));
const ConfirmDialog = lazy(() => import("../components/ConfirmDialog").then((m) => ({ default: m.ConfirmDialog })));
const DownloadDialog = lazy(() => import("../components/DownloadDialog").then((m) => ({ default: m.DownloadDialog })));
const FirstRun = lazy(() => import("./home/FirstRun").then((m) => ({ default: m.FirstRun })));
const RunningBackup = lazy(() => import("./RunningBackup").then((m) => ({ default: m.RunningBackup })));

export const days = 30;

export function BackupManager({ userRole }: { userRole: string }) {
  const { t } = useText();
  const filters = readFilters(useSearch());
  const metrics = useMetrics(filters.source);
  const running = useRunning(filters.source);
  const gone = useGone();
  const stale = metrics.isError || metrics.isPaused || gone;
  const change = (next: Filters) => navigate(`/?${writeFilters(next)}`.replace(/\?$/, ""), { replace: true });
  const m = metrics.data;
  const empty = m?.sentence.code === "nothing_yet" && m.sentence.step !== "watch" && Object.keys(filters).length === 0;
  const chosen = m && (filters.source ? m.sources.find((s) => s.source === filters.source) : m.sources.length === 1 ? m.sources[0] : undefined);

  if (!m) {
    return (
      <>
        <h1 className="hidden">{t.home.title}</h1>
        <div className="say-wait"><Loaded query={metrics} rows={3}>{() => null}</Loaded></div>
        <Backups filters={filters} onChange={change} key={userRole} metrics={undefined} />
      </>
    );
  }
  return (
    <>
      {filters.source && <nav className="crumbs" aria-label={t.pages.crumbs}><a href="#/">{t.front.cards.back}</a><span aria-hidden="true"> / </span><span aria-current="page">{filters.source}</span></nav>}
      <Missing query={metrics} />
      {empty ? <Suspense fallback={<><h1 className="hidden">{t.home.title}</h1><Loading rows={6} /></>}><FirstRun metrics={m} /></Suspense> : (
        <>
          <Say metrics={m} stale={stale} />
          <Figures metrics={m} />
          {chosen && <Findings source={chosen} told={m.sentence.code} />}
        </>
      )}
      <Suspense fallback={<Loading rows={2} />}>{running.data?.backups.map((b) => <RunningBackup key={b.id} backup={b} />)}</Suspense>
      {!empty && (chosen ? <OneSource metrics={m} source={chosen} days={days} /> : m.sources.length > 1 && <SourceCards sources={m.sources} days={days} stale={stale} />)}
      {filters.source && !empty && <Suspense fallback={<div className="charts-wait" />}><Charts source={filters.source} metrics={m} days={days} /></Suspense>}
      <Backups filters={filters} onChange={change} key={userRole} metrics={m} unless={empty} />
      {!filters.source && !empty && m.sources.length > 0 && <Suspense fallback={<div className="charts-wait" />}><Charts source={undefined} metrics={m} days={days} /></Suspense>}
    </>
  );
}

/** Figures are what there is to say of all backups together: what is stored, of how much, until when; and how many runs were good. */
function Figures({ metrics: m }: { metrics: Metrics }) {
  const { t, f } = useText();
  const now = useNow(30_000);
  const w = t.front.figures;
  const used = m.storageLimitBytes ? m.storageUsedBytes / m.storageLimitBytes : undefined;
  const full = m.storageForecast?.fullAt;
  const near = (used !== undefined && used > 0.9) || (full !== undefined && Date.parse(full) < now + 14 * 86_400_000);
  return (
    <ul className="figures">
      <li className={near ? "warn" : ""}>
        <b>{f.bytes(m.storageUsedBytes)}</b> {w.stored}
        {used !== undefined && <> · {w.ofQuota(f.percent(used), f.bytes(m.storageLimitBytes!))}</>}
        {full && <> · <b>{Date.parse(full) <= now ? w.fullNow : w.full(f.date(full))}</b></>}
      </li>
      {m.successRate !== undefined && <li className={m.successRate < 0.9 ? "warn" : ""}><b>{f.percent(m.successRate)}</b> {w.rate(m.days)}{m.missed > 0 && ` · ${w.missed(m.missed)}`}</li>}
      <li className="hidden">{t.tiles.asOf(f.ago(m.at, now))}</li>
    </ul>
  );
}

function Backups({ filters, onChange, metrics, unless }: { filters: Filters; onChange: (f: Filters) => void; metrics: Metrics | undefined; /** It is not shown while there are none. */ unless?: boolean }) {
  const { t, f } = useText();
  const may = useMay();
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
  const good = useMemo(() => new Map(metrics?.sources.map((s) => [s.source, lastGood(s)?.id])), [metrics]);
  const names = [...new Set([...(metrics?.sources.map((s) => s.source) ?? []), ...(filters.source ? [filters.source] : [])])].sort();
  if (unless && backups.length === 0) return null;
  return (
    <section className="card list" aria-labelledby="backups">
      <h2 id="backups" ref={title} tabIndex={-1}>{t.home.title}</h2>
      {may("create") && <a className="button icon-button narrow" href="#/new" aria-label={t.home.create}><Icon name="plus" /></a>}
      <p role="status" className={said ? "said" : "hidden"}>{said}</p>
      <Missing query={query} />
      {query.data === undefined ? !query.error && <Loading rows={6} /> : (
        <BackupList
          backups={backups}
          total={query.data.pages[0]?.total ?? 0}
          filters={filters}
          sources={names}
          lastGoodOf={(source) => good.get(source)}
          onFilter={onChange}
          onDelete={setDeleting}
          onDownload={setDownloading}
          more={query.hasNextPage ? { load: () => void query.fetchNextPage(), loading: query.isFetchingNextPage } : undefined}
        />
      )}
      <p className="hint zone">{t.states.zone(f.zone())}</p>
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
