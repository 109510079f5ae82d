// The chart of what is kept of one source: by its records, or by what a cleanup would do.

import { useEffect, useMemo, useState } from "react";
import type { Cleanup } from "../api/client";
import { useMay } from "../api/context";
import { mostKept, useAsIf, useRetained } from "../api/retained";
import type { SourceSettings } from "../api/sources";
import { Field } from "../components/basics";
import { Loading, Missing } from "../components/states";
import { useText } from "../i18n";
import { useRetentionWords } from "../i18n/retention";

import { keptOf, type Kept } from "./kept";
import { RetentionChart } from "./RetentionChart";

export function SourceRetention({ source, note }: { source: string; note?: string | undefined }) {
  const { f } = useText();
  const w = useRetentionWords();
  const query = useRetained(source);
  const backups = useMemo(() => query.data?.backups ?? [], [query.data]);
  const kept = useMemo<Kept[]>(() => backups.flatMap((b) => (b.retention && !b.retention.removed ? [{ at: Date.parse(b.createdAt), bytes: b.size, reasons: b.retention.reasons }] : [])), [backups]);
  if (query.error && !query.data) return <Missing query={query} />;
  if (!query.data) return <Loading rows={4} />;
  const goes = backups.filter((b) => b.retention?.removed);
  const notes = [goes.length > 0 && w.goes(goes.length, f.bytes(goes.reduce((n, b) => n + b.size, 0))), query.data.more && w.first(mostKept), note].filter(Boolean).join(" ");
  return <RetentionChart title={w.title(source)} kept={kept} note={notes} />;
}

/** TypedRetention draws what would be kept of a source if what is typed were saved; what is saved, where that cannot be told. */
export function TypedRetention({ typed, saved }: { /** As it is typed. */ typed: SourceSettings; /** As it is saved. */ saved: SourceSettings }) {
  const { f } = useText();
  const w = useRetentionWords();
  const may = useMay()("cleanup");
  const [settled, setSettled] = useState(typed);
  const key = JSON.stringify(typed);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(typed), 400);
    return () => clearTimeout(timer);
  }, [key]);
  const retained = (s: SourceSettings) => JSON.stringify([s.retention, s.schedule, s.zone]);
  const changed = retained(typed) !== retained(saved);
  const query = useAsIf(changed && may && retained(settled) !== retained(saved) ? settled : undefined);
  const data = changed && !query.error ? query.data : undefined;
  const kept = useMemo(() => data && keptOf(data.kept, saved.name), [data, saved.name]);
  if (!data || !kept) return <SourceRetention source={saved.name} note={changed ? w.saved : undefined} />;
  return <RetentionChart title={w.title(saved.name)} kept={kept} note={[data.removed.length > 0 && w.goes(data.removed.length, f.bytes(data.freedBytes)), w.typed].filter(Boolean).join(" ")} />;
}

/** CleanupChart draws what a cleanup keeps of one of the sources. */
export function CleanupChart({ of: c, sources, note, heading }: { of: Cleanup; /** Those that there are to choose from; all of which something is kept otherwise. */ sources?: (name: string) => boolean; note?: string | undefined; heading?: "h2" }) {
  const w = useRetentionWords();
  const [chosen, setChosen] = useState("");
  const names = useMemo(() => [...new Set(c.kept.flatMap(({ backup: b }) => (b.status === "success" && (!sources || sources(b.source)) ? [b.source] : [])))].sort(), [c, sources]);
  const source = names.includes(chosen) ? chosen : names[0];
  const kept = useMemo(() => keptOf(c.kept, source ?? ""), [c, source]);
  if (source === undefined) return null;
  return (
    <>
      {names.length > 1 && <Field label={w.source}>{(ids) => <select {...ids} value={source} onChange={(e) => setChosen(e.target.value)}>{names.map((n) => <option key={n} value={n}>{n}</option>)}</select>}</Field>}
      <RetentionChart title={w.title(source)} kept={kept} note={note} heading={heading} />
    </>
  );
}
