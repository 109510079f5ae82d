// How a backup is brought back: from its own page.

import type { Backup } from "../../api/client";
import { useMay } from "../../api/context";
import { restoreCommand, stockCommand } from "../../cli";
import { Command } from "../../components/basics";
import { sourceText } from "../../components/Part";
import { useText } from "../../i18n";
import { useRestoreWords } from "../../i18n/restore";
import { restorable, standingOf } from "./order";
import { restoreLink } from "./parts";

export function RestoreCard({ backup: b }: { backup: Backup }) {
  const { t } = useText();
  const { card, state, title } = useRestoreWords();
  const standing = standingOf(b);
  const may = useMay();
  return (
    <section className="card">
      <h2>{title}</h2>
      {standing === "good" ? <p>{card.whole(sourceText(t, b))}</p> : standing === "damaged" && <p>{state.damagedHint}</p>}
      {!may("restore") ? <p>{card.mayNot}</p> : restorable(b) && <p><a className="button" href={restoreLink(b.id)}>{card.open}</a></p>}
      {standing !== "damaged" && (
        <>
          <p>{card.byHand}</p>
          <Command text={restoreCommand(b)} what={title} />
          <p>{b.encryption === "age" ? card.stockEncrypted : card.stock}</p>
          <Command text={stockCommand(b)} what={b.format === "custom" ? "pg_restore" : "psql"} />
        </>
      )}
    </section>
  );
}
