// The checks: storage space, database, integrity of the backups, permissions. Each says what to do.

import type { Health } from "../api/client";
import { useHealth } from "../api/queries";
import { Badge, Page, Time, word } from "../components/basics";
import { checkTones, Found } from "../components/Found";
import { Loaded, say, Words } from "../components/states";
import { useText } from "../i18n";
import { useMoreWords } from "../i18n/more";
import { Way } from "./Sources";

export function HealthScreen() {
  const w = useMoreWords().health;
  const query = useHealth();
  return (
    <Page title={w.title} zoned actions={<button type="button" onClick={() => query.refetch()} disabled={query.isFetching}>{w.again}</button>}>
      <Loaded query={query} rows={4}>
        {(h) => (
          <>
            <p className="summary" role="status"><Overall of={h} /> <span className="muted">{w.checked} </span><Time at={h.checkedAt} relative />{h.version && <span className="muted"> · cofre {h.version}</span>}</p>
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
  const w = useMoreWords().health;
  if (h.status !== "ok") return <Badge tone="bad">{w.failing}</Badge>;
  if (h.checks?.some((c) => c.result !== "ok")) return <Badge tone="warn">{t.results.warning}</Badge>;
  return <Badge tone="ok">{w.ok}</Badge>;
}

function Checks({ checks }: { checks: Health["checks"] }) {
  const { t, language } = useText();
  const w = useMoreWords().health;
  if (!checks) return <p>{w.noDetails}</p>;
  return (
    <ul className="checks">
      {checks.map((c) => {
        const detail = say(language, c.detail, c.wordings);
        const hint = say(language, c.hint, c.wordings, "hint");
        const reason = word(t.reasons, c.reason, "");
        return (
          <li key={c.name} className={`card check-${c.result}`}>
            <div className="card-head"><h2>{w.checks[c.name].name}</h2><Badge tone={checkTones[c.result]}>{t.results[c.result]}</Badge></div>
            <p className="muted">{w.checks[c.name].what}</p>
            {c.findings ? <><Found of={c.findings} />{c.result !== "ok" && <p><Way next={c} /></p>}</> : c.result !== "ok" && reason && <p><strong>{reason}</strong></p>}
            {!c.findings && detail && <p lang={detail.lang} className="detail">{detail.text}</p>}
            {!c.findings && c.result !== "ok" && <p><strong>{t.states.whatToDo}</strong> {hint ? <Words of={hint} /> : w.checks[c.name].todo}<Way next={c} /></p>}
          </li>
        );
      })}
    </ul>
  );
}
