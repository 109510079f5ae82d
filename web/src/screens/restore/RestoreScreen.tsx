// Restoring: which backup, what of it, and where to, with a plan before anything happens; and how each restore goes on.

import { ApiError } from "../../api/client";
import { useMay } from "../../api/context";
import { useBackup, useMetrics } from "../../api/queries";
import { Page, Time } from "../../components/basics";
import { Empty, Loaded, Loading, Missing } from "../../components/states";
import { useText } from "../../i18n";
import { useRestoreWords } from "../../i18n/restore";
import { useSearch } from "../../url";
import { OneRestore } from "./OneRestore";
import { restoreLink } from "./parts";
import { RestoreForm } from "./RestoreForm";
import { RestoreList } from "./RestoreList";

/** RestoreScreen is all that is below #/restore: the id of a restore behind it shows that one, ?backup= restores that, ?table= of it, once for each, these tables. */
export function RestoreScreen({ id }: { id: string | undefined }) {
  const { title, start } = useRestoreWords();
  const may = useMay();
  const asked = new URLSearchParams(useSearch());
  const backup = asked.get("backup");
  if (!may("restore")) return <Page title={title}><Empty title={start.noAccess} /></Page>;
  if (id) return <OneRestore id={id} />;
  return backup ? <OfBackup id={backup} tables={asked.getAll("table")} /> : <Start />;
}

function OfBackup({ id, tables }: { id: string; tables: string[] }) {
  const { t } = useText();
  const { title, start } = useRestoreWords();
  const query = useBackup(id);
  const b = query.data;
  if (b) return <RestoreForm backup={b} tables={tables} key={[b.source, b.database, ...tables].join("/")} />;
  const missing = query.error instanceof ApiError && [400, 404, 422].includes(query.error.status);
  return (
    <Page title={title}>
      {missing ? <Empty title={t.pages.noBackup}><a className="button" href="#/restore">{start.another}</a></Empty>
        : query.error ? <Missing query={query} /> : <Loading rows={8} />}
    </Page>
  );
}

/** Start leads from a source to its last good backup: on a bad night nobody looks for it in a list. */
function Start() {
  const { f } = useText();
  const { title, start } = useRestoreWords();
  const metrics = useMetrics(undefined);
  return (
    <Page title={title} zoned>
      <p className="lead">{start.lead}</p>
      <section className="card">
        <h2>{start.sources}</h2>
        <Loaded query={metrics}>
          {(m) => m.sources.length === 0 ? <p>{start.none}</p> : (
            <ul className="items">
              {m.sources.map((s) => (
                <li key={s.source}>
                  <span className="item-head">{s.source}</span>
                  {s.lastWhole ? <span>{start.last} <Time at={s.lastWhole.at} relative /> <span className="muted">{f.bytes(s.lastWhole.size)}</span></span> : <span className="goes">{start.never}</span>}
                  {s.lastWhole && <span><a className="button small" href={restoreLink(s.lastWhole.id)}>{start.choose(s.source)}</a></span>}
                </li>
              ))}
            </ul>
          )}
        </Loaded>
      </section>
      <RestoreList />
    </Page>
  );
}
