// Retention, which whoever may can change, and the limits that the environment sets.

import { useCallback, useEffect, useState, type FormEvent } from "react";
import type { ApiError, Settings } from "../api/client";
import { useMay } from "../api/context";
import { useActions, useCleanupPreview, useSettings, type VersionedSettings } from "../api/queries";
import { Facts, Field, Icon, Page } from "../components/basics";
import { CloseButton, Dialog } from "../components/Dialog";
import { Failed, Loaded } from "../components/states";
import { CleanupChart } from "../charts/SourceRetention";
import { useText } from "../i18n";
import { useRetentionWords } from "../i18n/retention";
import { useScreenWords } from "../i18n/screens";
import { Items } from "./CleanupPreview";
import { LimitsCard } from "./LimitsCard";
import { Sections } from "./kept/parts";
import { wrongDirectory } from "./CreateBackupForm";

export function SettingsScreen() {
  const w = useScreenWords();
  const may = useMay();
  const query = useSettings();
  // Held here: the form begins anew when the settings have changed, by whomever.
  const { saveSettings } = useActions();
  return (
    <Page title={w.settings.title}>
      <Sections current="general" />
      <Loaded query={query} rows={6}>
        {(s) => (
          <div className="columns">
            {may("settings_write") ? <SettingsForm given={s} saveSettings={saveSettings} reload={query.refetch} key={JSON.stringify(s.settings)} /> : <SettingsShown settings={s.settings} />}
            <LimitsCard of={s} />
          </div>
        )}
      </Loaded>
      {may("audit") && <p><a className="button" href="#/audit">{w.audit.title}</a></p>}
    </Page>
  );
}

function SettingsShown({ settings: s }: { settings: Settings }) {
  const { f } = useText();
  const w = useScreenWords();
  return (
    <section className="card">
      <h2>{w.settings.retention}</h2>
      <Facts of={[
        [w.settings.days, s.retentionDays ? w.settings.daysValue(s.retentionDays) : w.settings.forever],
        [w.settings.count, s.maxBackups ? f.number(s.maxBackups) : w.settings.unlimited],
        [w.settings.directory, s.defaultDirectory || w.create.directoryNone],
      ]} />
    </section>
  );
}

/** mostDays a backup can be kept, about a century. */
const mostDays = 36_500;

const whole = (text: string, max: number) => /^\d{1,7}$/.test(text.trim()) && Number(text) <= max;

function SettingsForm({ given, saveSettings, reload }: { given: VersionedSettings; saveSettings: ReturnType<typeof useActions>["saveSettings"]; reload: () => unknown }) {
  const w = useScreenWords();
  const [days, setDays] = useState(String(given.settings.retentionDays));
  const [count, setCount] = useState(String(given.settings.maxBackups));
  const may = useMay();
  const [previewing, setPreviewing] = useState<Pick<Settings, "retentionDays" | "maxBackups"> | null>(null);
  const [directory, setDirectory] = useState(given.settings.defaultDirectory);
  const daysWrong = whole(days, mostDays) ? undefined : w.settings.number(mostDays);
  const countWrong = whole(count, 1_000_000) ? undefined : w.settings.number(1_000_000);
  const directoryWrong = wrongDirectory(w, directory);
  const next: Settings = { retentionDays: Number(days), maxBackups: Number(count), defaultDirectory: directory.trim() };
  const changed = JSON.stringify(next) !== JSON.stringify({ retentionDays: given.settings.retentionDays, maxBackups: given.settings.maxBackups, defaultDirectory: given.settings.defaultDirectory });
  const stricter = (now: number, before: number) => now > 0 && (before === 0 || now < before);
  const removesMore = !daysWrong && !countWrong && (stricter(next.retentionDays, given.settings.retentionDays) || stricter(next.maxBackups, given.settings.maxBackups));
  const submit = (e: FormEvent) => {
    e.preventDefault();
    saveSettings.mutate({ settings: next, version: given.version });
  };
  return (
    <form className="card" onSubmit={submit}>
      <h2>{w.settings.retention}</h2>
      <Field label={w.settings.days} hint={w.settings.daysHint} error={daysWrong}>
        {(ids) => <input {...ids} inputMode="numeric" className="short" value={days} onChange={(e) => setDays(e.target.value)} />}
      </Field>
      <Field label={w.settings.count} hint={w.settings.countHint} error={countWrong}>
        {(ids) => <input {...ids} inputMode="numeric" className="short" value={count} onChange={(e) => setCount(e.target.value)} />}
      </Field>
      <Field label={w.settings.directory} hint={w.settings.directoryHint} error={directoryWrong}>
        {(ids) => <input {...ids} value={directory} maxLength={200} autoCapitalize="none" spellCheck={false} onChange={(e) => setDirectory(e.target.value)} />}
      </Field>
      {may("cleanup") && <Drawn next={daysWrong || countWrong ? undefined : next} changed={changed} />}
      {removesMore && <p className="notice warn"><Icon name="warn" /><span>{w.settings.removesMore}</span>
        {may("cleanup") && <button type="button" className="small" onClick={() => setPreviewing(next)}>{w.settings.preview}</button>}</p>}
      {previewing !== null && <Preview of={previewing} onClose={() => setPreviewing(null)} />}
      {saveSettings.error && <Failed error={saveSettings.error} />}
      <div className="actions">
        {(saveSettings.error as ApiError | null)?.status === 412 && <button type="button" onClick={() => { saveSettings.reset(); reload(); }}>{w.settings.reload}</button>}
        <button type="submit" className="primary" disabled={!changed || Boolean(daysWrong || countWrong || directoryWrong) || saveSettings.isPending}>{w.settings.save}</button>
        <span role="status">{!changed && saveSettings.isSuccess ? w.settings.saved : ""}</span>
      </div>
    </form>
  );
}

/** Drawn is the chart of what is kept by the numbers that are typed; by the last ones while they are no numbers. */
function Drawn({ next, changed }: { next: Settings | undefined; changed: boolean }) {
  const w = useRetentionWords();
  const { f } = useText();
  const [settled, setSettled] = useState(next);
  const key = JSON.stringify(next);
  useEffect(() => {
    if (!next) return;
    const timer = setTimeout(() => setSettled(next), 400);
    return () => clearTimeout(timer);
  }, [key]);
  const query = useCleanupPreview(changed && settled ? settled.retentionDays || mostDays : undefined, changed ? settled?.maxBackups : undefined);
  const own = query.data?.policy.sources;
  // What has a retention of its own goes by that.
  const byThese = useCallback((name: string) => !own?.some((x) => x.source === name), [own]);
  const data = query.data;
  return data && <CleanupChart of={data} sources={byThese} note={[data.removed.length > 0 && w.goes(data.removed.length, f.bytes(data.freedBytes)), changed && w.typed].filter(Boolean).join(" ")} />;
}

/** Preview shows over the form, which keeps its edits, what a cleanup by them would remove. Nothing is changed. */
function Preview({ of, onClose }: { of: Pick<Settings, "retentionDays" | "maxBackups">; onClose: () => void }) {
  const { f } = useText();
  const w = useScreenWords();
  // As a setting 0 days is forever; of a cleanup it would be everything. No backup is older than the most there is.
  const query = useCleanupPreview(of.retentionDays || mostDays, of.maxBackups);
  // What other numbers would remove is not shown while these are asked for.
  const data = query.isPlaceholderData ? undefined : query.data;
  return (
    <Dialog title={w.settings.previewTitle} onClose={onClose} footer={<CloseButton onClose={onClose} />}>
      <Loaded query={{ ...query, data }} rows={4}>
        {(p) => (
          <>
            <p>{p.removed.length > 0 && <><strong>{w.cleanup.goes(p.removed.length, f.bytes(p.freedBytes))}</strong> · </>}{w.cleanup.stays(p.kept.length)}</p>
            {p.removed.length === 0 ? <p className="muted">{w.cleanup.nothing}</p> : <Items of={p.removed} caption={w.cleanup.goesCaption} />}
          </>
        )}
      </Loaded>
    </Dialog>
  );
}
