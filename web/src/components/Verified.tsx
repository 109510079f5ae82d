// How a backup stands, and how that is known.

import type { Backup } from "../api/client";
import { useText } from "../i18n";
import type { Messages } from "../i18n/en";
import { Badge, Time, word } from "./basics";

export function StatusBadge({ backup }: { backup: Backup }) {
  const { t } = useText();
  if (backup.verification && !backup.verification.ok) return <Badge tone="bad">{t.status.damaged}</Badge>;
  switch (backup.status) {
    case "success":
      return <Badge tone="ok">{t.status.success}</Badge>;
    case "failed":
      return backup.error?.code === "CanceledError" ? <Badge tone="none">{t.status.canceled}</Badge> : <Badge tone="bad">{t.status.failed}</Badge>;
    case "in_progress":
      return <Badge tone="run">{t.status.in_progress}</Badge>;
  }
}

/** Verified says how far a backup was looked into, and when. */
export function Verified({ backup, when }: { backup: Backup; when?: boolean }) {
  const { t } = useText();
  const v = backup.verification;
  if (!v) return <span className="muted">—</span>;
  return (
    <span>
      {v.ok ? word(t.levels, v.level) : t.status.damaged}
      {when && <> · <Time at={v.at} /></>}
    </span>
  );
}

/** reasonText says in the user's language why a backup is kept or goes; an unknown code as the API says it. */
export const reasonText = (t: Messages, reason: { code: string; text: string }): string => word(t.retention.reasons, reason.code, reason.text);
