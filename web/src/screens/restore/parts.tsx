// Small parts that the screens about restoring share: how a backup stands, and how a restore does.

import { useQueryClient } from "@tanstack/react-query";
import type { AnchorHTMLAttributes } from "react";
import type { Backup } from "../../api/client";
import { useGoodBackups, type Restore, type RestoreOrder } from "../../api/restores";
import { Badge, Icon, type Tone } from "../../components/basics";
import { partText, sourceText } from "../../components/Part";
import { useText } from "../../i18n";
import { useRestoreWords } from "../../i18n/restore";
import { seen } from "../../names";
import { listsOf, standingOf, type Standing } from "./order";

const tones: Record<Restore["state"], Tone> = { reserved: "none", running: "run", succeeded: "ok", failed: "bad", canceled: "none", interrupted: "bad" };

/** RestoreBadge says how a restore stands. One that left something half done says so loudly. */
export function RestoreBadge({ restore: x }: { restore: Restore }) {
  const r = useRestoreWords().run;
  const part = x.state === "succeeded" && Boolean(x.restored?.failed);
  return (
    <>
      <Badge tone={part ? "warn" : tones[x.state]} {...(x.state === "canceled" ? { icon: "stop" as const } : {})}>{r.states[x.state]}</Badge>
      {x.halfFilled && <> <Badge tone="bad" icon="warn">{r.half}</Badge></>}
    </>
  );
}

/** restoreLink is where a backup is restored from; with names of tables, as SQL takes them, only those are chosen there. */
export const restoreLink = (id: string, tables: readonly string[] = []) => `#/restore?${new URLSearchParams([["backup", id], ...tables.map((x): [string, string] => ["table", x])])}`;

/** Take leads to the restore of a backup whose record is at hand: it is shown at once, so that the page stays as it is. */
export function Take({ backup: b, children, ...rest }: { backup: Backup } & Omit<AnchorHTMLAttributes<HTMLAnchorElement>, "href" | "onClick">) {
  const client = useQueryClient();
  return <a {...rest} href={restoreLink(b.id)} onClick={() => client.setQueryData(["backups", "one", b.id], b, { updatedAt: 0 })}>{children}</a>;
}

/** useLastGood finds the newest good backup of the same source that is not this one, if possible one that lost nothing: null where there is none, undefined
    while that is not known. */
export function useLastGood(b: Backup, wanted = true): Backup | null | undefined {
  const others = useGoodBackups(b.source, wanted).data?.pages.flatMap((p) => p.backups).filter((x) => x.id !== b.id && standingOf(x) === "good");
  return others && (others.find((x) => !x.contents?.lost && !x.shrunk) ?? others[0] ?? null);
}

/** LastGood leads to it; it says so where there is none. */
function LastGood({ backup: b }: { backup: Backup }) {
  const { f } = useText();
  const r = useRestoreWords().state;
  const best = useLastGood(b);
  if (best === undefined) return null;
  return <p>{best ? <Take className="button" backup={best}>{r.newest(f.dateTime(best.createdAt))}</Take> : r.noGood}</p>;
}

/** StandingNote says of a backup that is no good one what it is, and which one to take in its place. */
export function StandingNote({ backup: b }: { backup: Backup }) {
  const { t } = useText();
  const r = useRestoreWords().state;
  const standing = standingOf(b);
  if (standing === "good") return null;
  const said: Record<Exclude<Standing, "good">, string> = {
    damaged: r.damaged, partial: r.partial(sourceText(t, b), partText(t, b)), unverified: r.unverified, running: r.running, ended: r.ended,
  };
  const tone = standing === "damaged" ? "bad" : "warn";
  return (
    <div className={`notice ${tone}`}>
      <Icon name={tone} />
      <div>
        <p><strong>{said[standing]}</strong></p>
        {standing === "damaged" && <p>{r.damagedHint}</p>}
        <LastGood backup={b} />
      </div>
    </div>
  );
}

/** LossNote warns of a backup that holds much less than the one before, and leads to that one. */
export function LossNote({ backup: b }: { backup: Backup }) {
  const r = useRestoreWords().state;
  const c = b.contents;
  const told = c?.warnings ?? [];
  const more = (c?.lost ?? 0) - told.length;
  if (!c?.lost && !b.shrunk) return null;
  return (
    <div className="notice warn">
      <Icon name="warn" />
      <div>
        {c?.lost ? told.map((w) => <p key={w.table}>{w.dropped ? r.dropped(seen(w.table)) : r.lost(seen(w.table), w.percent)}</p>) : null}
        {more > 0 && <p>{r.lostMore(more)}</p>}
        {b.shrunk && <p>{r.shrunk}</p>}
        {c?.lost && c.compared ? <p><a className="button" href={restoreLink(c.compared)}>{r.before}</a></p> : null}
      </div>
    </div>
  );
}

/** PartText says which part of a backup is meant. */
export function PartText({ part }: { part: RestoreOrder["part"] }) {
  const r = useRestoreWords().page;
  const { chosen, left } = listsOf(part);
  const few = (names: string[]) => names.slice(0, 5).join(", ") + (names.length > 5 ? "…" : "");
  const content = part?.dataOnly ? r.rowsOnly[0] : part?.schemaOnly ? r.definitionsOnly[0] : "";
  return <>{[chosen.length ? few(chosen) : r.whole, left.length ? r.withoutText(few(left)) : "", content].filter(Boolean).join(" · ")}</>;
}
