// The limits that the environment sets, under the names that set them, and how near each source is to those of its backups, as the API's forecast says.

import { Fragment, useState, type ReactNode } from "react";
import type { Metrics, SettingsResponse, SourceSummary } from "../api/client";
import { useMay } from "../api/context";
import { useMetrics } from "../api/queries";
import { useSources } from "../api/sources";
import { Facts } from "../components/basics";
import { readersZone } from "../format";
import { useText } from "../i18n";
import { useKeptWords } from "../i18n/kept";
import { useScreenWords } from "../i18n/screens";
import { saidSchedule } from "./kept/words";

const gigabyte = 2 ** 30;

/** So many sources are shown at first, those that are nearest to a limit. */
const first = 6;

export function LimitsCard({ of: { limits: l } }: { of: SettingsResponse }) {
  const { t, f, language } = useText();
  const w = useScreenWords();
  const k = useKeptWords();
  const s = w.settings;
  const may = useMay();
  const yes = (b: boolean | undefined) => (b === undefined ? undefined : b ? s.yes : s.no);
  const count = (n: number | undefined) => (n ? f.number(n) : s.unlimited);
  const gb = (n: number | undefined) => (n ? f.bytes(n * gigabyte) : s.unlimited);
  const planned = (expression: string | undefined) => expression && <>{saidSchedule(k, language, expression, "UTC", readersZone())} <code className="set-by">{expression}</code></>;
  /** A value with the variable that sets it. */
  const by = (name: string, value: ReactNode): ReactNode => (value === undefined || value === "" ? undefined : <>{value}<code className="set-by">{name.split(/(?<=_)/).map((part) => <Fragment key={part}>{part}<wbr /></Fragment>)}</code></>);
  return (
    <section className="card">
      <h2>{s.limits}</h2>
      <p className="hint">{s.limitsHint}</p>
      {may("metrics") && <Near limits={l} />}
      <Facts of={[
        [s.maxBackupSize, by("BACKUP_MAX_SIZE_GB", gb(l.maxBackupSizeGB))],
        [s.maxDuration, by("PGDUMP_TIMEOUT", l.maxDurationSeconds ? f.duration(l.maxDurationSeconds * 1000) : s.unlimited)],
        [s.maxStorage, by("BACKUP_MAX_STORAGE_SIZE_GB", gb(l.maxStorageSizeGB))],
        [s.maxConcurrent, by("BACKUP_MAX_CONCURRENT", count(l.maxConcurrent))],
        [s.maxConcurrentPerUser, by("BACKUP_MAX_CONCURRENT_PER_USER", count(l.maxConcurrentPerUser))],
        [s.maxBackupsPerUser, by("BACKUP_MAX_BACKUPS_PER_USER", count(l.maxBackupsPerUser))],
        [s.maxRequestsPerMinute, by("BACKUP_MAX_REQUESTS_PER_MINUTE", count(l.maxRequestsPerMinute))],
        [t.columns.source, by("BACKUP_SOURCE", l.source)],
        [t.columns.database, l.database],
        [s.schedule, by("BACKUP_SCHEDULE", planned(l.backupSchedule))],
        [s.autoCleanup, by("BACKUP_AUTO_CLEANUP_ENABLED", yes(l.autoCleanupEnabled))],
        [s.cleanupSchedule, by("BACKUP_CLEANUP_SCHEDULE", planned(l.cleanupSchedule))],
        [s.directories, by("BACKUP_ALLOWED_DIRECTORIES", l.allowedDirectories.length ? l.allowedDirectories.map((d) => <code key={d}>{d || "/"} </code>) : s.anyDirectory)],
        [s.compress, by("BACKUP_ENABLE_COMPRESSION", yes(l.compress))],
        [s.threshold, by("BACKUP_COMPRESSION_THRESHOLD_MB", l.compressionThresholdMB ? f.bytes(l.compressionThresholdMB * 2 ** 20) : undefined)],
        [s.encrypt, by("BACKUP_ENABLE_ENCRYPTION", yes(l.encryptBackups))],
        [s.auditDays, by("BACKUP_AUDIT_LOG_RETENTION_DAYS", l.auditLogRetentionDays ? s.daysValue(l.auditLogRetentionDays) : undefined)],
      ]} />
    </section>
  );
}

/** Near says how much of the limits is used: by the newest backups of each source, and by all that is stored. */
function Near({ limits: l }: { limits: SettingsResponse["limits"] }) {
  const { t, f } = useText();
  const s = useScreenWords().settings.near;
  const [every, setEvery] = useState(false);
  const metrics = useMetrics(undefined).data;
  const sources = useSources(useMay()("list")).data?.sources;
  if (!metrics) return null;
  const most = (name: string) => {
    const own = sources?.find((x) => x.name === name);
    return { bytes: (own?.maxSizeGB ?? l.maxBackupSizeGB ?? 0) * gigabyte, own: own?.maxSizeGB !== undefined && !own.defaulted.includes("maxSizeGB") };
  };
  const durations = (l.maxDurationSeconds ?? 0) * 1000;
  const all = metrics.sources.filter((x) => x.configured).map((x) => {
    const limit = most(x.source);
    const size = x.forecast?.size.now ?? x.lastWhole?.size;
    const duration = x.forecast?.duration.now;
    return { x, limit, size, duration, near: Math.max(limit.bytes ? (size ?? 0) / limit.bytes : 0, durations ? (duration ?? 0) / durations : 0) };
  }).sort((a, b) => b.near - a.near);
  return (
    <>
      {all.length > 0 && (
        <ul className="near" aria-label={s.title}>
          {(every ? all : all.slice(0, first)).map(({ x, limit, size, duration }) => (
            <li key={x.source}>
              <strong className="detail">{x.source}</strong>
              <Use what={s.size} value={size} limit={limit.bytes} format={f.bytes} note={limit.own ? s.own : undefined} reached={reachedAt(x, "size_limit_near")} />
              <Use what={s.duration} value={duration} limit={durations} format={f.duration} reached={reachedAt(x, "time_limit_near")} />
            </li>
          ))}
        </ul>
      )}
      {!every && all.length > first && <button type="button" className="plain link" onClick={() => setEvery(true)}>{t.front.cards.all(all.length)}</button>}
      <Stored of={metrics} />
    </>
  );
}

const reachedAt = (x: SourceSummary, limit: "size_limit_near" | "time_limit_near") => x.forecast?.reached.find((r) => r.limit === limit)?.at;

function Stored({ of: m }: { of: Metrics }) {
  const { f } = useText();
  const s = useScreenWords().settings.near;
  const limit = m.storageForecast?.limitBytes ?? m.storageLimitBytes ?? 0;
  return <div className="near"><Use what={m.storageForecast?.disk ? s.disk : s.stored} value={m.storageUsedBytes} limit={limit} format={f.bytes} reached={m.storageForecast?.fullAt} /></div>;
}

/** Use is how much of a limit is used, and when it is reached if it goes on like that. */
function Use({ what, value, limit, format, note, reached }: { what: string; value: number | undefined; limit: number; format: (n: number) => string; note?: string | undefined; reached: string | undefined }) {
  const { f } = useText();
  const s = useScreenWords().settings.near;
  return (
    <div>
      <span>{what}: {value === undefined ? <span className="muted">{s.unknown}</span> : limit > 0 ? s.of(format(value), format(limit), f.percent(value / limit)) : s.free(format(value))}{note && <span className="muted"> ({note})</span>}</span>
      {value !== undefined && limit > 0 && <meter aria-hidden="true" max={limit} high={limit * 0.9} value={Math.min(value, limit)} />}
      {reached && <span className="goes">{Date.parse(reached) > Date.now() ? s.by(f.date(reached)) : s.now}</span>}
    </div>
  );
}
