// What a cleanup would remove and keep, each with its reasons, before anything is done.

import { useEffect, useState } from "react";
import type { Cleanup, CleanupItem } from "../api/client";
import { useActions, useCleanupPreview } from "../api/queries";
import { Field, Icon, Page, useNow } from "../components/basics";
import { CloseButton, Dialog } from "../components/Dialog";
import { isMany, useTypedNumber } from "../components/TypedNumber";
import { Empty, explain, Failed, Loaded, Words } from "../components/states";
import { PartBadge, sourceText } from "../components/Part";
import { reasonText, StatusBadge, statusOf } from "../components/Verified";
import { useText } from "../i18n";
import { CleanupChart } from "../charts/SourceRetention";
import { useMoreWords } from "../i18n/more";
import { useScreenWords } from "../i18n/screens";
import { ForecastCard } from "./ForecastCard";

export function CleanupPreview() {
  const { t, f } = useText();
  const c = useScreenWords().cleanup;
  const [text, setText] = useState("");
  const [days, setDays] = useState<number | undefined>(undefined);
  const wrong = text !== "" && !(/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 36_500);
  useEffect(() => {
    if (wrong) return;
    const timer = setTimeout(() => setDays(text === "" ? undefined : Number(text)), 400);
    return () => clearTimeout(timer);
  }, [text, wrong]);
  const preview = useCleanupPreview(days);
  const { cleanup } = useActions();
  const [asking, setAsking] = useState(false);
  const current = !wrong && (text === "" ? undefined : Number(text)) === days && !preview.isFetching;

  return (
    <Page title={c.title} zoned>
      <p className="lead">{c.lead}</p>
      {cleanup.error && <Failed error={cleanup.error} />}
      {cleanup.data && <Outcome done={cleanup.data} />}
      <div className="card">
        <div className="cleanup-days">
          <Field label={c.days} hint={c.daysHint} error={wrong ? c.daysWrong : undefined}>
            {(ids) => <input {...ids} inputMode="numeric" value={text} placeholder={preview.data ? String(preview.data.policy.keepDays || "") : ""} onChange={(e) => setText(e.target.value.trim())} />}
          </Field>
        </div>
        <Loaded query={preview} rows={5}>
          {(p) => (
            <>
              <Policy policy={p.policy} />
              <CleanupChart of={p} heading="h2" />
              <div className="card-head">
                <h2>{c.goes(p.removed.length, f.bytes(p.freedBytes))}</h2>
                {p.removed.length > 0 && <button type="button" className="danger" disabled={!current || cleanup.isPending} onClick={() => setAsking(true)}><Icon name="trash" />{cleanup.isPending ? c.running : c.run}</button>}
              </div>
              {p.removed.length === 0 ? <Empty title={c.nothing} /> : <Items of={p.removed} caption={c.goesCaption} />}
              <h2>{c.stays(p.kept.length)}</h2>
              {p.kept.length === 0 ? <p className="muted">{t.list.none}</p> : <Items of={p.kept} caption={c.staysCaption} />}
            </>
          )}
        </Loaded>
      </div>
      <ForecastCard days={days} />
      {asking && preview.data && (
        <ConfirmCleanup
          preview={preview.data}
          onClose={() => setAsking(false)}
          onConfirm={() => {
            setAsking(false);
            cleanup.mutate(days);
          }}
        />
      )}
    </Page>
  );
}

function ConfirmCleanup({ preview: p, onClose, onConfirm }: { preview: Cleanup; onClose: () => void; onConfirm: () => void }) {
  const { f } = useText();
  const c = useScreenWords().cleanup;
  const w = useMoreWords().confirm;
  const now = useNow(undefined);
  const times = p.removed.map((x) => x.backup.createdAt).sort();
  const count = p.removed.length;
  const [typed, ask] = useTypedNumber(count, isMany(count, count + p.kept.length));
  return (
    <Dialog
      title={c.confirm}
      onClose={onClose}
      footer={
        <>
          <CloseButton onClose={onClose} label={w.keep} />
          <button type="button" className="danger" disabled={!typed} onClick={onConfirm}>{w.delete(p.removed.length, f.bytes(p.freedBytes))}</button>
        </>
      }
    >
      <p>{w.what(p.removed.length, f.bytes(p.freedBytes))}</p>
      <p>{times.length > 0 && w.age(f.ago(times[0]!, now), f.ago(times.at(-1)!, now))} {w.noWayBack}</p>
      {ask}
    </Dialog>
  );
}

export function Policy({ policy }: { policy: Cleanup["policy"] }) {
  const { f } = useText();
  const { cleanup: c, kept } = useScreenWords();
  const rules = [
    policy.keepDays > 0 && c.policyDays(policy.keepDays),
    policy.maxBackups > 0 && c.policyCount(policy.maxBackups),
    policy.maxTotalBytes > 0 && c.policyBytes(f.bytes(policy.maxTotalBytes)),
    ...(["last", "hourly", "daily", "weekly", "monthly", "yearly"] as const).map((k) => policy.keep?.[k] && `${kept[k]} ${policy.keep[k]}`),
  ].filter((r) => typeof r === "string");
  return <p className="hint">{c.policy} {rules.length ? rules.join("; ") : c.policyNone}. {c.protectedNote}</p>;
}

/** step is how many more are shown at a time: tens of thousands at once would hold the page up for as many milliseconds. */
const step = 500;

export function Items({ of, caption }: { of: CleanupItem[]; caption: string }) {
  const { t, f } = useText();
  const { cleanup: c, kept } = useScreenWords();
  const [most, setMost] = useState(20);
  const shown = of.slice(0, most);
  return (
    <>
      <ul className="items" aria-label={caption}>
        {shown.map(({ backup: b, reasons }) => (
          <li key={b.id}>
            <div className="item-head"><a href={`#/backups/${b.id}`}>{sourceText(t, b)}, {f.dateTime(b.createdAt)}</a> {statusOf(t, b).tone !== "ok" && <StatusBadge backup={b} />}<PartBadge backup={b} /></div>
            <div className="muted">{f.bytes(b.size)} · {b.filename}</div>
            <div>{reasons.map((r) => reasonText(kept, r)).join("; ")}</div>
          </li>
        ))}
      </ul>
      {of.length > shown.length && <button type="button" onClick={() => setMost(shown.length + step)}>{of.length > shown.length + step ? t.list.more : c.showAll(of.length)}</button>}
    </>
  );
}

function Outcome({ done }: { done: Cleanup }) {
  const { t, f, language } = useText();
  const c = useScreenWords().cleanup;
  const settled = done.leftovers.failed.length + done.leftovers.completed.length + done.leftovers.removed.length;
  return (
    <div role="status">
      <div className={`notice ${done.failures?.length ? "warn" : "ok"}`}>
        <Icon name={done.failures?.length ? "warn" : "ok"} />
        <div>
          <p>{c.done(done.removed.length, f.bytes(done.freedBytes))}</p>
          {settled > 0 && <p>{c.leftovers(settled)}</p>}
          {done.failures?.map((x) => {
            const e = explain(t, x.error, language);
            return <p key={x.id}><code>{x.id}</code>: {e.title} {e.hint && <Words of={e.hint} className="muted" />}</p>;
          })}
        </div>
      </div>
    </div>
  );
}
