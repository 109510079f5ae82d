import { expect, test } from "vitest";
import { en } from "../i18n/en";
import { ptBR } from "../i18n/pt-BR";
import { explain, say } from "./states";

const wordings = [{ language: "pt-BR" as const, text: "o disco de /srv está cheio desde 2026-01-02 03:04 UTC", hint: "Libere espaço." }];

test("the service's words are shown in the reader's language where it sent them", () => {
  expect(say("pt-BR", "the disk is full", wordings)?.lang).toBe("pt-BR");
  expect(say("pt-BR", "the disk is full", wordings)?.text).not.toContain("UTC");
  expect(say("pt-BR", "Free space.", wordings, "hint")).toEqual({ text: "Libere espaço.", lang: "pt-BR" });
});

test("of several texts of an object each has its own words", () => {
  const several = [{ language: "pt-BR" as const, of: "one", text: "um" }, { language: "pt-BR" as const, of: "two", text: "dois" }];
  expect(say("pt-BR", "two", several)).toEqual({ text: "dois", lang: "pt-BR" });
  expect(say("pt-BR", "FATAL: no", several)).toEqual({ text: "FATAL: no", lang: "en" });
});

test("what has no words in that language is English, and says so", () => {
  expect(say("en", "the disk is full", wordings)).toEqual({ text: "the disk is full", lang: "en" });
  expect(say("pt-BR", "FATAL: no", undefined)).toEqual({ text: "FATAL: no", lang: "en" });
  expect(say("pt-BR", undefined, wordings)).toBeUndefined();
});

test("an error has its title from the catalogue, the rest from the service", () => {
  const error = { code: "DiskSpaceError", reason: "storage_full", message: "the disk is full", hint: "Free space.", wordings };
  expect(explain(ptBR, error, "pt-BR")).toMatchObject({ title: ptBR.reasons["storage_full"], hint: { text: "Libere espaço.", lang: "pt-BR" } });
  expect(explain(en, error, "en")).toMatchObject({ title: en.reasons["storage_full"], hint: { text: "Free space.", lang: "en" } });
});

test("what the title has said, the text below does not say again", () => {
  const detail = (message: string) => explain(en, { code: "BackupCreationError", reason: "exit_status", message }, "en").detail?.text;
  expect(["pg_dump failed", "pg_dump exited with status 1", "pg_dump failed: it was refused", "pg_dump failed to start", "a disk is full"].map(detail)).toEqual([undefined, undefined, "it was refused", "pg_dump failed to start", "a disk is full"]);
});
