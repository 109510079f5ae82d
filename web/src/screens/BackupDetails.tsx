// One backup, at its own address: while it is made its progress; then whether it is good, what it contains and how it comes back, and the record below.

import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { ApiError, type Backup } from "../api/client";
import { useMay } from "../api/context";
import { useActions, useBackup } from "../api/queries";
import { Icon, Page, Time } from "../components/basics";
import { ConfirmDialog } from "../components/ConfirmDialog";
import { DownloadDialog } from "../components/DownloadDialog";
import { Empty, Failed, Loading, Missing } from "../components/states";
import { PartBadge, sourceText } from "../components/Part";
import { proofsOf, StatusBadge } from "../components/Verified";
import { useText } from "../i18n";
import { useDetailsWords } from "../i18n/details";
import { navigate } from "../url";
import { Contents, type View } from "./Contents";
import { AnywayDialog } from "./details/AnywayDialog";
import { Copies, Keep, Record } from "./details/Record";
import { RunLog } from "./details/RunLog";
import { goodAndWhole, Verdict } from "./details/Verdict";
import { Ladder, LastProof, useProof } from "./Proof";
import { restorable, standingOf } from "./restore/order";
import { restoreLink } from "./restore/parts";
import { RunningBackup } from "./RunningBackup";
import "./details/details.css";

const RestoreCard = lazy(() => import("./restore/RestoreCard").then((m) => ({ default: m.RestoreCard })));

/** patience is how long the result of a validation is waited for, in milliseconds: a quarter of an hour, and what reading
 * the file takes at 60 MB in a second. */
const patience = (b: Backup) => 900_000 + b.size / 60_000;

export function BackupDetails({ id }: { id: string }) {
  const { t, f } = useText();
  const w = useDetailsWords();
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
      <Page title={w.page.title}>
        {missing ? <Empty title={t.pages.noBackup}><a className="button" href="#/">{t.pages.toList}</a></Empty>
          : query.error ? <Missing query={query} /> : <Loading rows={8} />}
      </Page>
    );
  }
  return (
    <>
      <nav className="crumbs" aria-label={t.pages.crumbs}>
        <a href="#/">{t.home.title}</a><span aria-hidden="true"> / </span>
        <a href={`#/?source=${encodeURIComponent(backup.source)}`}>{backup.source}</a><span aria-hidden="true"> / </span>
        <span aria-current="page">{f.dateTime(backup.createdAt)}</span>
      </nav>
      <Details backup={backup} awaited={awaited !== null && !late} late={awaited !== null && late} onAwait={setAwaited} query={query} />
    </>
  );
}

function Details({ backup: b, awaited, late, onAwait, query }: {
  backup: Backup;
  awaited: boolean;
  late: boolean;
  onAwait: (since: string) => void;
  query: ReturnType<typeof useBackup>;
}) {
  const { t, f } = useText();
  const w = useDetailsWords();
  const may = useMay();
  const { validate } = useActions();
  const proof = useProof(b);
  const [dialog, setDialog] = useState<"delete" | "download" | "anyway" | null>(null);
  const [view, setView] = useState<View>("tables");
  const heading = useRef<HTMLHeadingElement>(null);
  const running = b.status === "in_progress";
  const stored = b.status === "success";
  const good = goodAndWhole(b); // a green button is a promise
  const check = () =>
    validate.mutate(b.id, {
      onSuccess: (found) => {
        if ("requestedAt" in found) onAwait(found.requestedAt);
      },
    });
  const compare = () => {
    setView("changes");
    heading.current?.scrollIntoView?.({ block: "start" });
    heading.current?.focus({ preventScroll: true });
  };
  const tables = b.contents?.tables;
  return (
    <Page
      title={`${b.source}, ${f.dateTime(b.createdAt)}`}
      zoned
      lead={!running && (
        <p className="summary">
          <StatusBadge backup={b} /> <PartBadge backup={b} />{" "}
          <span className="muted">{!b.whole && "· "}{[sourceText(t, b), b.size > 0 && f.bytes(b.size), tables !== undefined && w.tables(tables), b.whole && stored && w.whole].filter((x) => x !== false).join(" · ")} · </span><Time at={b.createdAt} relative />
        </p>
      )}
      actions={stored && (
        <>
          {may("download") && standingOf(b) === "good" && <button type="button" className={good && !may("restore") ? "primary" : undefined} onClick={() => setDialog("download")}><Icon name="download" />{w.page.download}</button>}
          {may("restore") && restorable(b) && <a className={good ? "button primary" : "button"} href={restoreLink(b.id)}>{t.nav.restore}</a>}
        </>
      )}
    >
      <Missing query={query} />
      {running && <RunningBackup backup={b} details />}
      <Verdict backup={b} onCompare={compare} onAnyway={() => setDialog("anyway")} />
      <div className="details-columns">
        <div>
          {stored && (
            <Ladder
              backup={b}
              actions={<>{may("validate") && <button type="button" className="small" onClick={check} disabled={validate.isPending || awaited}><Icon name="ok" />{validate.isPending || awaited ? w.page.validating : w.page.validate}</button>}{proof.button}</>}
            >
              {proof.note}
              {validate.error && <Failed error={validate.error} retry={check} />}
              <div role="status">
                {(validate.isPending || awaited) && <p className="notice run"><Icon name="run" />{w.page.validatingNote}</p>}
                {late && !validate.isPending && <div className="notice warn"><Icon name="warn" /><div><p>{w.page.noResult}</p><p><button type="button" onClick={check}>{t.states.tryAgain}</button></p></div></div>}
                {validate.data && "valid" in validate.data && !validate.isPending && (
                  <p className={`notice ${validate.data.valid ? "ok" : "bad"}`}>
                    <Icon name={validate.data.valid ? "ok" : "bad"} />
                    {validate.data.valid ? w.page.valid(f.bytes(validate.data.size), f.duration(validate.data.duration)) : w.page.invalid}
                  </p>
                )}
              </div>
            </Ladder>
          )}
          {stored && <Contents backup={b} view={view} onView={setView} heading={heading} />}
          <LastProof backup={b} />
          {!running && <RunLog backup={b} />}
          {stored && <Suspense fallback={<Loading />}><RestoreCard backup={b} /></Suspense>}
        </div>
        <div>
          {!running && <Keep backup={b} onDelete={() => setDialog("delete")} />}
          <Copies backup={b} />
          <Record backup={b} />
        </div>
      </div>
      {dialog === "anyway" && <AnywayDialog backup={b} onGo={() => setDialog("download")} onClose={() => setDialog(null)} />}
      {dialog === "download" && <DownloadDialog backup={b} onClose={() => setDialog(null)} />}
      {dialog === "delete" && <ConfirmDialog backups={[b]} onClose={() => setDialog(null)} onDeleted={(gone) => (gone.length ? navigate("/") : setDialog(null))} />}
    </Page>
  );
}
