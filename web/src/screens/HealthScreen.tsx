// The checks: storage space, database, integrity of the backups, permissions. Each says what to do.

import type { Health } from "../api/client";
import { useHealth } from "../api/queries";
import { Badge, Page, Time, word, type Tone } from "../components/basics";
import { Loaded } from "../components/states";
import { ownTimes } from "../format";
import { useText } from "../i18n";

const tones: Record<"ok" | "warning" | "failed", Tone> = { ok: "ok", warning: "warn", failed: "bad" };

export function HealthScreen() {
  const { t } = useText();
  const query = useHealth();
  return (
    <Page title={t.health.title} zoned actions={<button type="button" onClick={() => query.refetch()} disabled={query.isFetching}>{t.health.again}</button>}>
      <Loaded query={query} rows={4}>
        {(h) => (
          <>
            <p className="summary" role="status"><Overall of={h} /> <span className="muted">{t.health.checked} </span><Time at={h.checkedAt} relative />{h.version && <span className="muted"> · cofre {h.version}</span>}</p>
            <Checks checks={h.checks} />
          </>
        )}
      </Loaded>
    </Page>
  );
}

/** Overall is the worst of the checks: a warning is not "all is well". */
function Overall({ of: h }: { of: Health }) {
  const { t } = useText();
  if (h.status !== "ok") return <Badge tone="bad">{t.health.failing}</Badge>;
  if (h.checks?.some((c) => c.result !== "ok")) return <Badge tone="warn">{t.health.results.warning}</Badge>;
  return <Badge tone="ok">{t.health.ok}</Badge>;
}

function Checks({ checks }: { checks: Health["checks"] }) {
  const { t } = useText();
  if (!checks) return <p>{t.health.noDetails}</p>;
  return (
    <ul className="checks">
      {checks.map((c) => {
        const reason = word(t.reasons, c.reason, "");
        return (
          <li key={c.name} className={`card check-${c.result}`}>
            <div className="card-head"><h2>{t.health.checks[c.name].name}</h2><Badge tone={tones[c.result]}>{t.health.results[c.result]}</Badge></div>
            <p className="muted">{t.health.checks[c.name].what}</p>
            {c.result !== "ok" && reason && <p><strong>{reason}</strong></p>}
            <p lang="en" className="detail">{ownTimes(c.detail)}</p>
            {c.result !== "ok" && <p><strong>{t.states.whatToDo}</strong> {c.hint ? <span lang="en">{c.hint}</span> : t.health.checks[c.name].todo}</p>}
          </li>
        );
      })}
    </ul>
  );
}
