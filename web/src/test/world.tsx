// The app, or a part of it, against an API made of functions: what a test says, it answers.

import { QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import { Suspense, type ReactNode } from "react";
import { vi } from "vitest";
import { createApi, type Backup, type DaySummary, type Metrics, type SessionInfo, type SourceSummary } from "../api/client";
import { ServicesContext, SessionContext } from "../api/context";
import type { Restore, RestoreOrder, RestorePlan } from "../api/restores";
import { createQueryClient } from "../api/queries";
import { App } from "../App";
import { SessionStore } from "../auth/session";
import type { Config } from "../config";
import { LanguageProvider, type Language } from "../i18n";
import { en } from "../i18n/en";
import { ptBR } from "../i18n/pt-BR";
import { useAuditWords } from "../i18n/audit";
import { useCreateWords } from "../i18n/create";
import { useDetailsWords } from "../i18n/details";
import { useKeptWords } from "../i18n/kept";
import { useMoreWords } from "../i18n/more";
import { usePinWords } from "../i18n/pin";
import { useProofWords } from "../i18n/proof";
import { useRestoreWords } from "../i18n/restore";
import { useRetentionWords } from "../i18n/retention";
import { useScreenWords } from "../i18n/screens";
import { useSignInWords } from "../i18n/signin";

// What a screen suspends for is there: a test may look at once.
await Promise.all([import("../screens/home/Charts"), import("../screens/home/FirstRun"), import("../screens/home/RowMenu"), import("../auth/SignIn"), import("../components/Palette"), import("../screens/RunningBackup")]);
await Promise.all([useAuditWords, useCreateWords, useDetailsWords, useKeptWords, useMoreWords, usePinWords, useProofWords, useRestoreWords, useRetentionWords, useScreenWords, useSignInWords].flatMap((words) => [words.load("en"), words.load("pt-BR")]));

export interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: Headers;
  body: unknown;
}

type Answer = (asked: Asked) => Response | object | Promise<Response | object>;

/** serve makes fetch answer by "METHOD /path" (":id" stands for one element), and gives what was asked, in order. */
export function serve(answers: Record<string, Answer>): Asked[] {
  const asked: Asked[] = [];
  vi.stubGlobal("fetch", async (input: Request | string, init?: RequestInit) => {
    const request = input instanceof Request ? input : new Request(new URL(input, location.href), init);
    const url = new URL(request.url);
    const text = await request.text();
    const one: Asked = { method: request.method, path: url.pathname, query: url.searchParams, headers: request.headers, body: text.startsWith("{") ? JSON.parse(text) : text };
    asked.push(one);
    for (const [route, answer] of Object.entries(answers)) {
      const [method, path] = route.split(" ");
      const pattern = new RegExp(`^${path!.replace(/:[a-z]+/g, "[^/]+")}$`);
      if (method === request.method && pattern.test(url.pathname)) {
        const got = await answer(one);
        return got instanceof Response ? got : Response.json(got);
      }
    }
    return problem(404, { code: "ValidationError", reason: "route_unknown", detail: `no answer for ${request.method} ${url.pathname}` });
  });
  return asked;
}

export function problem(status: number, p: { code: string; reason?: string; detail: string; hint?: string }): Response {
  return Response.json({ type: "about:blank", title: "x", status, requestId: "REQ1", ...p }, { status, headers: { "Content-Type": "application/problem+json" } });
}

export const everything = ["create", "list", "download", "validate", "cancel", "delete", "cleanup", "settings_read", "settings_write", "audit", "metrics", "restore", "pin", "sources", "places", "channels"];

const development: Config = { api: "", auth: { mode: "development" } };

function services(config: Config, signedIn: boolean) {
  if (signedIn) sessionStorage.setItem("cofre.session", JSON.stringify({ token: "T", expiresAt: Date.now() + 3_600_000 }));
  const sessions = new SessionStore(sessionStorage, Date.now());
  return { config, sessions, api: createApi(config.api, sessions) };
}

/** show renders a part as a user with these permissions. */
export function show(part: ReactNode, options: { permissions?: string[]; language?: Language } = {}) {
  const session: SessionInfo = { subject: "u1", role: "ADMIN", permissions: options.permissions ?? everything };
  const language = options.language ?? "en";
  const client = createQueryClient();
  const shown = render(
    <LanguageProvider initial={language} messages={language === "en" ? en : ptBR}>
      <QueryClientProvider client={client}>
        <ServicesContext value={services(development, true)}>
          <SessionContext value={session}><Suspense>{part}</Suspense></SessionContext>
        </ServicesContext>
      </QueryClientProvider>
    </LanguageProvider>,
  );
  return { ...shown, client };
}

/** start renders the whole app. */
export function start(options: { config?: Config; signedIn?: boolean; language?: Language } = {}) {
  const s = services(options.config ?? development, options.signedIn ?? true);
  const language = options.language ?? "en";
  const client = createQueryClient();
  render(
    <LanguageProvider initial={language} messages={language === "en" ? en : ptBR}>
      <QueryClientProvider client={client}>
        <ServicesContext value={s}>
          <App />
        </ServicesContext>
      </QueryClientProvider>
    </LanguageProvider>,
  );
  return { ...s, client };
}

let made = 0;

export function backup(change: Partial<Backup> = {}): Backup {
  made++;
  return {
    id: `01JZ8Q4M9T4Y3V6K2W1X0N${String(made).padStart(4, "0")}`,
    filename: `backup_${made}.dump`, filepath: `files/backup_${made}.dump`, size: 2048 * made, checksum: "ab".repeat(32),
    createdAt: "2026-11-20T02:00:00Z", status: "success", duration: 61_000, databaseVersion: "18.1", schemaVersion: "7",
    source: "shop", sourceKnown: true, whole: true, database: "shop", format: "custom", compression: "zstd:1", encryption: "none", content: "all", trigger: "schedule", attempt: 1,
    verification: { ok: true, level: "stream", at: "2026-11-20T02:01:01Z" },
    retention: { removed: false, onlyVerified: false, expiresAt: "2026-12-20T02:00:00Z", reasons: [{ code: "within_limits", text: "no limit of the policy is exceeded" }] },
    ...change,
  };
}

export function day(change: Partial<DaySummary> = {}): DaySummary {
  return { date: "2026-11-19", succeeded: 0, failed: 0, canceled: 0, interrupted: 0, missed: 0, damaged: 0, running: 0, bytes: 0, ...change };
}

export const hoursAgo = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString();

/** source is one that was backed up two hours ago, and nothing is wrong with. */
export function source(change: Partial<SourceSummary> = {}): SourceSummary {
  const last = { id: "01JZ8Q4M9T4Y3V6K2W1X0NAAAB", at: hoursAgo(2), size: 1 };
  return {
    source: "shop", database: "shop", state: "ok", findings: [], configured: true, scheduled: false, backups: 9, bytes: 1, running: 0, damaged: 0,
    serverUnknown: 0, lastGood: last, lastWhole: last, failures: 0, missed: 0, overdue: false, onlyParts: false, proofsExpected: false, trend: [], sizes: [], ...change,
  };
}

/** aged makes a source's last good backup so many hours old. */
export const aged = (hours: number) => {
  const last = { id: "01JZ8Q4M9T4Y3V6K2W1X0NAAAC", at: hoursAgo(hours), size: 1 };
  return { lastGood: last, lastWhole: last };
};

export function metrics(change: Partial<Metrics> = {}): Metrics {
  return {
    at: new Date().toISOString(), timeZone: "America/Sao_Paulo", state: "ok", days: 30, total: 10, succeeded: 9, failed: 1, canceled: 0, interrupted: 0, missed: 0,
    running: 0, damaged: 0, overdue: false, successRate: 0.9,
    storageUsedBytes: 5 * 2 ** 30, storageLimitBytes: 10 * 2 ** 30,
    trend: [day({ date: "2026-11-19", succeeded: 1, bytes: 1 })],
    errors: [], sources: [source()], sentence: { code: "all_good", state: "ok", sources: 1, others: 0, source: "shop", at: hoursAgo(2) },
    ...change,
  };
}

/** restore is one that goes on. */
export function restore(change: Partial<Restore> = {}): Restore {
  return {
    id: "01JZ8R7S3E5T0RE6K2W1X0N5BC", backup: "01JZ8Q4M9T4Y3V6K2W1X0N0001", target: "staging", database: "shop_restored_20261119", mode: "new", state: "running", phase: "restoring",
    createdAt: "2026-11-20T12:00:00Z", startedAt: "2026-11-20T12:00:01Z", bytesRead: 512, bytesTotal: 2048, halfFilled: false, createdBy: "ana", ...change,
  };
}

/** plan is one of a restore that may begin. */
export function plan(order: RestoreOrder, change: Partial<RestorePlan> = {}): RestorePlan {
  return {
    ready: true, backup: order.backup, target: order.target, database: order.database, mode: order.mode ?? "new", exists: false, locale: "UTF8, libc C.UTF-8", server: "18.1",
    role: "restorer", tool: "pg_restore 18.1", jobs: 4, oneTransaction: false, read: 2048, makes: [{ kind: "TABLE", count: 12 }, { kind: "INDEX", count: 3 }], problems: [], ...change,
  };
}
