// The API, typed by its contract. schema.d.ts is generated from api/openapi.yaml.

import createClient from "openapi-fetch";
import type { SessionStore } from "../auth/session";
import type { components, paths } from "./schema";

type Schemas = components["schemas"];
export type Backup = Schemas["BackupMetadata"];
export type BackupDiff = Schemas["BackupDiff"];
export type BackupStatus = Schemas["BackupStatus"];
export type StatusResponse = Schemas["BackupStatusResponse"];
export type BackupError = Schemas["BackupError"];
export type Options = Schemas["BackupOptions"];
export type Metrics = Schemas["MetricsSummary"];
export type DaySummary = Schemas["DaySummary"];
export type SourceSummary = Schemas["SourceSummary"];
export type Finding = Schemas["Finding"];
export type Verification = Schemas["Verification"];
export type Settings = Schemas["Settings"];
export type SettingsResponse = Schemas["SettingsResponse"];
export type Cleanup = Schemas["CleanupResponse"];
export type CleanupItem = Schemas["CleanupItem"];
export type Health = Schemas["HealthResponse"];
export type Problem = Schemas["Problem"];
export type DownloadLink = Schemas["DownloadLink"];
export type Validation = Schemas["ValidationResponse"];
export type ValidationAccepted = Schemas["ValidationAccepted"];
export type AuditRecord = Schemas["AuditRecord"];
export type SessionInfo = Schemas["Session"];

export type Api = ReturnType<typeof createApi>;

/** ApiError is what went wrong with a call. Without a problem document the API was not reached (`status` 0), or
 * something in front of it answered. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem | undefined,
    detail: string,
  ) {
    super(problem?.detail ?? detail);
  }
  get unreachable(): boolean {
    return this.status === 0;
  }
}

/** createApi makes a client that sends the session's token, and ends the session when the API refuses it. */
export function createApi(baseUrl: string, sessions: SessionStore) {
  // fetch is looked up at each call, so that it can be replaced.
  const api = createClient<paths>({ baseUrl: baseUrl || location.origin, fetch: (request) => globalThis.fetch(request) });
  api.use({
    onRequest({ request }) {
      const token = sessions.get().session?.token;
      if (token) request.headers.set("Authorization", `Bearer ${token}`);
      return request;
    },
    onResponse({ request, response }) {
      if (response.status !== 401) return;
      const token = request.headers.get("Authorization")?.slice("Bearer ".length);
      if (token) sessions.end("expired", token);
    },
  });
  return api;
}

interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** answer gives what a call was answered with, and throws an ApiError when it was refused or did not arrive. */
export async function answer<T>(call: Promise<Answer<T>>): Promise<T> {
  const got = await whole(call);
  if (!got.response.ok) throw refusal(got.response.status, got.error);
  return got.data as T;
}

/** whole is answer with the response beside it, whatever its status. */
export async function whole<T>(call: Promise<Answer<T>>): Promise<Answer<T>> {
  try {
    return await call;
  } catch (err) {
    if (err instanceof DOMException && err.name === "AbortError") throw err;
    throw new ApiError(0, undefined, String(err));
  }
}

export function refusal(status: number, body: unknown): ApiError {
  const problem = typeof body === "object" && body !== null && "code" in body && "detail" in body ? (body as Problem) : undefined;
  return new ApiError(status, problem, `HTTP ${status}`);
}
