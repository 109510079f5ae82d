// The newest restores.

import { useRestores } from "../../api/restores";
import { Time } from "../../components/basics";
import { Loading, Missing } from "../../components/states";
import { useText } from "../../i18n";
import { useRestoreWords } from "../../i18n/restore";
import { PartText, RestoreBadge } from "./parts";

export function RestoreList() {
  const { t } = useText();
  const { start, run } = useRestoreWords();
  const query = useRestores();
  const all = query.data?.pages.flatMap((p) => p.restores);
  return (
    <section className="card">
      <h2>{start.newest}</h2>
      <Missing query={query} />
      {!all ? !query.error && <Loading /> : all.length === 0 ? <p>{start.noRestores}</p> : (
        <ul className="items">
          {all.map((x) => (
            <li key={x.id}>
              <span className="item-head"><a href={`#/restore/${x.id}`}>{run.into(x.database, x.target)}</a></span>
              <span><RestoreBadge restore={x} />{x.part && <span className="muted"> <PartText part={x.part} /></span>}</span>
              <span><Time at={x.createdAt} />{x.createdBy && <span className="muted"> {run.by(x.createdBy)}</span>}</span>
            </li>
          ))}
        </ul>
      )}
      {query.hasNextPage && <button type="button" onClick={() => void query.fetchNextPage()} disabled={query.isFetchingNextPage}>{t.list.more}</button>}
    </section>
  );
}
