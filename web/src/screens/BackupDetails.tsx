// One backup, at its own address: while it is made its progress, then everything that is known of it.

import { lazy, Suspense, useEffect, useState } from "react";
import { ApiError, type Backup, type Options } from "../api/client";
import { useMay } from "../api/context";
import { useActions, useBackup } from "../api/queries";
import { CopyButton, Facts, Icon, Page, Time, word } from "../components/basics";
import { ConfirmDialog } from "../components/ConfirmDialog";
import { DownloadDialog } from "../components/DownloadDialog";
import { Empty, Explanation, Failed, Loading } from "../components/states";
import { PartBadge, partText, sourceText } from "../components/Part";
import { proofsOf, reasonText, StatusBadge } from "../components/Verified";
import { useText } from "../i18n";
import { useScreenWords } from "../i18n/screens";
import { navigate } from "../url";
import { AuditTrail } from "./AuditTrail";
import { Change } from "./BackupList";
import { Ladder, LastProof, Proofs, useProof } from "./Proof";
import { restorable, standingOf } from "./restore/order";
import { restoreLink } from "./restore/parts";
import { RestoreCard } from "./restore/RestoreCard";
import { RunningBackup } from "./RunningBackup";

const PinCard = lazy(() => import("./PinCard").then((m) => ({ default: m.PinCard })));
const Tables = lazy(() => import("./Contents").then((m) => ({ default: m.Tables })));
const Changes = lazy(() => import("./Contents").then((m) => ({ default: m.Changes })));

/** patience is how long the result of a validation is waited for, in milliseconds: a quarter of an hour, and what reading
 * the file takes at 60 MB in a second. */
const patience = (b: Backup) => 900_000 + b.size / 60_000;

export function BackupDetails({ id }: { id: string }) {
  const { t } = useText();
  const [awaited, setAwaited] = useState<string | null>(null);
  const [late, setLate] = useState(false);
  const query = useBackup(id, awaited ? (late ? 60_000 : 3_000) : false);
  const backup = query.data;
  // A validation that takes longer than a request is over when its outcome is later than the request.
  useEffect(() => {
    // As times, not as texts: a fraction of a second may stand in one and not in the other.
    if (awaited && backup && proofsOf(backup).some((v) => Date.parse(v.at) > Date.parse(awaited))) setAwaited(null);
  }, [awaited, backup]);
  // Whoever does it may have died, which nobody tells.
  const wait = awaited && backup && patience(backup);
  useEffect(() => {
    setLate(false);
    if (!wait) return;
    const timer = setTimeout(() => setLate(true), wait);
    return () => clearTimeout(timer);
  }, [awaited, wait]);

  if (!backup) {
    const missing = query.error instanceof ApiError && (query.error.status === 404 || query.error.status === 400);
    return (
      <Page title={t.details.title}>
        {missing ? <Empty title={t.details.missing}><a className="button" href="#/">{t.details.toList}</a></Empty>
          : query.error ? <Failed error={query.error} retry={() => query.refetch()} /> : <Loading rows={8} />}
      </Page>
    );
  }
  return (
    <>
      <nav className="crumbs" aria-label={t.details.crumbs}><a href="#/">{t.home.title}</a><span aria-hidden="true"> / </span><span aria-current="page">{backup.filename}</span></nav>
      <Details backup={backup} awaited={awaited !== null && !late} late={awaited !== null && late} onAwait={setAwaited} error={query.error} retry={() => query.refetch()} />
    </>
  );
}

function Details({ backup: b, awaited, late, onAwait, error, retry }: {
  backup: Backup;
  awaited: boolean;
  late: boolean;
  onAwait: (since: string) => void;
  error: unknown;
  retry: () => void;
}) {
  const { t, f } = useText();
  const may = useMay();
  const { validate } = useActions();
  const proof = useProof(b);
  const [dialog, setDialog] = useState<"delete" | "download" | null>(null);
  const running = b.status === "in_progress";
  const good = standingOf(b) === "good"; // a green button is a promise
  const check = () =>
    validate.mutate(b.id, {
      onSuccess: (found) => {
        if ("requestedAt" in found) onAwait(found.requestedAt);
      },
    });
  return (
    <Page
      title={b.filename}
      zoned
      actions={!running && (
        <>
          {may("restore") && restorable(b) && <a className={good ? "button primary" : "button"} href={restoreLink(b.id)}>{t.nav.restore}</a>}
          {may("download") && b.status === "success" && <button type="button" className={good && !may("restore") ? "primary" : undefined} onClick={() => setDialog("download")}><Icon name="download" />{t.download.button}</button>}
          {may("validate") && b.status === "success" && <button type="button" onClick={check} disabled={validate.isPending || awaited}><Icon name="ok" />{validate.isPending || awaited ? t.details.validating : t.details.validate}</button>}
          {proof.button}
          {may("delete") && <button type="button" className="danger-text" onClick={() => setDialog("delete")}><Icon name="trash" />{t.list.deleteButton}</button>}
        </>
      )}
    >
      {error ? <Failed error={error} retry={retry} /> : null}
      {running ? <RunningBackup backup={b} details /> : <p className="summary"><StatusBadge backup={b} /> <PartBadge backup={b} /> <span className="muted">{!b.whole && "· "}{sourceText(t, b)} · {f.bytes(b.size)} · </span><Time at={b.createdAt} relative /></p>}
      {proof.note}
      {validate.error && <Failed error={validate.error} retry={check} />}
      <div role="status">
        {(validate.isPending || awaited) && <p className="notice run"><Icon name="run" />{t.details.validatingNote}</p>}
        {late && !validate.isPending && <div className="notice warn"><Icon name="warn" /><div><p>{t.details.noResult}</p><p><button type="button" onClick={check}>{t.states.tryAgain}</button></p></div></div>}
        {validate.data && "valid" in validate.data && !validate.isPending && (
          <p className={`notice ${validate.data.valid ? "ok" : "bad"}`}>
            <Icon name={validate.data.valid ? "ok" : "bad"} />
            {validate.data.valid ? t.details.valid(f.bytes(validate.data.size), f.duration(validate.data.duration)) : t.details.invalid}
          </p>
        )}
      </div>
      {b.shrunk && b.previousSize !== undefined && (
        <div className="notice warn"><Icon name="warn" /><p><strong>{t.list.shrunk}</strong>: {t.details.shrunk(f.bytes(b.size), f.bytes(b.previousSize))}</p></div>
      )}
      <LostRows backup={b} />
      {b.error && <Explanation error={b.error} tone={b.outcome === "canceled" ? "none" : "bad"}>{may("create") && <TryAgain backup={b} />}</Explanation>}
      {b.verification && !b.verification.ok && (
        <div className="notice bad">
          <Icon name="bad" />
          <div>
            <p><strong>{t.details.damaged}</strong></p>
            <ul>{b.verification.problems?.map((p) => <li key={p.reason + p.detail}>{word(t.reasons, p.reason)}: <span lang="en">{p.detail}</span></li>)}</ul>
          </div>
        </div>
      )}
      <div className="columns">
        <Metadata backup={b} />
        <div>
          {b.status === "success" && <Ladder backup={b} />}
          <LastProof backup={b} />
          <Timeline backup={b} />
          <KeepCard backup={b} />
          {b.status === "success" && <Suspense fallback={<Loading />}><PinCard backup={b} /></Suspense>}
        </div>
      </div>
      {b.status === "success" && <Contents backup={b} />}
      {b.status === "success" && <Suspense fallback={<Loading />}><RestoreCard backup={b} /></Suspense>}
      {may("audit") && <AuditTrail resource={b.id} />}
      {dialog === "download" && <DownloadDialog backup={b} onClose={() => setDialog(null)} />}
      {dialog === "delete" && <ConfirmDialog backups={[b]} onClose={() => setDialog(null)} onDeleted={(gone) => (gone.length ? navigate("/") : setDialog(null))} />}
    </Page>
  );
}

/** optionsOf gives the options that a backup was made with, for making it again. The name is left to be chosen anew. */
export function optionsOf(b: Backup): Options {
  const directory = b.filepath.split("/").slice(1, -1).join("/");
  return {
    ...(b.database ? { database: b.database } : {}), // it may have failed before its database was known
    ...(b.source && b.sourceKnown && b.source !== b.database ? { source: b.source } : {}),
    format: b.format,
    ...(directory ? { directory } : {}),
    ...(b.content === "schema" ? { includeData: false } : {}),
    ...(b.content === "data" ? { includeSchema: false } : {}),
    ...(b.compression && b.compression !== "auto" ? { compression: b.compression } : {}),
    ...(b.encryption === "age" ? { encrypt: true } : {}),
    ...(b.selection ? { selection: b.selection } : {}),
    ...(b.labels ? { labels: b.labels } : {}),
  };
}

function TryAgain({ backup }: { backup: Backup }) {
  const { t } = useText();
  const { create } = useActions();
  // One key for all clicks, so that one after a lost answer makes no second backup.
  const [key] = useState(() => crypto.randomUUID());
  const again = () => create.mutate({ options: optionsOf(backup), key }, { onSuccess: (b) => navigate(`/backups/${b.id}`) });
  return (
    <>
      <p><button type="button" onClick={again} disabled={create.isPending}>{t.states.tryAgain}</button></p>
      {create.error && <Failed error={create.error} />}
    </>
  );
}

function Metadata({ backup: b }: { backup: Backup }) {
  const { t, f } = useText();
  const w = useScreenWords();
  const d = t.details;
  return (
    <section className="card">
      <h2>{d.metadata}</h2>
      <Facts of={[
        [t.columns.source, <>{b.source}{!b.sourceKnown && <span className="muted"> ({t.part.serverUnknown})</span>}</>],
        [t.columns.database, b.database],
        [d.server, b.server?.host && <code>{b.server.host}{b.server.port && `:${b.server.port}`}</code>],
        [t.columns.size, b.size > 0 && <>{f.bytes(b.size)} <span className="muted">({f.number(b.size)} B)</span> <Change backup={b} /></>],
        [d.uncompressed, b.uncompressedSize !== undefined && f.bytes(b.uncompressedSize)],
        [d.contentName, b.whole ? t.content.all : partText(t, b)],
        [d.format, b.format === "custom" ? w.create.formats.custom : w.create.formats.plain],
        [d.compression, b.compression],
        [d.encryption, b.encryption === "age" ? "age" : d.notEncrypted],
        [t.columns.verified, proofsOf(b).length > 0 && <Proofs backup={b} />],
        [d.checksum, b.checksum && <span className="with-copy"><code className="hash">{b.checksum}</code><CopyButton text={b.checksum} what={d.checksum} /></span>],
        [d.place, <span key="place" className="with-copy"><code className="hash">{b.filepath}</code><CopyButton text={b.filepath} what={d.place} /></span>],
        [d.id, <span key="id" className="with-copy"><code>{b.id}</code><CopyButton text={b.id} what={d.id} /></span>],
        [d.databaseVersion, b.databaseVersion],
        [d.pgDumpVersion, b.pgDumpVersion],
        [d.read, b.engine && (b.engine === "parallel" ? d.readParallel(b.jobs ?? 1) + (b.waitedPercent ? `, ${d.waited(b.waitedPercent)}` : "") : <>{d.readOne} {b.engineReason && <span className="muted">({b.engineReason})</span>}</>)],
        [w.create.rows, b.binaryTables ? d.rowsBinary(b.binaryTables) : b.textRows && <>{w.create.rowsText} <span className="muted">({b.textRows})</span></>],
        [d.schemaVersion, b.schemaVersion && <code className="hash">{b.schemaVersion}</code>],
        [d.createdBy, b.createdBy],
        [d.trigger, word(d.triggers, b.trigger)],
        [d.attempts, b.attempt > 1 && f.number(b.attempt)],
        [d.selection, b.selection && Object.entries(b.selection).map(([k, v]) => <div key={k}><code>{Array.isArray(v) ? `${k}: ${v.join(", ")}` : v ? k : `${k}: false`}</code></div>)],
        [w.create.labels, b.labels && Object.keys(b.labels).length > 0 && Object.entries(b.labels).map(([k, v]) => <a className="chip" key={k} href={`#/?label=${encodeURIComponent(`${k}=${v}`)}`}>{k}={v}</a>)],
      ]} />
    </section>
  );
}

/** Timeline is what happened to a backup, and what will, in order. */
function Timeline({ backup: b }: { backup: Backup }) {
  const { t, f } = useText();
  const end = new Date(Date.parse(b.createdAt) + b.duration).toISOString();
  const events: { at: string; text: string; tone: string }[] = [{ at: b.createdAt, text: t.details.events.started, tone: "past" }];
  if (b.status === "success") events.push({ at: end, text: t.details.events.finished(f.duration(b.duration)), tone: "ok" });
  if (b.outcome === "canceled") events.push({ at: end, text: t.details.events.canceled, tone: "past" });
  else if (b.status === "failed") events.push({ at: end, text: b.outcome === "interrupted" ? t.status.interrupted : t.details.events.failed, tone: "bad" });
  for (const v of proofsOf(b).filter((v) => v.level !== "stream").sort((x, y) => Date.parse(x.at) - Date.parse(y.at))) {
    events.push({ at: v.at, text: v.ok ? `${t.details.events.verified} (${word(t.levels, v.level)})` : t.details.events.damaged, tone: v.ok ? "ok" : "bad" });
  }
  if (b.retention?.expiresAt) events.push({ at: b.retention.expiresAt, text: t.details.events.expires, tone: "future" });
  return (
    <section className="card">
      <h2>{t.details.timeline}</h2>
      <ol className="timeline">
        {events.map((e) => <li key={e.text + e.at} className={e.tone}><span>{e.text}</span><Time at={e.at} /></li>)}
      </ol>
    </section>
  );
}

/** LostRows warns of tables that lost rows since the backup before. */
function LostRows({ backup: b }: { backup: Backup }) {
  const { t, f } = useText();
  const c = b.contents;
  if (!c?.lost) return null;
  const told = c.warnings ?? [];
  return (
    <div className="notice warn">
      <Icon name="warn" />
      <div>
        {told.map((w) => <p key={w.table}>{w.dropped ? t.contents.dropped(w.table, f.number(w.before)) : t.contents.lost(w.table, w.percent, f.number(w.before), f.number(w.after))}</p>)}
        {c.lost > told.length && <p>{t.contents.lostMore(c.lost - told.length)}</p>}
        <p>{t.contents.lostHint}</p>
      </div>
    </div>
  );
}

/** Contents is what the record says of them; tables and changes are loaded when somebody opens them. */
function Contents({ backup: b }: { backup: Backup }) {
  const { t } = useText();
  const [open, setOpen] = useState<"tables" | "changes" | null>(null);
  const c = b.contents;
  return (
    <section className="card">
      <div className="card-head">
        <h2>{t.contents.title}</h2>
        {c?.readable && (
          <div className="actions">
            <button type="button" aria-pressed={open === "tables"} onClick={() => setOpen(open === "tables" ? null : "tables")}>{t.contents.show}</button>
            <button type="button" aria-pressed={open === "changes"} onClick={() => setOpen(open === "changes" ? null : "changes")}>{t.contents.compare}</button>
          </div>
        )}
      </div>
      {!c ? <p>{t.contents.old}</p>
        : !c.known ? <p>{t.contents.missing} <span lang="en">{c.missing}</span></p>
        : !c.readable ? <p>{t.contents.closed}</p>
        : <p>{b.encryption === "age" ? t.contents.encrypted : t.contents.summary(c.tables ?? 0, c.rows ?? 0)}</p>}
      {c?.notCompared && c.readable && <p className="muted">{t.contents.notCompared} <span lang="en">{c.notCompared}</span></p>}
      {open && <Suspense fallback={<Loading />}>{open === "tables" ? <Tables backup={b} /> : <Changes backup={b} />}</Suspense>}
    </section>
  );
}

function KeepCard({ backup: b }: { backup: Backup }) {
  const { t, f } = useText();
  const r = b.retention;
  if (!r || b.status === "in_progress") return null;
  return (
    <section className="card">
      <h2>{t.retention.title}</h2>
      <p>{r.removed ? t.retention.goes : r.expiresAt ? t.retention.until(f.date(r.expiresAt)) : t.retention.forever}</p>
      <ul>{r.reasons.map((x) => <li key={x.code}>{reasonText(t, x)}</li>)}</ul>
      {r.onlyVerified && <p className="notice warn"><Icon name="warn" />{t.retention.onlyVerified(b.source)}</p>}
    </section>
  );
}
