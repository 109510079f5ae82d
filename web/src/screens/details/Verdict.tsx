// Whether a backup is good, in one sentence; what is known of that; and what to do now.

import { useId, useState, type ReactNode } from "react";
import type { Backup } from "../../api/client";
import { useMay } from "../../api/context";
import { useActions, useBackup } from "../../api/queries";
import { Icon, useNow, word, type Tone } from "../../components/basics";
import { partText, sourceText } from "../../components/Part";
import { explain, Failed, say, Words } from "../../components/states";
import { useText } from "../../i18n";
import { useDetailsWords } from "../../i18n/details";
import { seen } from "../../names";
import { navigate } from "../../url";
import { standingOf } from "../restore/order";
import { restoreLink, useLastGood } from "../restore/parts";
import { optionsOf } from "./again";
import { toLog } from "./RunLog";

/** goodAndWhole: only such a backup has a green button, which is a promise. */
export const goodAndWhole = (b: Backup): boolean => standingOf(b) === "good" && !b.contents?.lost && !b.shrunk;

export function Verdict({ backup: b, onCompare, onAnyway }: { backup: Backup; onCompare: () => void; onAnyway: () => void }) {
  if (b.status === "in_progress") return null;
  if (b.status !== "success") return <Ended backup={b} />;
  if (standingOf(b) !== "good") return <Doubtful backup={b} onAnyway={onAnyway} />;
  if (b.contents?.lost) return <Lost backup={b} lost={b.contents.lost} onCompare={onCompare} />;
  return b.shrunk ? <Shrunk backup={b} onCompare={onCompare} /> : <Good backup={b} />;
}

const marks = { ok: "m15.500 22.500 4.500 4.500 8.500-9.500", bad: "m17 17 10 10M27 17 17 27", warn: "M22 14.500v9M22 28.500v.2", none: "M17 17h10v10H17z", run: "M22 14v8l5 3" };

/** Say is the sentence with a safe's dial beside it, which shows its tone by a sign, too. */
function Say({ tone, title, actions, children }: { tone: Tone; title: ReactNode; actions?: ReactNode; children?: ReactNode }) {
  const id = useId();
  return (
    <section className={`verdict ${tone}`} aria-labelledby={id}>
      <svg className="seal" viewBox="0 0 44 44" aria-hidden="true" focusable="false">
        <circle cx="22" cy="22" r="17" /><path d="M22 1.500v5M22 37.500v5M1.500 22h5M37.500 22h5" /><path d={marks[tone]} />
      </svg>
      <div><h2 id={id}>{title}</h2>{children}</div>
      {actions && <div className="actions">{actions}</div>}
    </section>
  );
}

function Good({ backup: b }: { backup: Backup }) {
  const { f } = useText();
  const w = useDetailsWords().good;
  const v = b.verification!; // or it would not be a good one
  const at = f.dateTime(v.at);
  const level = Object.hasOwn(w.titles, v.level) ? v.level : "stream"; // the API may know more
  const rows = v.level === "proven" && v.proof && !v.proof.ofRows ? v.proof.rows : undefined;
  return <Say tone="ok" title={w.titles[level]}><p>{rows === undefined ? w.texts[level]!(at) : w.provenRows(at, rows)}</p></Say>;
}

function Lost({ backup: b, lost, onCompare }: { backup: Backup; lost: number; onCompare: () => void }) {
  const { f } = useText();
  const w = useDetailsWords().lost;
  const may = useMay();
  const told = b.contents?.warnings ?? [];
  const only = lost === 1 ? told[0] : undefined;
  const compared = b.contents?.compared;
  const query = useBackup(compared ?? b.id);
  const before = compared ? query.data : undefined;
  const at = before && f.dateTime(before.createdAt);
  const good = before && standingOf(before) === "good";
  return (
    <Say
      tone="warn"
      title={!only ? w.many(lost) : only.dropped ? w.dropped(seen(only.table)) : w.one(seen(only.table), only.percent)}
      actions={
        <>
          {b.contents?.readable && compared && <button type="button" onClick={onCompare}>{w.compare}</button>}
          {may("restore") && good && told.length > 0 && <a className="button primary" href={restoreLink(before.id, told.map((x) => x.table))}>{only ? w.takeOne(seen(only.table), f.date(before.createdAt)) : w.takeMany(f.date(before.createdAt))}</a>}
        </>
      }
    >
      <p>
        {only ? (only.dropped ? w.had(f.number(only.before)) : w.rows(f.number(only.before), f.number(only.after))) : w.see}{" "}
        {at ? <a href={`#/backups/${before!.id}`}>{good ? w.before(at) : w.beforeNot(at)}</a> : query.error ? w.beforeGone : null}
      </p>
    </Say>
  );
}

function Shrunk({ backup: b, onCompare }: { backup: Backup; onCompare: () => void }) {
  const { f } = useText();
  const w = useDetailsWords();
  return (
    <Say tone="warn" title={w.shrunk} actions={b.contents?.readable && <button type="button" onClick={onCompare}>{w.lost.compare}</button>}>
      {b.previousSize !== undefined && <p>{w.shrunkText(f.bytes(b.size), f.bytes(b.previousSize))}</p>}
    </Say>
  );
}

/** LastGood leads to the newest good one: what whoever looks at a bad one needs. */
function useLastGoodPart(b: Backup): { text: ReactNode; button: ReactNode } {
  const { f } = useText();
  const w = useDetailsWords();
  const now = useNow(60_000);
  const best = useLastGood(b);
  if (best === undefined) return { text: null, button: null };
  if (best === null) return { text: <p>{w.noGood}</p>, button: null };
  return { text: <p>{w.lastGood(f.dateTime(best.createdAt), f.ago(best.createdAt, now))}</p>, button: <a className="button" href={`#/backups/${best.id}`}>{w.open}</a> };
}

/** Doubtful is one that is stored, and is not what a backup is to be. */
function Doubtful({ backup: b, onAnyway }: { backup: Backup; onAnyway: () => void }) {
  const { t, language } = useText();
  const w = useDetailsWords();
  const may = useMay();
  const last = useLastGoodPart(b);
  const standing = standingOf(b);
  return (
    <Say
      tone={standing === "damaged" ? "bad" : "warn"}
      title={standing === "damaged" ? w.damaged : standing === "partial" ? w.partial(sourceText(t, b)) : w.unverified}
      actions={<>{last.button}{may("download") && <button type="button" onClick={onAnyway}><Icon name="download" />{w.anyway.button}</button>}</>}
    >
      {standing === "damaged" && <ul>{b.verification?.problems?.map((p) => <li key={p.reason + p.detail}>{word(t.reasons, p.reason)}: <Words of={say(language, p.detail, p.wordings)} /></li>)}</ul>}
      {standing === "partial" && <p>{w.partialText(partText(t, b))}</p>}
      {standing === "unverified" && <p>{w.unverifiedText}</p>}
      {last.text}
    </Say>
  );
}

/** Ended is one of which nothing is stored. What mends the cause comes first, trying again behind it. */
function Ended({ backup: b }: { backup: Backup }) {
  const { t, language } = useText();
  const w = useDetailsWords();
  const may = useMay();
  const last = useLastGoodPart(b);
  const said = b.error && explain(t, b.error, language);
  const quiet = b.outcome === "canceled";
  const connection = b.error?.code === "DatabaseConnectionError" && b.sourceKnown && may("sources");
  return (
    <>
      <Say tone={quiet ? "none" : "bad"} title={quiet ? w.canceled : b.outcome === "interrupted" ? w.interrupted : said ? said.title : w.failed} actions={<>{last.button}{may("create") && !said?.hint && <TryAgain backup={b} />}</>}>
        {said?.detail && <p lang={said.detail.lang} className="detail">{said.detail.text}</p>}
        <p>{w.nothingStored}</p>
        {last.text}
      </Say>
      {said?.hint && (
        <section className="card">
          <h2>{w.whatToDo}</h2>
          <p className="detail"><Words of={said.hint} /></p>
          <div className="actions apart">
            {connection && <a className="button primary" href={`#/settings/sources/${encodeURIComponent(b.source)}`}>{w.toSource}</a>}
            <button type="button" onClick={toLog}>{w.log.see}</button>
            {may("create") && <TryAgain backup={b} after />}
          </div>
        </section>
      )}
    </>
  );
}

function TryAgain({ backup, after }: { backup: Backup; after?: boolean }) {
  const w = useDetailsWords();
  const { create } = useActions();
  // One key for all clicks, so that one after a lost answer makes no second backup.
  const [key] = useState(() => crypto.randomUUID());
  const again = () => create.mutate({ options: optionsOf(backup), key }, { onSuccess: (b) => navigate(`/backups/${b.id}`) });
  return (
    <>
      <button type="button" onClick={again} disabled={create.isPending}>{after ? w.done : w.again}</button>
      {create.error && <Failed error={create.error} />}
    </>
  );
}
