// One source: what it is set to, and for who may, a form that changes it, a test, pausing and removing it.

import { useSource, useSources, type Source, type SourceDetails } from "../../api/sources";
import { useMay } from "../../api/context";
import { Badge, Facts, Time } from "../../components/basics";
import { SourceRetention } from "../../charts/SourceRetention";
import { readersZone } from "../../format";
import { useText } from "../../i18n";
import { useKeptWords, type KeptWords } from "../../i18n/kept";
import { Changed, OnePage, ReadOnly, Trouble, whereSet } from "./parts";
import { keepers, limits } from "./source";
import { SourceForm } from "./SourceForm";
import { sourceSchedule } from "./words";

export function SourcePage({ name }: { name: string | undefined }) {
  const mayChange = useMay()("sources");
  const one = useSource(name ?? "", mayChange && name !== undefined);
  return (
    <OnePage kind="sources" name={name} all={useSources()} one={one} items={(all) => all.sources}
      form={(all, d, source) => (d === undefined
        ? <SourceForm all={all} given={undefined} shown={undefined} />
        : d.editable && <><SourceForm key={d.version} all={all} given={d} shown={source} reload={() => one.refetch()} /><Effective of={d.effective} /></>)}
      shown={(source, details) => <Shown of={source} details={details} />} />
  );
}

/** connectionText says where a source is; never its password. */
export function connectionText(w: KeptWords, c: SourceDetails["connection"]): string {
  if (c.kind !== "stored") {
    const of = w.secret.shown[c.kind];
    return typeof of === "string" ? of : of(c.reference ?? "");
  }
  return `${c.user ? `${c.user}@` : ""}${c.host ?? ""}${c.port ? `:${c.port}` : ""}/${c.database ?? ""}`;
}

/** NextRuns are the next three, by the reader's clock. */
export function NextRuns({ of }: { of: string[] | undefined }) {
  return of?.length ? <ul className="runs">{of.map((at) => <li key={at}><Time at={at} /></li>)}</ul> : null;
}

function Shown({ of: s, details }: { of: Source | undefined; details: SourceDetails | undefined }) {
  const { f, language } = useText();
  const w = useKeptWords();
  const origin = details?.origin ?? s?.origin;
  const isDefault = (key: string, value: string | number | undefined) =>
    value === undefined || value === "" ? undefined : <>{value}{s?.defaulted.includes(key) && <span className="muted"> {w.sources.isDefault}</span>}</>;
  const r = s?.retention;
  return (
    <>
      {origin && <ReadOnly origin={origin} editable={details?.editable ?? s?.editable ?? false} />}
      <Trouble of={details?.trouble ? details : s} />
      {s && (
        <div className="columns">
          <section className="card">
            <h2>{w.sources.schedule}</h2>
            {s.paused && <p><Badge tone="none" icon="stop">{w.sources.paused}</Badge></p>}
            <Facts of={[
              [w.sources.connection, details && connectionText(w, details.connection)],
              [w.sources.which, s.follows?.length ? w.sources.follows(s.follows.join(", ")) : undefined],
              [w.sources.schedule, isDefault("schedule", sourceSchedule(w, language, s, readersZone()))],
              [w.sources.nextRuns, s.nextRuns?.length ? <NextRuns of={s.nextRuns} /> : undefined],
              [w.sources.maxAge, isDefault("maxAge", s.maxAge)],
              [w.sources.proofs, isDefault("proofs", s.proofs && ((w.sources.proofKinds as Record<string, string>)[s.proofs] ?? s.proofs))],
              [w.sources.copies, s.copies?.join(", ")],
              [w.sources.format, isDefault("format", s.format)],
              [w.sources.rows, isDefault("rows", s.rows)],
              [w.sources.jobs, isDefault("jobs", s.jobs)],
              [w.sources.tags, s.tags && Object.entries(s.tags).map(([k, v]) => `${k}=${v}`).join(", ")],
              [w.sources.ping, details?.pinged ? w.sources.pinged : undefined],
            ]} />
            <div className="actions apart"><a className="button" href={`#/?source=${encodeURIComponent(s.name)}`}>{w.sources.backups}</a></div>
            <Changed of={details?.changed} />
          </section>
          <section className="card">
            <h2>{w.sources.retention}</h2>
            <Facts of={[
              ...limits.map((key): [string, React.ReactNode] => [w.sources.limits[key], r?.[key] === undefined ? undefined : f.number(r[key])]),
              ...keepers.map((key): [string, React.ReactNode] => [w.sources.keepers[key], r?.[key] ? f.number(r[key]) : undefined]),
              [w.sources.keepWithin, r?.keepWithin],
              [w.sources.keepLabels, r?.keepLabels?.join(", ")],
              [w.sources.lock, s.objectLock && `${s.objectLock.mode}${s.objectLock.days ? ` (${s.objectLock.days})` : ""}`],
            ]} />
            {!s.follows?.length && <SourceRetention source={s.name} />}
          </section>
        </div>
      )}
      <Effective of={details?.effective} />
    </>
  );
}

/** Effective is all that holds, under the same names as in the file and on the command line. */
function Effective({ of }: { of: SourceDetails["effective"] }) {
  const w = useKeptWords();
  return of && (
    <details className="card">
      <summary>{w.origin.all}</summary>
      <p className="muted">{w.origin.allHint}</p>
      <Facts of={of.map((v) => [v.key, <><span className="detail">{v.value}</span> <span className="muted">({valueFrom(w, v.from)})</span></>])} />
    </details>
  );
}

function valueFrom(w: KeptWords, from: NonNullable<SourceDetails["effective"]>[number]["from"]): string {
  switch (from.kind) {
    case "settings": return w.origin.settings;
    case "default": return w.origin.builtIn;
    case "environment": return from.variable ?? w.origin.environment;
    default: return whereSet(w, { kind: from.kind, file: from.file, line: from.line } as Parameters<typeof whereSet>[1]);
  }
}
