// A backup that is being made: its progress, and a button that stops it.

import { useEffect, useState } from "react";
import type { Backup } from "../api/client";
import { useMay } from "../api/context";
import { useActions, useStatus } from "../api/queries";
import { Badge } from "../components/basics";
import { CloseButton, Dialog } from "../components/Dialog";
import { Explanation, Failed, Missing, say } from "../components/states";
import { useText } from "../i18n";
import { useMoreWords } from "../i18n/more";
import { BackupProgress } from "./BackupProgress";

export function RunningBackup({ backup, details }: { backup: Backup; /** This is the page of its details. */ details?: boolean }) {
  const { t, language } = useText();
  const w = useMoreWords().progress;
  const may = useMay();
  const status = useStatus(backup.id, true);
  const { cancel, stale } = useActions();
  const [asking, setAsking] = useState(false);
  // The API's message repeats the phase, unless there is more to say: that the run shows no sign of life.
  const { detail, message: said } = status.data ?? {};
  const message = status.data && !detail ? w.waiting : said === detail?.phase ? undefined : say(language, said, status.data?.wordings)?.text;
  const ended = status.data !== undefined && status.data.status !== "in_progress";
  useEffect(() => {
    if (ended) void stale();
  }, [ended]);
  return (
    <section className="card running" aria-label={w.title(backup.filename)}>
      <div className="card-head">
        <h2>{details ? w.running : <a href={`#/backups/${backup.id}`}>{w.title(backup.filename)}</a>}</h2>
        {may("cancel") && !ended && <button type="button" onClick={() => setAsking(true)} disabled={cancel.isPending || cancel.isSuccess}>{cancel.isSuccess ? w.stopping : w.cancel}</button>}
      </div>
      <Missing query={status} />
      {cancel.error && <Failed error={cancel.error} />}
      {/* "Done" is said of a success only. */}
      {status.data?.status === "failed" ? (status.data.error ? <Explanation error={status.data.error} tone={status.data.error.reason === "canceled_by_user" ? "none" : "bad"} /> : <Badge tone="bad">{t.status.failed}</Badge>) : <BackupProgress
        isActive={!ended}
        progress={status.data?.progress}
        message={message}
        detail={status.data?.detail}
        startedAt={status.data?.detail?.startedAt ?? backup.createdAt}
      />}
      {asking && !ended && (
        <Dialog
          title={w.cancelTitle}
          onClose={() => setAsking(false)}
          footer={
            <>
              <CloseButton onClose={() => setAsking(false)} label={w.goOn} />
              <button
                type="button"
                className="danger"
                onClick={() => {
                  setAsking(false);
                  cancel.mutate(backup.id);
                }}
              >
                {w.cancel}
              </button>
            </>
          }
        >
          <p>{w.cancelWhat(backup.filename)}</p>
        </Dialog>
      )}
    </section>
  );
}
