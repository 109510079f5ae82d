// Making a backup again as it was made.

import type { Backup, Options } from "../../api/client";

/** optionsOf gives the options that a backup was made with, for making it again. The name is left to be chosen anew. */
export function optionsOf(b: Backup): Options {
  const directory = b.filepath.split("/").slice(1, -1).join("/");
  return {
    ...(b.database ? { database: b.database } : {}), // it may have failed before its database was known
    ...(b.source && b.sourceKnown && b.source !== b.database ? { source: b.source } : {}),
    format: b.format,
    ...(directory ? { directory } : {}),
    ...(b.content === "schema" ? { includeData: false } : {}),
    ...(b.content === "data" ? { includeSchema: false } : {}),
    ...(b.compression && b.compression !== "auto" ? { compression: b.compression } : {}),
    ...(b.encryption === "age" ? { encrypt: true } : {}),
    ...(b.selection ? { selection: b.selection } : {}),
    ...(b.labels ? { labels: b.labels } : {}),
  };
}
