// How far a backup was looked into, and proving it: by restoring it into a server of its own. Loaded with the details.

import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, type ReactNode } from "react";
import { answer, type Backup } from "../api/client";
import { useMay, useServices } from "../api/context";
import { useBackup } from "../api/queries";
import { Facts, Icon, Time, word } from "../components/basics";
import { Explanation, Failed, Told } from "../components/states";
import { proofsOf, stepOf, steps } from "../components/Verified";
import { useText } from "../i18n";
import { useProofWords } from "../i18n/proof";

/** Ladder tells of each step when it was taken, and says of one that was not that it was not. `actions` take the next ones. */
export function Ladder({ backup: b, actions, children }: { backup: Backup; actions?: ReactNode; children?: ReactNode }) {
  const { t: all } = useText();
  const t = useProofWords();
  return (
    <section className="card">
      <div className="card-head"><h2>{t.title}</h2><div className="actions">{actions}</div></div>
      {children}
      <ol className="ladder">
        <li className="ok"><span className="bead"><Icon name="ok" /></span><strong>{t.steps.stored}</strong><Time at={b.createdAt} /></li>
        {Object.entries(steps).map(([step, levels], i) => {
          const v = stepOf(b, levels);
          const name = t.steps[step as keyof typeof steps];
          if (!v) return <li key={step} className="future"><span className="bead" aria-hidden="true">{i + 2}</span><strong>{name}</strong><span className="muted">{all.notYet}</span></li>;
          const more = !v.ok ? t.damaged : v.level.endsWith("_in_part") ? t.inPart : "";
          return <li key={step} className={v.ok ? "ok" : "bad"}><span className="bead"><Icon name={v.ok ? "ok" : "bad"} /></span><strong>{name}{more && ` (${more})`}</strong><Time at={v.at} /></li>;
        })}
      </ol>
    </section>
  );
}

const tones = { passed: "ok", failed: "bad", unanswered: "warn", not_asked: "warn" } as const;

/** LastProof tells what the newest proof compared, where, and what became of the user's own checks; nothing where there was none. */
export function LastProof({ backup: b }: { backup: Backup }) {
  const { f } = useText();
  const t = useProofWords().last;
  const proof = proofsOf(b).filter((v) => v.proof).sort((x, y) => Date.parse(y.at) - Date.parse(x.at))[0]?.proof;
  if (!proof) return null;
  const rows = proof.ofRows ? t.of(f.number(proof.rows), f.number(proof.ofRows)) : f.number(proof.rows);
  const more = (n: number) => n > 0 && <li key="more">{t.more(n)}</li>;
  return (
    <section className="card">
      <h2>{t.title}</h2>
      <Facts of={[
        [t.where, proof.target ? t.target(proof.target, proof.server) : t.own(proof.server)],
        [t.rows, t.tables(rows, proof.tables)],
        [t.took, f.duration(proof.restoreDuration)],
        [t.without, proof.leftOut > 0 && <ul>{proof.without.map((x) => <li key={x}><Told text={x} of={proof} /></li>)}{more(proof.leftOut - proof.without.length)}</ul>],
        [t.checks, proof.checks.length > 0 && (
          <ul className="proofs">
            {proof.checks.map((c, i) => <li key={i} className={tones[c.outcome]}><Icon name={tones[c.outcome]} /> {c.name}: {t.outcomes[c.outcome]}</li>)}
            {more(proof.checksAsked - proof.checks.length)}
          </ul>
        )],
      ]} />
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

/** useProof gives the button that has a backup proven, and what its record says of that while it lasts, and of why it could not be done. */
export function useProof(b: Backup): { button: ReactNode; note: ReactNode } {
  const { f } = useText();
  const t = useProofWords();
  const may = useMay();
  const { api } = useServices();
  const client = useQueryClient();
  const prove = useMutation({
    mutationFn: () => answer(api.POST("/api/backup/prove/{id}", { params: { path: { id: b.id } } })),
    // It goes on until the record was read again, which says from then on how it stands.
    onSuccess: () => client.invalidateQueries({ queryKey: ["backups"] }),
    onSettled: () => client.invalidateQueries({ queryKey: ["audit"] }),
  });
  const last = b.proofAttempt;
  const underWay = last?.state === "waiting" || last?.state === "running";
  const busy = prove.isPending || underWay;
  const share = last?.state === "running" && last.bytesTotal ? Math.min(1, (last.bytesRead ?? 0) / last.bytesTotal) : undefined;
  useBackup(b.id, underWay ? 5_000 : false);
  // What the proof found is news for the lists, and what came of it stands in the trail.
  const was = useRef(underWay);
  useEffect(() => {
    if (was.current && !underWay) {
      void client.invalidateQueries({ queryKey: ["backups"] });
      void client.invalidateQueries({ queryKey: ["audit"] });
    }
    was.current = underWay;
  }, [underWay, client]);
  return {
    button: may("restore") && b.status === "success" && b.format === "custom" && b.content !== "data" && (
      <button type="button" className="small" onClick={() => prove.mutate()} disabled={busy}><Icon name="ok" />{busy ? t.proving : t.prove}</button>
    ),
    note: (
      <>
        {busy && (
          <p className="notice run" role="status"><Icon name="run" />
            <span>
              {t.note}
              {last?.state === "waiting" && ` ${t.waiting(f.dateTime(last.requestedAt))}`}
              {last?.state === "running" && ` ${t.running(f.dateTime(last.startedAt ?? last.requestedAt), t.doing[last.step ?? "checking"])}`}
            </span>
          </p>
        )}
        {share !== undefined && ( // not in the status, which is read out whenever it changes
          <div className="bar">
            <progress max={1} value={share} aria-label={t.progress} />
            <span className="number">{f.percent(share)}</span>
            <span>{t.read(f.bytes(last!.bytesRead ?? 0), f.bytes(last!.bytesTotal!))}</span>
          </div>
        )}
        {!busy && last?.error && <Explanation error={last.error} tone="none"><p>{t.failed(f.dateTime(last.endedAt ?? last.requestedAt))}</p></Explanation>}
        {prove.error && <Failed error={prove.error} retry={() => prove.mutate()} />}
      </>
    ),
  };
}
