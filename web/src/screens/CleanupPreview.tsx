// What a cleanup would remove and keep, each with its reasons, before anything is done.

import { useEffect, useState } from "react";
import type { Cleanup, CleanupItem } from "../api/client";
import { useActions, useCleanupPreview } from "../api/queries";
import { Field, Icon, Page, Time, useNow } from "../components/basics";
import { CloseButton, Dialog } from "../components/Dialog";
import { isMany, useTypedNumber } from "../components/TypedNumber";
import { Empty, explain, Failed, Loaded } from "../components/states";
import { PartBadge, sourceText } from "../components/Part";
import { reasonText, StatusBadge } from "../components/Verified";
import { useText } from "../i18n";
import { ForecastCard } from "./ForecastCard";

export function CleanupPreview() {
  const { t, f } = useText();
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
    <Page title={t.cleanup.title} zoned>
      <p className="lead">{t.cleanup.lead}</p>
      {cleanup.error && <Failed error={cleanup.error} />}
      {cleanup.data && <Outcome done={cleanup.data} />}
      <div className="card">
        <div className="cleanup-days">
          <Field label={t.cleanup.days} hint={t.cleanup.daysHint} error={wrong ? t.cleanup.daysWrong : undefined}>
            {(ids) => <input {...ids} inputMode="numeric" value={text} placeholder={preview.data ? String(preview.data.policy.keepDays || "") : ""} onChange={(e) => setText(e.target.value.trim())} />}
          </Field>
        </div>
        <Loaded query={preview} rows={5}>
          {(p) => (
            <>
              <Policy policy={p.policy} />
              <div className="card-head">
                <h2>{t.cleanup.goes(p.removed.length, f.bytes(p.freedBytes))}</h2>
                {p.removed.length > 0 && <button type="button" className="danger" disabled={!current || cleanup.isPending} onClick={() => setAsking(true)}><Icon name="trash" />{cleanup.isPending ? t.cleanup.running : t.cleanup.run}</button>}
              </div>
              {p.removed.length === 0 ? <Empty title={t.cleanup.nothing} /> : <Items of={p.removed} caption={t.cleanup.goesCaption} />}
              <h2>{t.cleanup.stays(p.kept.length)}</h2>
              {p.kept.length === 0 ? <p className="muted">{t.list.none}</p> : <Items of={p.kept} caption={t.cleanup.staysCaption} />}
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
  const { t, f } = useText();
  const now = useNow(undefined);
  const times = p.removed.map((x) => x.backup.createdAt).sort();
  const count = p.removed.length;
  const [typed, ask] = useTypedNumber(count, isMany(count, count + p.kept.length));
  return (
    <Dialog
      title={t.cleanup.confirm}
      onClose={onClose}
      footer={
        <>
          <CloseButton onClose={onClose} label={t.confirm.keep} />
          <button type="button" className="danger" disabled={!typed} onClick={onConfirm}>{t.confirm.delete(p.removed.length, f.bytes(p.freedBytes))}</button>
        </>
      }
    >
      <p>{t.confirm.what(p.removed.length, f.bytes(p.freedBytes))}</p>
      <p>{times.length > 0 && t.confirm.age(f.ago(times[0]!, now), f.ago(times.at(-1)!, now))} {t.confirm.noWayBack}</p>
      {ask}
    </Dialog>
  );
}

export function Policy({ policy }: { policy: Cleanup["policy"] }) {
  const { t, f } = useText();
  const rules = [
    policy.keepDays > 0 && t.cleanup.policyDays(policy.keepDays),
    policy.maxBackups > 0 && t.cleanup.policyCount(policy.maxBackups),
    policy.maxTotalBytes > 0 && t.cleanup.policyBytes(f.bytes(policy.maxTotalBytes)),
    ...(["last", "hourly", "daily", "weekly", "monthly", "yearly"] as const).map((k) => policy.keep?.[k] && `${t.retention.reasons[k]} ${policy.keep[k]}`),
  ].filter((r) => typeof r === "string");
  return <p className="hint">{t.cleanup.policy} {rules.length ? rules.join("; ") : t.cleanup.policyNone}. {t.cleanup.protectedNote}</p>;
}

export function Items({ of, caption }: { of: CleanupItem[]; caption: string }) {
  const { t, f } = useText();
  const [all, setAll] = useState(false);
  const shown = all ? of : of.slice(0, 20);
  return (
    <>
      <ul className="items" aria-label={caption}>
        {shown.map(({ backup: b, reasons }) => (
          <li key={b.id}>
            <div className="item-head"><a href={`#/backups/${b.id}`}>{b.filename}</a> <StatusBadge backup={b} /> <PartBadge backup={b} /></div>
            <div className="muted">{sourceText(t, b)} · {f.bytes(b.size)} · <Time at={b.createdAt} /></div>
            <div>{reasons.map((r) => reasonText(t, r)).join("; ")}</div>
          </li>
        ))}
      </ul>
      {!all && of.length > shown.length && <button type="button" onClick={() => setAll(true)}>{t.cleanup.showAll(of.length)}</button>}
    </>
  );
}

function Outcome({ done }: { done: Cleanup }) {
  const { t, f } = useText();
  const settled = done.leftovers.failed.length + done.leftovers.completed.length + done.leftovers.removed.length;
  return (
    <div role="status">
      <div className={`notice ${done.failures?.length ? "warn" : "ok"}`}>
        <Icon name={done.failures?.length ? "warn" : "ok"} />
        <div>
          <p>{t.cleanup.done(done.removed.length, f.bytes(done.freedBytes))}</p>
          {settled > 0 && <p>{t.cleanup.leftovers(settled)}</p>}
          {done.failures?.map((x) => {
            const e = explain(t, x.error);
            return <p key={x.id}><code>{x.id}</code>: {e.title} <span lang="en" className="muted">{e.hint}</span></p>;
          })}
        </div>
      </div>
    </div>
  );
}
