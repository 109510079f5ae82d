// The fields of a source, by subject.

import type { ReactNode } from "react";
import type { Source, SourceConnection, SourceList } from "../../api/sources";
import { Field } from "../../components/basics";
import { Pairs, pairsWrong } from "../../components/Pairs";
import { useText } from "../../i18n";
import { useKeptWords, type KeptWords } from "../../i18n/kept";
import { Radios, SecretField, Select, Text } from "./parts";
import { defaultOf, DraftRuns } from "./Runs";
import { hoursApart, type Schedule } from "./schedule";
import { forever, keepers, limits, urlParts, type ConnectionDraft, type SourceDraft, type Span } from "./source";
import type { SecretDraft } from "./secret";
import type { SetSource } from "./SourceForm";
import { connectionText } from "./SourcePage";
import { weekdays } from "./words";

interface Fields {
  draft: SourceDraft;
  set: SetSource;
  /** What is wrong with a key. */
  wrong: (...keys: string[]) => ReactNode;
}

const entries = <T extends string>(of: Record<T, string>) => Object.entries(of) as [T, string][];

export function ConnectionFields({ draft, set, wrong, naming, connection: c, setConnection, given, kept }: Fields & {
  /** It has no name yet. */
  naming: boolean;
  connection: ConnectionDraft;
  setConnection: (c: ConnectionDraft) => void;
  given: SourceConnection | undefined;
  kept: boolean;
}) {
  const w = useKeptWords();
  const change = (part: Partial<ConnectionDraft>) => setConnection({ ...c, ...part });
  // What is kept stands in the fields, but for the password: it goes to no other host by itself.
  const replace = () => change({ how: kept ? "url" : "env", ...(given?.kind === "stored" ? { host: given.host ?? "", port: given.port ?? "", database: given.database ?? "", user: given.user ?? "" } : {}) });
  return (
    <section className="card">
      <h2>{w.sources.connection}</h2>
      {naming && <Text label={w.sources.name} hint={w.sources.nameHint} error={wrong("name")} value={draft.name} maxLength={63} required onChange={(name) => set({ name })} />}
      {c.how === "keep" && given ? (
        <>
          <p>{w.sources.current} <strong className="detail">{connectionText(w, given)}</strong></p>
          {wrong("connection") && <p className="wrong">{wrong("connection")}</p>}
          <div className="actions apart"><button type="button" onClick={replace}>{w.sources.change}</button></div>
        </>
      ) : (
        <>
          <Radios legend={w.sources.connection} name="how" value={c.how} onChange={(how) => change({ how })} options={[["url", w.sources.ways.url, kept ? w.secret.value : w.errors.noKey], ["env", w.sources.ways.env], ["secret", w.sources.ways.secret]]} />
          {c.how === "url" && (
            <>
              <div className="pair wide-first">
                <Text label={w.sources.host} hint={w.sources.hostHint} error={wrong("connection")} value={c.host} required maxLength={4096} onPaste={(e) => {
                  const parts = urlParts(e.clipboardData.getData("text"));
                  if (!parts) return;
                  e.preventDefault();
                  change(parts);
                }} onChange={(host) => change(urlParts(host) ?? { host })} />
                <Text label={w.sources.port} value={c.port} placeholder="5432" numeric onChange={(port) => change({ port })} />
              </div>
              <Text label={w.sources.database} value={c.database} required={!draft.follows} placeholder={draft.follows ? "postgres" : undefined} onChange={(database) => change({ database })} />
              <div className="pair">
                <Text label={w.sources.user} value={c.user} required onChange={(user) => change({ user })} />
                <Text label={w.sources.password} type="password" autoComplete="new-password" value={c.password} {...(given ? { hint: w.sources.changeHint } : {})} onChange={(password) => change({ password })} />
              </div>
              <Select label={w.sources.tls} value={c.sslmode as keyof KeptWords["sources"]["tlsModes"]} onChange={(sslmode) => change({ sslmode })} options={entries(w.sources.tlsModes)} />
              {c.more && <Text label={w.sources.more} value={c.more} onChange={(more) => change({ more })} />}
            </>
          )}
          {c.how === "env" && <Text label={w.sources.env} hint={w.sources.envHint} error={wrong("connection")} value={c.env} required onChange={(env) => change({ env })} />}
          {c.how === "secret" && <Text label={w.sources.secret} hint={w.sources.secretHint} error={wrong("connection")} value={c.secret} required onChange={(secret) => change({ secret })} />}
          {given && <div className="actions"><button type="button" onClick={() => change({ how: "keep", password: "" })}>{w.actions.keep}</button></div>}
        </>
      )}
    </section>
  );
}

export function DatabasesFields({ draft, set, wrong }: Fields) {
  const w = useKeptWords();
  return (
    <section className="card">
      <Radios legend={w.sources.which} name="which" value={draft.follows ? "many" : "one"} onChange={(v) => set({ follows: v === "many" })} options={[["one", w.sources.one], ["many", w.sources.many, w.sources.manyHint]]} />
      {draft.follows && <Text label={w.sources.patterns} hint={w.sources.patternsHint} error={wrong("databases")} value={draft.databases} required onChange={(databases) => set({ databases })} />}
      {!draft.follows && wrong("databases") && <p className="wrong">{wrong("databases")}</p>}
    </section>
  );
}

export function ScheduleFields({ draft, set, wrong, all, saved }: Fields & { all: SourceList; /** The source, while its schedule is as it was saved. */ saved: Source | undefined }) {
  const { language } = useText();
  const w = useKeptWords();
  const s = draft.schedule;
  const change = (part: Partial<Schedule>) => set({ schedule: { ...s, ...part } });
  const timed = s.kind === "daily" || s.kind === "weekly" || s.kind === "monthly";
  return (
    <section className="card">
      <h2>{w.sources.schedule}</h2>
      <div className="pair">
        <Select label={w.sources.schedule} error={s.kind === "cron" ? undefined : wrong("schedule")} value={s.kind} onChange={(kind) => change({ kind })} options={entries(w.sources.kinds)} />
        {s.kind === "hourly" && <Select label={w.sources.every} value={s.every} onChange={(every) => change({ every })} options={hoursApart.map((h) => [h, w.sources.hours(Number(h))])} />}
        {s.kind === "hourly" && <Text label={w.sources.minute} short numeric value={s.time.slice(3)} maxLength={2} onChange={(minute) => change({ time: `00:${minute.replace(/\D/g, "")}` })} />}
        {s.kind === "weekly" && <Select label={w.sources.weekday} value={s.weekday} onChange={(weekday) => change({ weekday })} options={weekdays(language).map((name, i) => [String(i), name])} />}
        {s.kind === "monthly" && <Text label={w.sources.day} hint={Number(s.day) > 28 ? w.sources.dayHint : undefined} short numeric value={s.day} maxLength={2} onChange={(day) => change({ day: day.replace(/\D/g, "") })} />}
        {timed && <Field label={w.sources.at}>{(ids) => <input {...ids} type="time" className="short" required value={s.time} onChange={(e) => change({ time: e.target.value || "00:00" })} />}</Field>}
        {s.kind === "cron" && <Text label={w.sources.cron} hint={w.sources.cronHint} error={wrong("schedule")} value={s.cron} required onChange={(cron) => change({ cron })} />}
      </div>
      {s.kind !== "never" && (
        <>
          <Text label={w.sources.zone} hint={w.sources.zoneHint(defaultOf(all, "zone") || undefined)} error={wrong("zone")} value={draft.zone} list="zones" maxLength={60} onChange={(zone) => set({ zone })} />
          <datalist id="zones">{Intl.supportedValuesOf("timeZone").map((z) => <option key={z} value={z} />)}</datalist>
        </>
      )}
      <DraftRuns all={all} draft={draft} saved={saved} />
    </section>
  );
}

/** SpanField is a number with its unit. */
function SpanField({ label, hint, error, value, units, onChange }: { label: string; hint?: string; error?: ReactNode; value: Span; units: readonly ("m" | "h" | "d")[]; onChange: (value: Span) => void }) {
  const w = useKeptWords();
  return (
    <Field label={label} hint={hint} error={error}>
      {(ids) => (
        <div className="span">
          <input {...ids} inputMode="numeric" autoComplete="off" value={value.count} maxLength={6} onChange={(e) => onChange({ ...value, count: e.target.value })} />
          <select aria-label={w.sources.unitOf(label)} value={value.unit} onChange={(e) => onChange({ ...value, unit: e.target.value })}>{units.map((u) => <option key={u} value={u}>{w.sources.units[u]}</option>)}</select>
        </div>
      )}
    </Field>
  );
}

export function WatchFields({ draft, set, wrong }: Fields) {
  const w = useKeptWords();
  return (
    <section className="card">
      <h2>{w.sources.watch}</h2>
      <div className="pair">
        <SpanField label={w.sources.maxAge} hint={w.sources.maxAgeHint} error={wrong("maxAge")} value={draft.maxAge} units={["h", "d"]} onChange={(maxAge) => set({ maxAge })} />
        <Select label={w.sources.proofs} hint={w.sources.proofsHint} error={wrong("proofs")} value={draft.proofs as keyof KeptWords["sources"]["proofKinds"]} onChange={(proofs) => set({ proofs })} options={entries(w.sources.proofKinds)} />
      </div>
    </section>
  );
}

export function RetentionFields({ draft, set, wrong, children }: Fields & { /** What is kept, drawn. */ children?: ReactNode }) {
  const w = useKeptWords();
  const r = draft.retention;
  const change = (part: Partial<typeof r>) => set({ retention: { ...r, ...part } });
  const number = (key: (typeof keepers)[number] | (typeof limits)[number], label: string) =>
    <Text key={key} label={label} error={wrong(`retention.${key}`)} short numeric value={r[key]} maxLength={7} onChange={(value) => change({ [key]: value })} />;
  return (
    <section className="card">
      <h2>{w.sources.retention}</h2>
      <Radios legend={w.sources.retention} name="retention" value={draft.ownRetention ? "own" : "all"} onChange={(v) => set({ ownRetention: v === "own" })} options={[["all", w.sources.retentionAll], ["own", w.sources.retentionOwn]]} />
      {draft.ownRetention && (
        <>
          <div className="numbers">{limits.map((key) => number(key, w.sources.limits[key]))}</div>
          <p className="hint">{w.sources.limitsHint}</p>
          <h3>{w.sources.keepersTitle}</h3>
          <p className="hint">{w.sources.keepersHint}</p>
          <div className="numbers">{keepers.map((key) => number(key, w.sources.keepers[key]))}</div>
          <div className="pair">
            <SpanField label={w.sources.keepWithin} error={wrong("retention.keepWithin")} value={r.keepWithin} units={["h", "d"]} onChange={(keepWithin) => change({ keepWithin })} />
            <Text label={w.sources.keepLabels} hint={w.sources.keepLabelsHint} error={wrong("retention.keepLabels")} value={r.keepLabels} onChange={(keepLabels) => change({ keepLabels })} />
          </div>
        </>
      )}
      {wrong("retention") && <p className="wrong">{wrong("retention")}</p>}
      {children}
    </section>
  );
}

export function CopiesFields({ draft, set, wrong, places }: Fields & { places: string[] }) {
  const w = useKeptWords();
  // One that is named and not there (any more) is shown, so that it can be taken out.
  const all = [...new Set([...places, ...draft.copies])];
  return (
    <section className="card">
      <Radios legend={w.sources.copies} name="copies" value={draft.ownCopies ? "own" : "all"} onChange={(v) => set({ ownCopies: v === "own" })} options={[["all", w.sources.copiesAll], ["own", w.sources.copiesOwn]]} />
      {draft.ownCopies && (all.length ? (
        <fieldset className="boxes">
          <legend className="hidden">{w.sources.copiesOwn}</legend>
          {all.map((name) => (
            <label key={name}>
              <input type="checkbox" checked={draft.copies.includes(name)} onChange={(e) => set({ copies: e.target.checked ? [...draft.copies, name] : draft.copies.filter((x) => x !== name) })} />
              <span className="detail">{name}</span>
            </label>
          ))}
        </fieldset>
      ) : <p className="hint">{w.sources.copiesNone} <a href="#/settings/places">{w.sources.copiesAdd}</a></p>)}
      {wrong("copies") && <p className="wrong">{wrong("copies")}</p>}
    </section>
  );
}

export function MoreFields({ draft, set, wrong, ping, setPing, kept, pinged }: Fields & { ping: SecretDraft; setPing: (p: SecretDraft) => void; kept: boolean; pinged: boolean }) {
  const w = useKeptWords();
  return (
    <details className="card more-options" onToggle={(e) => { e.currentTarget.open ||= pairsWrong(draft.tags); }}>
      <summary>{w.sources.more2}</summary>
      <div className="pair">
        <Select label={w.sources.format} error={wrong("format")} value={draft.format as keyof KeptWords["sources"]["formats"]} onChange={(format) => set({ format })} options={entries(w.sources.formats)} />
        <Select label={w.sources.rows} error={wrong("rows")} value={draft.rows as keyof KeptWords["sources"]["rowKinds"]} onChange={(rows) => set({ rows })} options={entries(w.sources.rowKinds)} />
        <Text label={w.sources.jobs} hint={w.sources.jobsHint} error={wrong("jobs")} short numeric value={draft.jobs} onChange={(jobs) => set({ jobs })} />
        <Text label={w.sources.maxSize} error={wrong("maxSizeGB")} short numeric value={draft.maxSizeGB} onChange={(maxSizeGB) => set({ maxSizeGB })} />
        <SpanField label={w.sources.proofTimeout} error={wrong("proofTimeout")} value={draft.proofTimeout} units={["m", "h"]} onChange={(proofTimeout) => set({ proofTimeout })} />
        <Text label={w.sources.rowsLost} hint={w.sources.rowsLostHint} error={wrong("thresholds.rowsLostPercent")} short numeric value={draft.rowsLostPercent} onChange={(rowsLostPercent) => set({ rowsLostPercent })} />
        <Text label={w.sources.rowsLostMinimum} error={wrong("thresholds.rowsLostMinimum")} short numeric value={draft.rowsLostMinimum} onChange={(rowsLostMinimum) => set({ rowsLostMinimum })} />
      </div>
      <SecretField label={w.sources.ping} hint={w.sources.pingHint} draft={ping} set={setPing} kept={kept} optional keepable={pinged} error={wrong("ping")} />
      <div className="pair">
        <Select label={w.sources.lock} hint={w.sources.lockHint} error={wrong("objectLock.mode")} value={draft.lock as keyof KeptWords["sources"]["lockKinds"]} onChange={(lock) => set({ lock })} options={entries(w.sources.lockKinds)} />
        {draft.lock && draft.lock !== "none" && <Text label={w.sources.lockDays} error={wrong("objectLock.days")} short numeric value={draft.lockDays} required onChange={(lockDays) => set({ lockDays })} />}
        {draft.lock === forever && <Text label={w.sources.lockWord} hint={w.sources.lockWordHint} value={draft.lockWord} required pattern={forever} onChange={(lockWord) => set({ lockWord })} />}
      </div>
      <Pairs of={draft.tags} set={(tags) => set({ tags })} words={w.sources.tagWords} error={wrong("tags")} />
    </details>
  );
}
