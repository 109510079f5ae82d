// What the first screen says beside the rest of the English catalogue. Its shape is the one that the other languages must have.

import { counting } from "./count";

const { n, s } = counting("en");

export const frontEn = {
  /** The one sentence on top, by the code of the news. `of` is the source. */
  say: {
    allGood: (of: string, sources: number) => (sources === 1 ? `All good: ${of} has a good, recent backup.` : `All good: all ${n(sources)} sources have a good, recent backup.`),
    nothingYet: "No backup has been created yet.",
    other: (of: string) => `${of} needs attention.`,
    news: {
      overdue: (of: string) => `The backup of ${of} is overdue.`,
      unscheduled: (of: string) => `${of} is on no schedule, and its last good backup is old.`,
      no_backup_yet: (of: string) => `${of} has no good backup yet.`,
      only_parts: (of: string) => `${of} has only partial backups.`,
      shrunk: (of: string) => `The last backup of ${of} is much smaller than the one before.`,
      contents_unknown: (of: string) => `What the last backup of ${of} contains is not known.`,
      not_proven: (of: string) => `No recent backup of ${of} has passed a restore test.`,
      not_provable: (of: string) => `The backups of ${of} cannot be put through a restore test.`,
      proof_failed: (of: string) => `A backup of ${of} failed its restore test.`,
      server_changed: (of: string) => `${of} is not backed up: another database answers in its place.`,
      unreadable: (of: string) => `The record of ${of} cannot be read.`,
      settings_untaken: (of: string) => `The settings kept of ${of} are not in use.`,
      future: (of: string) => `Backups of ${of} are dated in the future.`,
      copy_late: (of: string) => `The copies of ${of} are late.`,
      copy_unknown: (of: string) => `It is not known which backups of ${of} were copied.`,
      size_limit_near: (of: string) => `The backups of ${of} will soon be too large.`,
      time_limit_near: (of: string) => `The backups of ${of} will soon take too long.`,
      vanished: (of: string) => `The database of ${of} is gone from its server.`,
    } as Record<string, (of: string) => string>,
    failing: (of: string, times: number) => (times <= 1 ? `The last backup of ${of} failed.` : `The last ${n(times)} backups of ${of} failed.`),
    damaged: (of: string, count: number) => (count <= 1 ? `A backup of ${of} is damaged.` : `${n(count)} backups of ${of} are damaged.`),
    rowsLost: (of: string, tables: number, table: string, percent: number) => (table ? `${of}: ${table} lost ${percent} % of its rows.` : `${of}: ${s(tables, "table")} lost many rows.`),
    lostNow: (of: string, at: string) => `If the server were lost now, ${of} would come back as of ${at}.`,
    tested: (ago: string) => `Its last restore test was ${ago}.`,
    untested: "No backup of it has been through a restore test yet.",
    lastGood: (at: string) => `Last good backup: ${at}.`,
    noneGood: "No good backup to go back to.",
    expected: (by: string) => `The next one was expected by ${by}.`,
    rowsWere: (before: string, after: string) => `${before} rows before, ${after} now.`,
    others: (count: number) => `${s(count, "more source")} to look at.`,
    steps: {
      create: "Back up now", look: "See what to do", compare: "Compare", prove: "Test its restore", show_backups: "Show its backups", show_damaged: "Show the damaged", watch: "Watch",
      show_source: "Show its settings", show_places: "Show the locations", show_checks: "Show the checks", make_room: "See what a cleanup frees",
    },
    earlier: "Restore from the one before…",
    old: "The figures below are old.",
    wasGood: (when: string) => `When last asked, ${when}, all was good.`,
  },
  figures: {
    stored: "stored",
    ofQuota: (percent: string, quota: string) => `${percent} of the ${quota} quota`,
    full: (day: string) => `full by ${day}`,
    fullNow: "full",
    rate: (days: number) => `of the runs in ${days} days`,
    missed: (count: number) => `${n(count)} missed`,
  },
  cards: {
    last: "Last good", next: "Next", size: "Size", proof: "Restore test", never: "never", none: "on demand", untested: "none yet", inPart: "in part", failed: "failed", running: "running now",
    grew: (change: string, days: number) => `${change} in ${days} days`,
    days: (parts: string) => `Last 30 days: ${parts}`,
    open: (of: string) => `All of ${of}`,
    back: "All sources",
    filter: "Filter sources",
    hidden: (count: number) => `${s(count, "source")} hidden by the filter`,
    all: (count: number) => `Show all ${n(count)} sources`,
  },
  /** How far a backup was looked into: the steps of the ladder in one word. */
  rungs: { stored: "stored", checked: "verified", read: "read back", restored: "restored", proven: "proven" },
  rows: {
    when: "When", change: "Change", proof: "Proof", remark: "Remark",
    menu: (of: string) => `Actions: ${of}`,
    goes: "removed by the next cleanup",
    pinned: "pinned",
    serverUnknown: "server unknown",
    filters: "Filters",
  },
  gone: {
    title: "The server cannot be reached.",
    what: (at: string) => (at ? `What you see is from ${at} and may be old.` : "Nothing could be loaded yet."),
    still: "Scheduled backups do not need this page. While the server is down, backups can be listed and restored with the cofre command, straight from storage.",
    here: "Not loaded: the server cannot be reached.",
  },
  keys: { list: "Skip to the list of backups", search: "Search", shortcuts: "Shortcut “/” for search" },
};

export type Front = typeof frontEn;
