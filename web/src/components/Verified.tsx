// How a backup stands, and how that is known.

import type { Backup, Verification } from "../api/client";
import { useText } from "../i18n";
import type { Messages } from "../i18n/en";
import { Badge, word, type IconName, type Tone } from "./basics";

/** statusOf says how a backup ended: its tone, its sign and one word. One that a person canceled is neither good nor bad. */
export function statusOf(t: Messages, b: Backup): { tone: Tone; icon: IconName; name: string } {
  const is = (tone: Tone, name: string, icon: IconName = tone) => ({ tone, icon, name });
  if (b.verification && !b.verification.ok) return is("bad", t.status.damaged);
  if (b.status === "in_progress") return is("run", t.status.in_progress);
  switch (b.outcome ?? b.status) {
    case "canceled":
      return is("none", t.status.canceled, "stop");
    case "interrupted":
      return is("bad", t.status.interrupted);
    case "failed":
      return is("bad", t.status.failed);
    default:
      if (!b.verification) return is("warn", t.status.unverified); // a record made from tags alone
      return is("ok", t.status.success);
  }
}

export function StatusBadge({ backup }: { backup: Backup }) {
  const { tone, icon, name } = statusOf(useText().t, backup);
  return <Badge tone={tone} icon={icon}>{name}</Badge>;
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

/** stepOf gives what is known of a step: what found the backup damaged, or else the strongest look. What was proven good was restored for that. */
export function stepOf(b: Backup, levels: readonly string[]): Verification | undefined {
  const of = proofsOf(b).filter((v) => levels.includes(v.level));
  const found = of.find((v) => !v.ok) ?? of[0];
  const proof = levels === steps.restored ? stepOf(b, steps.proven) : undefined;
  if (!proof?.ok || (found && !(found.ok && found.level === "restored_in_part" && proof.level === "proven"))) return found;
  return { ...proof, level: proof.level === "proven" ? "restored" : "restored_in_part" };
}

/** topRung is the highest step that a backup has taken; undefined for one that holds nothing to look into. */
export function topRung(b: Backup): keyof typeof steps | "stored" | undefined {
  if (b.status !== "success" || !b.verification) return undefined;
  return (Object.entries(steps) as [keyof typeof steps, readonly string[]][]).findLast(([, levels]) => stepOf(b, levels)?.ok)?.[0] ?? "stored";
}

/** Rungs is the ladder as a mark of five pips; in words, with its dates, it is the mark's title. */
export function Rungs({ backup: b }: { backup: Backup }) {
  const { t, f } = useText();
  const pips = ["on"];
  let title = `${t.stored} ${f.dateTime(b.createdAt)}`;
  for (const levels of Object.values(steps)) {
    const v = stepOf(b, levels);
    pips.push(!v ? "" : !v.ok ? "bad" : v.level.endsWith("_in_part") ? "half" : "on");
    title += `; ${v ? `${word(t.levels, v.level)}${v.ok ? "" : `, ${t.status.damaged}`} ${f.dateTime(v.at)}` : `${t.levels[levels[0]]}: ${t.notYet}`}`;
  }
  return <span className="rungs" role="img" title={title} aria-label={title}>{pips.map((p, i) => <i key={i} className={p} />)}</span>;
}

/** reasonText says in the user's language, by the words of `kept`, why a backup is kept or goes; an unknown code as the API says it. */
export const reasonText = (words: Record<string, string>, r: { code: string; text: string; nth?: number; of?: number }): string =>
  [word(words, r.code, r.text), r.of && `${r.nth}/${r.of}`].filter(Boolean).join(" ");
