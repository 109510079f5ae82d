// The record of a backup: what one looks up, and not what one comes for.

import type { Backup } from "../../api/client";
import { useMay } from "../../api/context";
import { CopyButton, Facts, Icon, Time, word } from "../../components/basics";
import { partText } from "../../components/Part";
import { Told } from "../../components/states";
import { proofsOf, reasonText } from "../../components/Verified";
import { useText } from "../../i18n";
import { useDetailsWords } from "../../i18n/details";
import { useMoreWords } from "../../i18n/more";
import { useScreenWords } from "../../i18n/screens";
import { seen } from "../../names";
import { Change } from "../BackupList";
import { PinCard } from "../PinCard";
import { Proofs } from "../Proof";

export function Record({ backup: b }: { backup: Backup }) {
  const { t, f } = useText();
  const w = useScreenWords();
  const r = useDetailsWords().record;
  const may = useMay();
  const d = useDetailsWords().facts;
  const p = useMoreWords().progress;
  const copied = (text: string, what: string) => <span className="with-copy"><code className="hash" title={seen(text)}>{seen(text)}</code><CopyButton text={text} what={what} /></span>;
  return (
    <section className="card record">
      <h2>{r.title}</h2>
      <Facts of={[
        [r.file, seen(b.filename)],
        [t.columns.source, <>{seen(b.source)}{!b.sourceKnown && <span className="muted"> ({t.part.serverUnknown})</span>}</>],
        [t.columns.database, b.database && seen(b.database)],
        [d.server, b.server?.host && <code>{seen(b.server.host)}{b.server.port && `:${b.server.port}`}</code>],
        [r.started, <Time key="started" at={b.createdAt} />],
        [r.duration, b.status !== "in_progress" && f.duration(b.duration)],
        [t.columns.size, b.size > 0 && <>{f.bytes(b.size)} <span className="muted">({f.number(b.size)} B)</span> <Change backup={b} /></>],
        [d.uncompressed, b.uncompressedSize !== undefined && f.bytes(b.uncompressedSize)],
        [d.contentName, b.whole ? t.content.all : partText(t, b)],
        [d.format, b.format === "custom" ? w.create.formats.custom : w.create.formats.plain],
        [d.compression, seen(b.compression)],
        [d.encryption, b.encryption === "age" ? "age" : d.notEncrypted],
        [t.columns.verified, proofsOf(b).length > 0 && <Proofs backup={b} />],
        [d.checksum, b.checksum && copied(b.checksum, d.checksum)],
        [d.place, copied(b.filepath, d.place)],
        [d.id, copied(b.id, d.id)],
        [d.databaseVersion, b.databaseVersion && seen(b.databaseVersion)],
        [d.pgDumpVersion, b.pgDumpVersion],
        [p.readBy, b.engine && (b.engine === "parallel" ? p.readParallel(b.jobs ?? 1) + (b.waitedPercent ? `, ${d.waited(b.waitedPercent)}` : "") : <>{p.readOne} {b.engineReason && <span className="muted">(<Told text={b.engineReason} of={b} />)</span>}</>)],
        [w.create.rows, b.binaryTables ? d.rowsBinary(b.binaryTables) : b.textRows && <>{w.create.rowsText} <span className="muted">(<Told text={b.textRows} of={b} />)</span></>],
        [d.schemaVersion, b.schemaVersion && <code className="hash">{b.schemaVersion}</code>],
        [r.globals, b.globals && (b.globals.kept ? (b.globals.without?.length ? r.globalsWithout(b.globals.without.join("; ")) : r.globalsKept) : r.globalsMissing(b.globals.missing ?? ""))],
        [d.createdBy, b.createdBy && seen(b.createdBy)],
        [d.trigger, word(d.triggers, b.trigger)],
        [d.attempts, b.attempt > 1 && f.number(b.attempt)],
        [d.selection, b.selection && Object.entries(b.selection).map(([k, v]) => <div key={k}><code>{seen(Array.isArray(v) ? `${k}: ${v.join(", ")}` : v ? k : `${k}: false`)}</code></div>)],
        [w.create.labels.legend, b.labels && Object.keys(b.labels).length > 0 && Object.entries(b.labels).map(([k, v]) => <a className="chip" key={k} href={`#/?label=${encodeURIComponent(`${k}=${v}`)}`}>{seen(`${k}=${v}`)}</a>)],
        [r.trail, may("audit") && <a href={`#/audit?about=${b.id}`}>{r.trailLink}</a>],
      ]} />
    </section>
  );
}

/** Keep says until when a backup is kept and why, and lets who may pin or delete it. */
export function Keep({ backup: b, onDelete }: { backup: Backup; onDelete: () => void }) {
  const { t, f } = useText();
  const w = useDetailsWords().keep;
  const { kept } = useScreenWords();
  const may = useMay();
  const r = b.retention;
  return (
    <section className="card">
      <h2>{w.title}</h2>
      {r && (
        <>
          <p><strong className={r.removed ? "goes" : undefined}>{r.removed ? w.goes : r.expiresAt ? w.until(f.date(r.expiresAt)) : w.forever}</strong></p>
          <ul>{r.reasons.map((x) => <li key={x.code}>{reasonText(kept, x)}</li>)}</ul>
          {r.onlyVerified && <p className="notice warn"><Icon name="warn" />{w.onlyVerified(b.source, b.whole)}</p>}
        </>
      )}
      {b.status === "success" && <PinCard backup={b} />}
      {may("delete") && <p><button type="button" className="small danger-text" onClick={onDelete}><Icon name="trash" />{t.list.deleteButton}</button></p>}
    </section>
  );
}

const tones: Record<string, "ok" | "run" | "bad" | "none"> = { there: "ok", copying: "run", waiting: "run", other: "bad", unknown: "none", not_wanted: "none" };

/** Copies says how it stands with the copies in second locations; nothing where there are none. */
export function Copies({ backup: b }: { backup: Backup }) {
  const { f } = useText();
  const w = useDetailsWords().copies;
  const copies = b.copies?.filter((c) => c.state !== "not_wanted");
  if (!copies?.length) return null;
  return (
    <section className="card">
      <h2>{w.title}</h2>
      <ul className="copies">
        {copies.map((c) => {
          const tone = tones[c.state] ?? "none";
          return (
            <li key={c.place} className={tone}>
              <Icon name={tone} />
              <div>
                <strong>{c.place}</strong>
                <div className="muted">{c.at ? w.at(f.dateTime(c.at)) : w.states[c.state]}{c.problem && <> · <Told text={c.problem} of={c} /></>}</div>
              </div>
            </li>
          );
        })}
      </ul>
    </section>
  );
}
