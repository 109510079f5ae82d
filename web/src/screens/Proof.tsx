// How far a backup was looked into, and proving it: by restoring it into a server of its own. Loaded with the details, its words too.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { answer, type Backup } from "../api/client";
import { useMay, useServices } from "../api/context";
import { useBackup } from "../api/queries";
import { Icon, Time, word } from "../components/basics";
import { Failed } from "../components/states";
import { proofsOf } from "../components/Verified";
import { useText, type Language } from "../i18n";

const en = {
  title: "How far it was looked into",
  never: "not yet",
  inPart: "in part",
  damaged: "found damaged",
  steps: { stored: "Stored", checked: "Checked while it was made", read: "Read back", restored: "Restored", proven: "Proven: every row compared" },
  prove: "Prove now",
  proving: "Proving…",
  note: "The backup is restored into a server of its own and every row is compared. This may take a while; you may leave this page.",
};

const words: Record<Language, typeof en> = {
  en,
  "pt-BR": {
    title: "Até onde foi verificado",
    never: "ainda não",
    inPart: "em parte",
    damaged: "corrompido",
    steps: { stored: "Armazenado", checked: "Conferido durante a criação", read: "Relido", restored: "Restaurado", proven: "Provado: todas as linhas comparadas" },
    prove: "Provar agora",
    proving: "Provando…",
    note: "O backup é restaurado em um servidor próprio e todas as linhas são comparadas. Pode demorar; você pode sair desta página.",
  },
};

const steps = { checked: ["stream"], read: ["full", "checksum"], restored: ["restored", "restored_in_part"], proven: ["proven", "proven_in_part"] } as const;

/** Ladder tells of each step when it was taken, and says of one that was not that it was not. */
export function Ladder({ backup: b }: { backup: Backup }) {
  const t = words[useText().language];
  const known = proofsOf(b);
  return (
    <section className="card">
      <h2>{t.title}</h2>
      <ol className="ladder">
        <li className="ok"><span>{t.steps.stored}</span><Time at={b.createdAt} /></li>
        {Object.entries(steps).map(([step, levels]) => {
          const of = known.filter((v) => (levels as readonly string[]).includes(v.level));
          const v = of.find((v) => !v.ok) ?? of[0];
          const name = t.steps[step as keyof typeof steps];
          if (!v) return <li key={step} className="future"><span>{name}</span><span className="muted">{t.never}</span></li>;
          const more = !v.ok ? t.damaged : v.level.endsWith("_in_part") ? t.inPart : "";
          return <li key={step} className={v.ok ? "ok" : "bad"}><span>{name}{more && ` (${more})`}</span><Time at={v.at} /></li>;
        })}
      </ol>
    </section>
  );
}

/** Proofs tells each with its date. */
export function Proofs({ backup }: { backup: Backup }) {
  const { t } = useText();
  return (
    <ul className="proofs">
      {proofsOf(backup).map((v) => (
        <li key={v.level + v.at} className={v.ok ? "ok" : "bad"}>
          <Icon name={v.ok ? "ok" : "bad"} /> {word(t.levels, v.level)}{!v.ok && `: ${t.status.damaged}`} · <Time at={v.at} />
        </li>
      ))}
    </ul>
  );
}

/** useProof gives the button that has a backup proven, and what is said of that while it lasts. */
export function useProof(b: Backup): { button: ReactNode; note: ReactNode } {
  const { language } = useText();
  const t = words[language];
  const may = useMay();
  const { api } = useServices();
  const client = useQueryClient();
  const [asked, setAsked] = useState<string | null>(null);
  const prove = useMutation({
    mutationFn: () => answer(api.POST("/api/backup/prove/{id}", { params: { path: { id: b.id } } })),
    onSuccess: (taken) => setAsked(taken.requestedAt),
    onSettled: () => client.invalidateQueries({ queryKey: ["audit"] }),
  });
  // As times, not as texts: a fraction of a second may stand in one and not in the other.
  const ended = asked !== null && proofsOf(b).some((v) => v.level.startsWith("proven") && Date.parse(v.at) > Date.parse(asked));
  const busy = prove.isPending || (asked !== null && !ended);
  useBackup(b.id, busy ? 5_000 : false);
  return {
    button: may("restore") && b.status === "success" && b.format === "custom" && b.content !== "data" && (
      <button type="button" onClick={() => prove.mutate()} disabled={busy}><Icon name="ok" />{busy ? t.proving : t.prove}</button>
    ),
    note: (
      <>
        {busy && <p className="notice run" role="status"><Icon name="run" />{t.note}</p>}
        {prove.error && <Failed error={prove.error} retry={() => prove.mutate()} />}
      </>
    ),
  };
}
