// A backup that is being made: its progress, and a button that stops it.

import { useEffect, useState } from "react";
import type { Backup } from "../api/client";
import { useMay } from "../api/context";
import { useActions, useStatus } from "../api/queries";
import { Badge } from "../components/basics";
import { CloseButton, Dialog } from "../components/Dialog";
import { Explanation, Failed } from "../components/states";
import { useText } from "../i18n";
import { BackupProgress } from "./BackupProgress";

export function RunningBackup({ backup, details }: { backup: Backup; /** This is the page of its details. */ details?: boolean }) {
  const { t } = useText();
  const may = useMay();
  const status = useStatus(backup.id, true);
  const { cancel, stale } = useActions();
  const [asking, setAsking] = useState(false);
  // The API's message repeats the phase, unless there is more to say: that the run shows no sign of life.
  const { detail, message: said } = status.data ?? {};
  const message = status.data && !detail ? t.progress.waiting : said === detail?.phase ? undefined : said;
  const ended = status.data !== undefined && status.data.status !== "in_progress";
  useEffect(() => {
    if (ended) void stale();
  }, [ended]);
  return (
    <section className="card running" aria-label={t.progress.title(backup.filename)}>
      <div className="card-head">
        <h2>{details ? t.progress.running : <a href={`#/backups/${backup.id}`}>{t.progress.title(backup.filename)}</a>}</h2>
        {may("cancel") && !ended && <button type="button" onClick={() => setAsking(true)} disabled={cancel.isPending || cancel.isSuccess}>{cancel.isSuccess ? t.progress.stopping : t.progress.cancel}</button>}
      </div>
      {status.error && <Failed error={status.error} retry={() => status.refetch()} />}
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
          title={t.progress.cancelTitle}
          onClose={() => setAsking(false)}
          footer={
            <>
              <CloseButton onClose={() => setAsking(false)} label={t.progress.goOn} />
              <button
                type="button"
                className="danger"
                onClick={() => {
                  setAsking(false);
                  cancel.mutate(backup.id);
                }}
              >
                {t.progress.cancel}
              </button>
            </>
          }
        >
          <p>{t.progress.cancelWhat(backup.filename)}</p>
        </Dialog>
      )}
    </section>
  );
}
