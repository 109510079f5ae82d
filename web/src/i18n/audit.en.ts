// What is said on the audit trail's own screen, in English. Its shape is the one that the other languages must have.

import { counting } from "./count";

const { n } = counting("en");

export const auditEn = {
  lead: "Each record holds the hash of the one before it, so that changing or removing one shows. This page marks a record whose own hash does not match, and does not check the chain. Check it with:",
  verify: "Verify the chain",
  person: "User", anyPerson: "All users",
  from: "From", to: "To",
  reads: "Show reads",
  about: (what: string) => `About ${what}`,
  clear: "Clear filters",
  time: "Time",
  backup: (at: string) => `backup of ${at}`,
  restore: (at: string) => `restore of ${at}`,
  exporting: "Exporting…",
  csv: "Export CSV", json: "Export JSON",
  exported: (count: number) => (count === 1 ? "1 record exported." : `${n(count)} records exported.`),
  cut: (count: number) => `Only the most recent ${n(count)} records were exported. Choose a shorter time to export the others.`,
  unsound: "hash does not match", unsoundHint: "This record was changed, or was not written by cofre.",
  searching: "Nothing yet among the records looked through. Load more to look further back.",
};

export type AuditWords = typeof auditEn;
