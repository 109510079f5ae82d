// What of a source a backup holds, when that is not everything.

import type { Backup } from "../api/client";
import { useText } from "../i18n";
import type { Messages } from "../i18n/en";
import { Icon, word } from "./basics";

const kinds = ["schemas", "excludeSchemas", "tables", "tablesAndChildren", "excludeTables", "excludeTablesAndChildren", "excludeTableData",
  "excludeTableDataAndChildren", "extensions", "excludeExtensions"] as const;

/** partText says what a backup holds that is a part; what cannot be said in the user's language, as the API does. */
export function partText(t: Messages, b: Backup): string {
  const said = kinds.flatMap((k) => {
    const of = b.selection?.[k];
    return of?.length ? [t.part.of[k](`${of.slice(0, 5).join(", ")}${of.length > 5 ? "…" : ""}`)] : [];
  });
  if (b.selection?.largeObjects === false) said.push(t.part.noLargeObjects);
  if (b.selection?.rowSecurity) said.push(t.part.rowSecurity);
  if (b.content !== "all") said.unshift(word(t.content, b.content));
  return said.join("; ") || b.part || "";
}

/** PartBadge marks a backup that does not hold everything. */
export function PartBadge({ backup }: { backup: Backup }) {
  const { t } = useText();
  if (backup.whole) return null;
  return <><span className="badge part" title={t.part.what}><Icon name="part" />{t.part.badge}</span> <span className="muted">{partText(t, backup)}</span></>;
}

/** sourceText says whose backup it is: the source, and its database where that is called otherwise. */
export function sourceText(t: Messages, b: Backup): string {
  const database = b.database && b.database !== b.source ? ` · ${b.database}` : "";
  return `${b.source}${database}${b.sourceKnown ? "" : ` (${t.part.serverUnknown})`}`;
}
