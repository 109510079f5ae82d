// How a backup stands, and how that is known.

import type { Backup, Verification } from "../api/client";
import { useText } from "../i18n";
import type { Messages } from "../i18n/en";
import { Badge, word } from "./basics";

/** StatusBadge says how a backup ended, in one word. One that a person canceled is neither good nor bad. */
export function StatusBadge({ backup: b }: { backup: Backup }) {
  const { t } = useText();
  if (b.verification && !b.verification.ok) return <Badge tone="bad">{t.status.damaged}</Badge>;
  if (b.status === "in_progress") return <Badge tone="run">{t.status.in_progress}</Badge>;
  switch (b.outcome ?? b.status) {
    case "canceled":
      return <Badge tone="none" icon="stop">{t.status.canceled}</Badge>;
    case "interrupted":
      return <Badge tone="bad">{t.status.interrupted}</Badge>;
    case "failed":
      return <Badge tone="bad">{t.status.failed}</Badge>;
    default:
      if (!b.verification) return <Badge tone="warn">{t.status.unverified}</Badge>; // a record made from tags alone
      return <Badge tone="ok">{t.status.success}</Badge>;
  }
}

/** Verified says how far a backup was looked into. */
export function Verified({ backup }: { backup: Backup }) {
  const { t } = useText();
  const v = backup.verification;
  if (!v) return <span className="muted">—</span>;
  return <span>{v.ok ? word(t.levels, v.level) : t.status.damaged}</span>;
}

/** proofsOf gives every proof of a backup, the strongest first, and before them what found it damaged. */
export function proofsOf(b: Backup): Verification[] {
  const all = b.verifications ?? [];
  const v = b.verification;
  return v && !all.some((x) => x.level === v.level && x.at === v.at) ? [v, ...all] : all;
}

/** steps are those of the ladder behind "stored", with the levels that a look of each may have. */
export const steps = { checked: ["stream"], read: ["full", "checksum"], restored: ["restored", "restored_in_part"], proven: ["proven", "proven_in_part"] } as const;

/** stepOf gives what is known of a step: what found the backup damaged, or else the strongest look. */
export function stepOf(b: Backup, levels: readonly string[]): Verification | undefined {
  const of = proofsOf(b).filter((v) => levels.includes(v.level));
  return of.find((v) => !v.ok) ?? of[0];
}

/** Rungs is the ladder as a mark of five dots; in words, with its dates, it is the mark's title. */
export function Rungs({ backup: b }: { backup: Backup }) {
  const { t, f } = useText();
  let dots = "●", title = `${t.stored} ${f.dateTime(b.createdAt)}`;
  for (const levels of Object.values(steps)) {
    const v = stepOf(b, levels);
    dots += !v ? "○" : !v.ok ? "×" : v.level.endsWith("_in_part") ? "◐" : "●";
    title += `; ${v ? `${word(t.levels, v.level)}${v.ok ? "" : `, ${t.status.damaged}`} ${f.dateTime(v.at)}` : `${t.levels[levels[0]]}: ${t.notYet}`}`;
  }
  return <span className="rungs" role="img" title={title} aria-label={title}>{dots}</span>;
}

/** reasonText says in the user's language why a backup is kept or goes; an unknown code as the API says it. */
export const reasonText = (t: Messages, r: { code: string; text: string; nth?: number; of?: number; period?: string }): string =>
  [word(t.retention.reasons, r.code, r.text), r.of && `${r.nth}/${r.of}`, r.period].filter(Boolean).join(" ");
