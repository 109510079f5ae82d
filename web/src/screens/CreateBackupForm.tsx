// A new backup: what it shall hold and be called, in plain words what will happen, and the same as a command.

import { useMemo, useState, type FormEvent } from "react";
import { ApiError, type Backup, type Metrics, type Options, type SettingsResponse } from "../api/client";
import { useMay } from "../api/context";
import { useActions, useDatabases, useMetrics, useSettings } from "../api/queries";
import { Command, Field, Page } from "../components/basics";
import { Pairs, pairsOf, pairsWrong, type Pair } from "../components/Pairs";
import { Empty, explain, Failed, Loading, Words } from "../components/states";
import { createCommand } from "../cli";
import { useText } from "../i18n";
import { useCreateWords } from "../i18n/create";
import { useMoreWords } from "../i18n/more";
import { useScreenWords, type ScreenWords } from "../i18n/screens";
import { useSearch } from "../url";
import { Chosen, PartOf, type Newest } from "./create/PartOf";
import { partWrong, selectionOf, wholeDatabase, type PartDraft } from "./create/part";

/** What stands in the form. */
export interface Draft {
  source: string;
  database: string;
  filename: string;
  directory: string;
  content: Backup["content"];
  part: PartDraft;
  format: "custom" | "plain";
  compression: string;
  jobs: string;
  rows: "" | "text" | "binary";
  encrypt: "" | "yes" | "no";
  labels: Pair[];
}

export const blank: Draft = { source: "", database: "", filename: "", directory: "", content: "all", part: wholeDatabase, format: "custom", compression: "", jobs: "", rows: "", encrypt: "", labels: [] };

/** optionsOf gives what the API is asked for. What was left as it is, is left out, so that the settings decide. */
export function optionsOf(d: Draft, configured: string | undefined): Options {
  const labels = pairsOf(d.labels);
  const selection = selectionOf(d.part);
  return {
    ...(d.database.trim() && d.database.trim() !== configured ? { database: d.database.trim() } : {}),
    ...(d.source.trim() ? { source: d.source.trim() } : {}),
    ...(d.filename.trim() ? { filename: d.filename.trim() } : {}),
    ...(d.directory.trim() ? { directory: d.directory.trim() } : {}),
    ...(d.content === "schema" ? { includeData: false } : {}),
    ...(d.content === "data" ? { includeSchema: false } : {}),
    ...(d.format === "plain" ? { format: "plain" as const } : {}),
    ...(d.compression ? { compression: d.compression } : {}),
    ...(d.jobs && d.format === "custom" ? { jobs: Number(d.jobs) } : {}),
    ...(d.rows && d.format === "custom" ? { rows: d.rows } : {}),
    ...(d.encrypt ? { encrypt: d.encrypt === "yes" } : {}),
    ...(selection ? { selection } : {}),
    ...(labels ? { labels } : {}),
  };
}

/** formatOf is the format that a draft asks for: an SQL script's ending in the name asks for one, too. */
export const formatOf = (d: Draft): Draft["format"] => (/\.sql(\.gz|\.zst)?(\.age)?$/i.test(d.filename.trim()) ? "plain" : d.format);

const forbidden = /[\x00-\x1f\x7f/\\:*?"<>|]/;

/** wrongName tells what is wrong with a file name, as the contract has it; undefined is nothing. */
export function wrongName(w: ScreenWords, name: string): string | undefined {
  const n = name.trim();
  if (!n) return undefined;
  if (n.length > 200) return w.create.tooLong;
  if (forbidden.test(n)) return w.create.badCharacters;
  if (/^[. -]/.test(n) || /[. ]$/.test(n)) return w.create.badEnds;
  return undefined;
}

/** wrongDirectory is wrongName for each folder of a path. */
export function wrongDirectory(w: ScreenWords, directory: string): string | undefined {
  if (!directory.trim()) return undefined;
  const parts = directory.trim().split("/");
  if (parts.length > 10 || parts.some((p) => !p)) return w.create.badDirectory;
  return parts.map((p) => wrongName(w, p)).find(Boolean);
}

/** newestOf is the backup that tells which tables a source has: the newest good one that holds everything, if it is of this database. */
export function newestOf(metrics: Metrics | undefined, source: string, database: string): Newest {
  const found = metrics?.sources.find((s) => s.source === source);
  if (database && found?.database && found.database !== database) return { missing: "otherDatabase" };
  return found?.lastWhole ? { backup: found.lastWhole } : { missing: "unknown" };
}

export function CreateBackupForm({ onBackupCreated }: { onBackupCreated: (backup: Backup) => void }) {
  const w = useScreenWords();
  const may = useMay();
  const settings = useSettings();
  const metrics = useMetrics(undefined);
  const { first } = useMoreWords();
  // Where there is nothing to back up, no form of a backup helps.
  const nothing = may("sources") && metrics.data && !settings.data?.limits.source && !metrics.data.sources.some((s) => s.configured);
  // What was answered once, if only by a failure, is not waited for again: what was typed stays while it is asked anew.
  const waits = (may("settings_read") && !settings.isFetched) || (may("sources") && !metrics.isFetched);
  return (
    <Page title={w.create.title}>
      {nothing ? <Empty title={first.leadSource}><a className="button primary" href="#/settings/sources/create">{first.addSource}</a></Empty>
        : waits ? <Loading rows={6} /> : <Form settings={settings.data} metrics={metrics.data} onBackupCreated={onBackupCreated} />}
    </Page>
  );
}

function Form({ settings, metrics, onBackupCreated }: { settings: SettingsResponse | undefined; metrics: Metrics | undefined; onBackupCreated: (backup: Backup) => void }) {
  const { t } = useText();
  const w = useScreenWords();
  const { create } = useActions();
  const asked = new URLSearchParams(useSearch()).get("source") ?? "";
  const [draft, setDraft] = useState<Draft>({ ...blank, source: asked });
  const limits = settings?.limits;
  // Where there are several, one of them is chosen, and brings its own database.
  const listed = metrics?.sources.filter((s) => s.configured).map((s) => s.source) ?? [];
  const several = listed.length > 1;
  const standard = listed.includes(limits?.source ?? "") ? limits?.source : undefined;
  const other = several && draft.source !== "" && draft.source !== standard;
  // Where none of them is meant by itself, nothing begins before one is chosen.
  const unchosen = several && standard === undefined && draft.source === "";
  const set = (change: Partial<Draft>) => setDraft((d) => ({ ...d, ...change }));
  const options = useMemo(() => optionsOf(draft, limits?.database), [draft, limits]);
  // The same request keeps its key, so that sending it again after a lost answer makes no second backup.
  const key = useMemo(() => crypto.randomUUID(), [options]);
  const nameWrong = wrongName(w, draft.filename);
  const directoryWrong = wrongDirectory(w, draft.directory);
  const labelsWrong = pairsWrong(draft.labels);
  const wrong = Boolean(unchosen || nameWrong || directoryWrong || labelsWrong || partWrong(draft.part));
  const database = draft.database.trim();
  // Another one's tables are none of its own.
  const move = (change: Partial<Draft>) => set({ ...change, part: { ...wholeDatabase, mode: draft.part.mode, patterns: draft.part.patterns } });
  const newest = newestOf(metrics, draft.source.trim() || (database && database !== limits?.database ? database : limits?.source ?? (listed.length === 1 ? listed[0]! : "")), database);

  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (!wrong) create.mutate({ options, key }, { onSuccess: onBackupCreated });
  };

  return (
    <form className="create" onSubmit={submit}>
      <div className="card">
        {several && (
          <Field label={t.columns.source} hint={w.create.sourceChoose}>
            {(ids) => (
              <select {...ids} value={draft.source === standard ? "" : draft.source} onChange={(e) => move({ source: e.target.value, database: "" })}>
                {(standard || unchosen) && <option value="">{standard ? w.create.databaseDefault(standard) : w.create.sourceNone}</option>}
                {[...new Set([...listed, ...(draft.source ? [draft.source] : [])])].filter((name) => name !== standard).map((name) => <option key={name} value={name}>{name}</option>)}
              </select>
            )}
          </Field>
        )}
        {!other && !unchosen && <DatabaseField value={draft.database} configured={limits?.database} onChange={(d) => move({ database: d })} />}
        {!several && <Field label={t.columns.source} hint={w.create.sourceHint}>
          {(ids) => (
            <>
              <input {...ids} list="sources" value={draft.source} placeholder={database && database !== limits?.database ? database : limits?.source ?? limits?.database} maxLength={63} autoComplete="off" autoCapitalize="none" spellCheck={false} onChange={(e) => move({ source: e.target.value })} />
              <datalist id="sources">{metrics?.sources.map((s) => <option key={s.source} value={s.source} />)}</datalist>
            </>
          )}
        </Field>}
        <Choice legend={w.create.content} name="content" value={draft.content} onChange={(content) => set({ content })} options={[
          ["all", w.create.contents.all, w.create.contents.allHint],
          ["schema", w.create.contents.schema, w.create.contents.schemaHint],
          ["data", w.create.contents.data, w.create.contents.dataHint],
        ]} />
        <PartOf part={draft.part} set={(part) => set({ part })} newest={newest} />
        <Field label={w.create.filename} hint={w.create.filenameHint} error={nameWrong}>
          {(ids) => <input {...ids} value={draft.filename} maxLength={200} autoComplete="off" autoCapitalize="none" spellCheck={false} onChange={(e) => set({ filename: e.target.value })} />}
        </Field>
        <DirectoryField draft={draft} set={set} settings={settings} error={directoryWrong} />
        {/* What is wrong with a label cannot be folded away. */}
        <details className="more-options" onToggle={(e) => { e.currentTarget.open ||= labelsWrong; }}>
          <summary>{w.create.more}</summary>
          <Choice legend={w.create.format} name="format" value={draft.format} onChange={(format) => set({ format, ...(format === "plain" && draft.compression === "lz4" ? { compression: "" } : {}) })} options={[
            ["custom", w.create.formats.custom, w.create.formats.customHint],
            ["plain", w.create.formats.plain, w.create.formats.plainHint],
          ]} />
          <Field label={w.create.compression}>
            {(ids) => (
              <select {...ids} value={draft.compression} onChange={(e) => set({ compression: e.target.value })}>
                <option value="">{w.create.compressions.default(limits ? limits.compress : undefined)}</option>
                <option value="none">{w.create.compressions.none}</option>
                <option value="gzip">gzip</option>
                <option value="zstd:1">{w.create.compressions.fast}</option>
                <option value="zstd:9">{w.create.compressions.small}</option>
                {draft.format === "custom" && <option value="lz4">lz4</option>}
              </select>
            )}
          </Field>
          {draft.format === "custom" && (
            <Field label={w.create.jobs} hint={w.create.jobsHint}>
              {(ids) => (
                <select {...ids} value={draft.jobs} onChange={(e) => set({ jobs: e.target.value })}>
                  <option value="">{w.create.jobsDefault}</option>
                  {["1", "2", "3", "4", "6", "8"].map((n) => <option key={n} value={n}>{n}</option>)}
                </select>
              )}
            </Field>
          )}
          {draft.format === "custom" && (
            <Field label={w.create.rows} hint={w.create.rowsHint}>
              {(ids) => (
                <select {...ids} value={draft.rows} onChange={(e) => set({ rows: e.target.value as Draft["rows"] })}>
                  <option value="">{w.create.rowsDefault}</option>
                  <option value="text">{w.create.rowsText}</option>
                  <option value="binary">{w.create.rowsBinary}</option>
                </select>
              )}
            </Field>
          )}
          <Field label={w.create.encryption} hint={w.create.encryptionHint}>
            {(ids) => (
              <select {...ids} value={draft.encrypt} onChange={(e) => set({ encrypt: e.target.value as Draft["encrypt"] })}>
                <option value="">{w.create.encryptions.default(limits ? limits.encryptBackups : undefined)}</option>
                <option value="yes">{w.create.encryptions.yes}</option>
                <option value="no">{w.create.encryptions.no}</option>
              </select>
            )}
          </Field>
          <Pairs of={draft.labels} set={(labels) => set({ labels })} words={w.create.labels} />
        </details>
      </div>
      <div className="card plan">
        <h2>{w.create.plan}</h2>
        {unchosen ? <p className="muted">{w.create.sourceFirst}</p> : (
          <>
            <Plan draft={other ? { ...draft, database: draft.source } : draft} settings={settings} />
            <Chosen part={draft.part} newest={newest} />
            <h3>{w.create.command}</h3>
            <Command text={createCommand(options)} what={w.create.command} />
          </>
        )}
        {create.error && <Failed error={create.error} retry={create.error instanceof ApiError && create.error.unreachable ? () => create.mutate({ options, key }, { onSuccess: onBackupCreated }) : undefined} />}
        <div className="actions">
          <button type="submit" className="primary" disabled={create.isPending || wrong}>{create.isPending ? w.create.starting : w.create.start}</button>
          <a className="button" href="#/">{w.create.back}</a>
        </div>
      </div>
    </form>
  );
}

/** DatabaseField offers the server's databases. Where they cannot be had it says why, and takes what is typed. */
function DatabaseField({ value, configured, onChange }: { value: string; configured: string | undefined; onChange: (database: string) => void }) {
  const { t, language } = useText();
  const w = useScreenWords();
  const query = useDatabases();
  const names = query.data?.databases;
  const problem = query.error instanceof ApiError ? query.error.problem : undefined;
  const why = problem && !names ? explain(t, { ...problem, message: problem.detail }, language) : undefined;
  const hint = query.error && !names && !why ? <>{t.front.gone.here}<br />{w.create.databaseHint(configured)}</> : why ? (
    <>
      {w.create.databasesMissing(why.title)}{why.detail && <> <Words of={why.detail} /></>}<br />
      {w.create.databaseHint(configured)}
    </>
  ) : w.create.databaseChoose;
  return (
    <Field label={w.create.database} hint={hint}>
      {(ids) => names || query.isPending ? (
        <select {...ids} value={value} disabled={!names} onChange={(e) => onChange(e.target.value)}>
          {!names && <option value={value}>{t.states.loading}</option>}
          {names && <option value="">{configured ? w.create.databaseDefault(configured) : w.create.databaseConfigured}</option>}
          {names?.filter((d) => d !== configured).map((d) => <option key={d} value={d}>{d}</option>)}
        </select>
      ) : (
        <input {...ids} value={value} placeholder={configured} maxLength={63} autoComplete="off" autoCapitalize="none" spellCheck={false} onChange={(e) => onChange(e.target.value)} />
      )}
    </Field>
  );
}

function Choice<T extends string>({ legend, name, value, options, onChange }: {
  legend: string;
  name: string;
  value: T;
  options: [value: T, label: string, hint: string][];
  onChange: (value: T) => void;
}) {
  return (
    <fieldset className="choice">
      <legend>{legend}</legend>
      {options.map(([v, label, hint]) => (
        <label key={v}>
          <input type="radio" name={name} value={v} checked={v === value} onChange={() => onChange(v)} />
          <span><strong>{label}</strong><span className="hint">{hint}</span></span>
        </label>
      ))}
    </fieldset>
  );
}

type Setter = (change: Partial<Draft>) => void;

function DirectoryField({ draft, set, settings, error }: { draft: Draft; set: Setter; settings: SettingsResponse | undefined; error: string | undefined }) {
  const w = useScreenWords();
  const allowed = settings?.limits.allowedDirectories ?? [];
  const standard = settings?.settings.defaultDirectory;
  return (
    <Field label={w.create.directory} hint={allowed.length ? w.create.directoryAllowed : w.create.directoryHint} error={error}>
      {(ids) => allowed.length ? (
        <select {...ids} value={draft.directory} onChange={(e) => set({ directory: e.target.value })}>
          <option value="">{standard ? w.create.directoryDefault(standard) : w.create.directoryNone}</option>
          {allowed.filter((d) => d && d !== standard).map((d) => <option key={d} value={d}>{d}</option>)}
        </select>
      ) : (
        <input {...ids} value={draft.directory} placeholder={standard || undefined} maxLength={200} autoComplete="off" autoCapitalize="none" spellCheck={false} onChange={(e) => set({ directory: e.target.value })} />
      )}
    </Field>
  );
}

/** Plan says in plain words what will happen, and how long the backup will be kept. */
export function Plan({ draft, settings }: { draft: Draft; settings: SettingsResponse | undefined }) {
  const w = useScreenWords();
  const { what } = useCreateWords();
  const database = draft.database.trim() || settings?.limits.database;
  const lines = [
    (draft.part.mode === "all" ? w.create.planWhat : what)[draft.content](database),
    formatOf(draft) === "custom" ? w.create.planCustom : w.create.planPlain,
    w.create.planVerify,
  ];
  const encrypt = draft.encrypt ? draft.encrypt === "yes" : settings?.limits.encryptBackups;
  if (encrypt !== undefined) lines.push(encrypt ? w.create.planEncrypted : w.create.planPlainText);
  if (settings) {
    const { retentionDays, maxBackups } = settings.settings;
    lines.push(retentionDays ? w.create.planDays(retentionDays) : w.create.planForever);
    if (maxBackups) lines.push(w.create.planCount(maxBackups));
  }
  return <ul className="plan-lines">{lines.map((l) => <li key={l}>{l}</li>)}</ul>;
}
