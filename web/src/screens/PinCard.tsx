// Whether a backup is pinned, until when, by whom and why; and who may, changes that. A part of the card that says how long it is kept.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { answer, type Backup } from "../api/client";
import { useMay, useServices } from "../api/context";
import { Field } from "../components/basics";
import { Failed } from "../components/states";
import { useText } from "../i18n";
import { usePinWords } from "../i18n/pin";

/** endOf is the end of a day of the reader's zone. */
const endOf = (day: string) => {
  const [y = 0, m = 1, d = 1] = day.split("-").map(Number);
  return new Date(y, m - 1, d + 1).toISOString();
};

export function PinCard({ backup: b }: { backup: Backup }) {
  const { f } = useText();
  const words = usePinWords();
  const may = useMay();
  const { api } = useServices();
  const client = useQueryClient();
  const [day, setDay] = useState("");
  const [reason, setReason] = useState("");
  const path = { id: b.id };
  const change = useMutation({
    mutationFn: (off: boolean) =>
      off ? answer(api.DELETE("/api/backup/pin/{id}", { params: { path } }))
        : answer(api.PUT("/api/backup/pin/{id}", { params: { path }, body: { reason, ...(day ? { until: endOf(day) } : {}) } })),
    onSuccess: (_, off) => {
      if (off) {
        setDay("");
        setReason("");
      }
      return client.invalidateQueries({ queryKey: ["backups"] });
    },
  });
  const p = b.pin;
  const ended = p?.until && Date.parse(p.until) <= Date.now();
  const submit = (e: FormEvent) => {
    e.preventDefault();
    change.mutate(false);
  };
  return (
    <div className="pin">
      {!p ? <p className="muted">{words.none}</p> : (
        <>
          <p><strong>{!p.until ? words.forever : ended ? words.ended(f.dateTime(p.until)) : words.until(f.dateTime(p.until))}</strong> {p.reason}</p>
          {p.by && <p className="muted">{words.by(p.by, f.dateTime(p.at))}</p>}
        </>
      )}
      {b.objectLock && <p>{words.locked(f.dateTime(b.objectLock.until), b.objectLock.mode)}</p>}
      {may("pin") && (
        <details>
          <summary>{p ? words.change : words.pin}…</summary>
          <form className="apart" onSubmit={submit}>
            <Field label={words.reason}>{(ids) => <input {...ids} required maxLength={500} value={reason} onChange={(e) => setReason(e.target.value)} />}</Field>
            <Field label={words.endLabel} hint={words.endHint}>{(ids) => <input {...ids} className="short" type="date" value={day} onChange={(e) => setDay(e.target.value)} />}</Field>
            <div className="actions">
              <button type="submit" disabled={change.isPending}>{p ? words.change : words.pin}</button>
              {p && <button type="button" disabled={change.isPending} onClick={() => change.mutate(true)}>{words.unpin}</button>}
            </div>
          </form>
        </details>
      )}
      {change.error && <Failed error={change.error} />}
    </div>
  );
}
