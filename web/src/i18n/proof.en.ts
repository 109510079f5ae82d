// What is said of restore tests and of how far a backup was looked into, in English. Its shape is the one that the other languages must have.

import { counting } from "./count";

const { n, s } = counting("en");

export const proofEn = {
  title: "How far it was verified",
  inPart: "in part",
  damaged: "found damaged",
  steps: { stored: "Stored", checked: "Verified", read: "Read back", restored: "Restored", proven: "Proven" },
  prove: "Test its restore",
  proving: "Testing its restore…",
  note: "The backup is restored into a server of its own and every row is compared. This can take a while; you can leave this page.",
  waiting: (since: string) => `Waiting for its turn since ${since}.`,
  running: (since: string, doing: string) => `Under way since ${since}: ${doing}.`,
  read: (done: string, all: string) => `${done} of ${all} read`,
  progress: "Progress of the restore test",
  last: {
    title: "What the last restore test compared",
    own: (version: string) => `in a server of its own, PostgreSQL ${version}`,
    target: (name: string, version: string) => `on the server of the target ${name}, PostgreSQL ${version}`,
    where: "Where",
    rows: "Rows",
    tables: (rows: string, tables: number) => `${rows} in ${s(tables, "table")}`,
    of: (rows: string, all: string) => `${rows} of ${all}`,
    took: "Restore took",
    without: "Not compared",
    more: (count: number) => `and ${n(count)} more`,
    checks: "Your checks",
    outcomes: { passed: "passed", failed: "failed", unanswered: "the server could not answer it", not_asked: "not asked: only a sample was restored" },
  },
  doing: { checking: "checking the file", counting: "counting what the file holds", starting: "starting a server", restoring: "restoring", comparing: "comparing" },
  failed: (at: string) => `The restore test could not be run (${at}). That says nothing about the backup.`,
};

export type ProofWords = typeof proofEn;
