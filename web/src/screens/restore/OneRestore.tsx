// One restore, at its own address: how far it is, how it ended, and what to do then.

import { useState, type ReactNode } from "react";
import { ApiError, type Backup, type BackupError } from "../../api/client";
import { useBackup } from "../../api/queries";
import { live, useRestore, useRestoreActions, type Restore } from "../../api/restores";
import { Command, Facts, Icon, Page, Time, useNow } from "../../components/basics";
import { CloseButton, Dialog } from "../../components/Dialog";
import { Empty, Explanation, Failed, Loading, Missing, Told } from "../../components/states";
import { useText } from "../../i18n";
import { useRestoreWords } from "../../i18n/restore";
import { analyzeCommand, dropCommand, lookCommand, mergeStatements, plainName } from "./order";
import { PartText, RestoreBadge, restoreLink } from "./parts";
import { Globals } from "./PlanCard";
import { SwitchOver } from "./Switch";

export function OneRestore({ id }: { id: string }) {
  const { t } = useText();
  const { title, run: r, start } = useRestoreWords();
  const query = useRestore(id);
  const x = query.data?.record;
  if (!x) {
    const missing = query.error instanceof ApiError && [400, 404, 422].includes(query.error.status);
    return (
      <Page title={title}>
        {missing ? <Empty title={r.missing}><a className="button" href="#/restore">{start.another}</a></Empty>
          : query.error ? <Missing query={query} /> : <Loading rows={6} />}
      </Page>
    );
  }
  return (
    <>
      <nav className="crumbs" aria-label={t.pages.crumbs}><a href="#/restore">{title}</a><span aria-hidden="true"> / </span><span aria-current="page">{r.into(x.database, x.target)}</span></nav>
      <One restore={x} query={query} />
    </>
  );
}

function One({ restore: x, query }: { restore: Restore; query: ReturnType<typeof useRestore> }) {
  const { f } = useText();
  const { run: r, page, reasons } = useRestoreWords();
  const backup = useBackup(x.backup).data;
  const ended = !live(x);
  return (
    <Page title={r.title(x.database)} zoned actions={ended && <a className="button" href={restoreLink(x.backup)}>{r.again}</a>}>
      <Missing query={query} />
      {ended ? <p className="summary"><RestoreBadge restore={x} /></p> : <Running restore={x} />}
      {/* What was left half done is said first, and aloud. */}
      {ended && x.state !== "succeeded" && <HalfDone restore={x} />}
      {x.error && <Explanation error={x.error} tone={x.state === "canceled" ? "none" : "bad"} reasons={reasons}><Said by={x.error} /></Explanation>}
      {x.state === "interrupted" && !x.error && <p>{r.interrupted}</p>}
      {x.state === "succeeded" && <Done restore={x} backup={backup} />}
      <section className="card">
        <h2>{r.details}</h2>
        <Facts of={[
          [r.of, <a key="of" href={`#/backups/${x.backup}`}>{backup?.filename ?? x.backup}</a>],
          [page.what, <PartText key="what" part={x.part} />],
          [page.into, r.into(x.database, x.target)],
          [r.mode, page.modes[x.mode][0]],
          [r.startedAt, x.startedAt && <Time at={x.startedAt} />],
          [r.endedAt, x.endedAt && <Time at={x.endedAt} />],
          [r.read, ended && x.bytesTotal > 0 && `${f.bytes(x.bytesRead)} ${r.all} ${f.bytes(x.bytesTotal)}`],
          [r.askedBy, x.createdBy],
          [r.tool, x.restored?.tool],
        ]} />
        {x.globalsMade && <Globals of={x.globalsMade} />}
      </section>
    </Page>
  );
}

const phases = ["checking", "restoring", "finishing"] as const;

function Running({ restore: x }: { restore: Restore }) {
  const { f } = useText();
  const r = useRestoreWords().run;
  const now = useNow(1_000);
  const { cancel } = useRestoreActions();
  const [asking, setAsking] = useState(false);
  const at = phases.indexOf(x.phase ?? "checking");
  const share = x.bytesTotal > 0 ? Math.min(1, x.bytesRead / x.bytesTotal) : undefined;
  const waits = x.state === "reserved";
  return (
    <section className="card running" aria-label={r.states[x.state]}>
      <div className="card-head">
        <h2>{r.states[x.state]}</h2>
        <button type="button" onClick={() => setAsking(true)} disabled={cancel.isPending || cancel.isSuccess}>{cancel.isSuccess ? r.stopping : r.cancel}</button>
      </div>
      {cancel.error && <Failed error={cancel.error} />}
      <div className="progress">
        <ol className="steps" aria-label={r.steps}>
          {phases.map((p, i) => (
            <li key={p} className={waits ? "" : i < at ? "past" : i === at ? "now" : ""} aria-current={!waits && i === at ? "step" : undefined}>
              <span className="step-dot" aria-hidden="true" />
              {r.phases[p]}
            </li>
          ))}
        </ol>
        <p className="hidden" aria-live="polite">{waits ? r.waiting : r.phases[phases[at]!]}{share !== undefined && !waits && `, ${f.percent(Math.floor(share * 10) / 10)}`}</p>
        <div className="bar">
          {share === undefined || waits ? <progress aria-label={r.progress} /> : <progress max={1} value={share} aria-label={r.progress} />}
          {share !== undefined && !waits && <span className="number">{f.percent(share)}</span>}
        </div>
        <dl className="counters">
          <div><dt>{r.read}</dt><dd>{x.bytesTotal > 0 ? `${f.bytes(x.bytesRead)} ${r.all} ${f.bytes(x.bytesTotal)}` : "—"}</dd></div>
          <div><dt>{r.elapsed}</dt><dd>{f.duration(Math.max(0, Math.round((now - Date.parse(x.startedAt ?? x.createdAt)) / 1000) * 1000))}</dd></div>
        </dl>
        {waits && <p className="hint">{r.waiting}</p>}
        {x.message && <p className="hint"><Told text={x.message} of={x} /></p>}
        <p className="hint">{r.leave}</p>
      </div>
      {asking && (
        <Dialog
          title={r.cancelTitle}
          onClose={() => setAsking(false)}
          footer={
            <>
              <CloseButton onClose={() => setAsking(false)} label={r.goOn} />
              <button type="button" className="danger" onClick={() => { setAsking(false); cancel.mutate(x.id); }}>{r.cancel}</button>
            </>
          }
        >
          <p>{waits ? r.cancelWaiting : x.mode === "new" ? r.cancelNew(x.database) : r.cancelThere(x.database)}</p>
        </Dialog>
      )}
    </section>
  );
}

/** HalfDone says which database must not be used, and how it is got rid of; or that nothing was changed. */
function HalfDone({ restore: x }: { restore: Restore }) {
  const { run: r } = useRestoreWords();
  const made = [...(x.globalsMade?.roles ?? []), ...(x.globalsMade?.tablespaces ?? [])];
  const stay = made.length > 0 && <p>{r.rolesMade(made.join(", "))}</p>;
  if (!x.halfFilled) return <Note tone="none"><p>{r.untouched}</p>{stay}</Note>;
  const isNew = x.mode === "new";
  return (
    <Note tone="bad" alert>
      <p><strong>{(isNew ? r.halfNew : r.halfThere)(x.database, x.target)}</strong></p>
      <p>{isNew ? r.halfNewHint : r.halfThereHint}</p>
      {isNew && <Command text={dropCommand(x.database)} what="DROP DATABASE" />}
      {stay}
    </Note>
  );
}

/** Said shows what pg_restore said of a failure, in its own words. */
function Said({ by: e }: { by: BackupError }) {
  const r = useRestoreWords().run;
  if (!e.messages?.length) return null;
  return <><p>{r.said}</p><ul lang="en">{e.messages.map((m, i) => <li key={i}><code>{m}</code></li>)}</ul></>;
}

function Note({ tone, alert, children }: { tone: "ok" | "warn" | "bad" | "none"; alert?: boolean; children: ReactNode }) {
  return <div className={`notice ${tone}`} {...(alert ? { role: "alert" } : {})}><Icon name={tone} /><div>{children}</div></div>;
}

function Done({ restore: x, backup: b }: { restore: Restore; backup: Backup | undefined }) {
  const { f } = useText();
  const r = useRestoreWords().run;
  const done = x.restored;
  const part = x.mode === "part";
  const duration = f.duration(done?.duration ?? (x.endedAt && x.startedAt ? Date.parse(x.endedAt) - Date.parse(x.startedAt) : 0));
  const table = x.part?.as && x.part.tables?.[0];
  const now = x.switched?.database ?? x.database;
  return (
    <>
      <Note tone={done?.failed ? "warn" : "ok"}>
        <p><strong>{(part ? r.donePart : r.done)(x.database, x.target, duration)}</strong></p>
        {Boolean(done?.failed) && <p>{r.incomplete(done!.failed!)}</p>}
        {Boolean(done?.leftOut) && <p>{r.leftOut(done!.leftOut!)}</p>}
      </Note>
      <section className="card">
        <h2>{r.next}</h2>
        {part ? (
          <>
            <p>{r.part}</p>
            {table && <><p>{r.merge}</p><Command text={mergeStatements(plainName(table), x.part!.as!)} what={plainName(table)} /></>}
          </>
        ) : (
          <>
            <p>{r.look}</p>
            <Command text={lookCommand(now)} what="psql" />
            <p>{r.analyze}</p>
            <Command text={analyzeCommand(now)} what="ANALYZE" />
          </>
        )}
        {Boolean(done?.statements?.length) && <><h3>{r.statements}</h3><Command text={done!.statements!.join("\n")} what={r.statements} /></>}
        {Boolean(done?.warnings?.length) && <><h3>{r.warnings}</h3><ul>{done!.warnings!.map((w) => <li key={w}><Told text={w} of={done!} /></li>)}</ul></>}
      </section>
      {!part && <SwitchOver restore={x} backup={b} />}
    </>
  );
}
