// Before anything is deleted: what, how many, how many bytes, how old. For the only verified backup of a database
// its name has to be typed. Backups are deleted one by one, so that one that cannot be does not keep the others.

import { useState } from "react";
import type { Backup } from "../api/client";
import { ApiError } from "../api/client";
import { useActions } from "../api/queries";
import { useText } from "../i18n";
import { useMoreWords } from "../i18n/more";
import { typedAs } from "../names";
import { useNow } from "./basics";
import { CloseButton, Dialog } from "./Dialog";
import { explain } from "./states";
import { useTypedNumber } from "./TypedNumber";

interface Failure {
  backup: Backup;
  message: string;
}

export function ConfirmDialog({ backups, onClose, onDeleted }: {
  backups: Backup[];
  onClose: () => void;
  /** Called at the end with those that are gone. */
  onDeleted: (ids: string[]) => void;
}) {
  const { t, f, language } = useText();
  const w = useMoreWords().confirm;
  const now = useNow(undefined);
  const { read, remove, stale } = useActions();
  const [typed, setTyped] = useState<Record<string, string>>({});
  const [done, setDone] = useState<number | null>(null);
  const [failures, setFailures] = useState<Failure[] | null>(null);

  const last = backups.filter((b) => b.retention?.onlyVerified);
  const [counted, number] = useTypedNumber(backups.length, backups.length > 20);
  const ready = counted && last.every((b) => typedAs(typed[b.id] ?? "", b.filename));
  const bytes = backups.reduce((sum, b) => sum + b.size, 0);
  const times = backups.map((b) => b.createdAt).sort();
  const busy = done !== null && failures === null;

  const run = async () => {
    const failed: Failure[] = [];
    const gone: string[] = [];
    for (const [i, backup] of backups.entries()) {
      setDone(i);
      try {
        // Deleting several may make one of them the last, and so may somebody else: nobody typed that one's name.
        if (!backup.retention?.onlyVerified && (await read(backup.id)).retention?.onlyVerified) {
          failed.push({ backup, message: w.becameLast });
          continue;
        }
        await remove(backup.id);
        gone.push(backup.id);
      } catch (err) {
        if (err instanceof ApiError && err.status === 404) {
          gone.push(backup.id);
          continue;
        }
        const p = err instanceof ApiError ? err.problem : undefined;
        failed.push({ backup, message: p ? explain(t, { ...p, message: p.detail }, language).title : t.states.unreachable });
      }
    }
    setDone(backups.length);
    setFailures(failed);
    await stale();
    if (failed.length === 0) onDeleted(gone);
  };

  if (failures !== null) {
    const gone = backups.filter((b) => !failures.some((x) => x.backup.id === b.id)).map((b) => b.id);
    return (
      <Dialog title={w.title(backups.length)} onClose={() => onDeleted(gone)} footer={<CloseButton onClose={() => onDeleted(gone)} />}>
        <p role="alert">{w.someFailed(gone.length, failures.length)}</p>
        <ul className="names">
          {failures.map((x) => <li key={x.backup.id}><code>{x.backup.filename}</code>: {x.message}</li>)}
        </ul>
      </Dialog>
    );
  }

  return (
    <Dialog
      title={w.title(backups.length)}
      onClose={onClose}
      busy={busy}
      footer={
        <>
          <CloseButton onClose={onClose} disabled={busy} label={w.keep} />
          <button type="button" className="danger" disabled={!ready || busy} onClick={run}>{w.delete(backups.length, f.bytes(bytes))}</button>
        </>
      }
    >
      <p>{w.what(backups.length, f.bytes(bytes))}</p>
      <p>{backups.length === 1 ? w.ageOne(f.ago(times[0]!, now)) : w.age(f.ago(times[0]!, now), f.ago(times.at(-1)!, now))} {w.noWayBack}</p>
      <ul className="names">
        {backups.slice(0, 8).map((b) => <li key={b.id}><code>{b.filename}</code> <span className="muted">{f.bytes(b.size)}</span></li>)}
        {backups.length > 8 && <li className="muted">{w.andMore(backups.length - 8)}</li>}
      </ul>
      {last.map((b) => (
        <div className="field" key={b.id}>
          <label htmlFor={`type-${b.id}`}>{w.typeName(b.source, b.whole)} <code>{b.filename}</code></label>
          <input
            id={`type-${b.id}`}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            value={typed[b.id] ?? ""}
            onChange={(e) => setTyped({ ...typed, [b.id]: e.target.value })}
          />
        </div>
      ))}
      {number}
      {done !== null && (
        <div role="status">
          <progress max={backups.length} value={done} aria-label={w.progress(done, backups.length)} />
          <p>{w.progress(done, backups.length)}</p>
        </div>
      )}
    </Dialog>
  );
}
