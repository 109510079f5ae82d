// The first rows of a table, as they lie in a backup.

import type { Backup } from "../api/client";
import { useRows } from "../api/queries";
import { Command } from "../components/basics";
import { CloseButton, Dialog } from "../components/Dialog";
import { Empty, Loaded } from "../components/states";
import { rowsCommand } from "../cli";
import { useDetailsWords } from "../i18n/details";

interface Table {
  schema: string;
  name: string;
}

/** widest is how many characters of a value are shown; the rest stands in its title. */
const widest = 60;

export function Rows({ backup: b, table, name, onClose }: { backup: Backup; table: Table; name: string; onClose: () => void }) {
  const c = useDetailsWords().contents;
  const query = useRows(b.id, table);
  return (
    <Dialog title={c.rowsOf(name)} wide onClose={onClose} footer={<CloseButton onClose={onClose} />}>
      <Loaded query={query} rows={6}>
        {(d) => (
          <>
            {d.rows.length === 0 ? <Empty title={c.noRows} /> : (
              <>
                <p className="muted">{d.more ? c.firstRows(d.rows.length) : c.allRows(d.rows.length)}{d.cut > 0 && ` ${c.cut(d.cut)}`}</p>
                <div className="scroll rows" tabIndex={0} role="region" aria-label={c.rowsOf(name)}>
                  <table className="plain-table">
                    <thead><tr>{d.columns.map((x, i) => <th key={i} scope="col">{x}</th>)}</tr></thead>
                    <tbody>{d.rows.map((r, i) => <tr key={i}>{r.map((v, j) => <Value key={j} of={v} />)}</tr>)}</tbody>
                  </table>
                </div>
              </>
            )}
            <h3>{c.allAsCSV}</h3>
            <Command text={rowsCommand(b, table)} what={c.allAsCSV} />
          </>
        )}
      </Loaded>
    </Dialog>
  );
}

function Value({ of: v }: { of: string | null }) {
  if (v === null) return <td><i className="muted">NULL</i></td>;
  if (v.length <= widest) return <td>{v}</td>;
  return <td title={v}>{v.slice(0, widest).replace(/[\ud800-\udbff]$/, "")}…</td>;
}
