// The API, typed by its contract. schema.d.ts is generated from api/openapi.yaml.

import type { Client } from "openapi-fetch";
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
export type BackupPoint = Schemas["BackupPoint"];
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

type Methods = "GET" | "POST" | "PUT" | "DELETE";

/** What a call may give beside its path. */
interface Init {
  params?: { path?: Record<string, unknown>; query?: Record<string, unknown>; header?: Record<string, unknown> };
  body?: unknown;
  signal?: AbortSignal;
}

/** requestOf makes a request of an operation: its path with parameters filled in, its query, and its body as JSON. What is undefined is left out. */
function requestOf(baseUrl: string, method: Methods, path: string, { params = {}, body, signal }: Init, token: string | undefined): Request {
  const url = new URL(baseUrl + path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(params.path?.[name]))), location.href);
  for (const [name, value] of Object.entries(params.query ?? {})) {
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined && one !== null) url.searchParams.append(name, String(one));
  }
  const headers = new Headers();
  for (const [name, value] of Object.entries(params.header ?? {})) if (value !== undefined && value !== null) headers.set(name, String(value));
  if (body !== undefined) headers.set("Content-Type", "application/json");
  if (token) headers.set("Authorization", `Bearer ${token}`);
  return new Request(url, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }), ...(signal ? { signal } : {}) });
}

/** createApi makes a client that sends the session's token, and ends the session when the API refuses it. The types of openapi-fetch say
 * what each operation takes and answers; its code, made for any API, would be larger than what is needed of it here. */
export function createApi(baseUrl: string, sessions: SessionStore): Pick<Client<paths>, Methods> {
  const call = (method: Methods) => async (path: string, init: Init = {}) => {
    const token = sessions.get().session?.token;
    // fetch is looked up at each call, so that it can be replaced.
    const response = await globalThis.fetch(requestOf(baseUrl || location.origin, method, path, init, token));
    if (response.status === 401 && token) sessions.end("expired", token);
    const text = await response.text();
    if (response.ok) return { data: text ? (JSON.parse(text) as unknown) : undefined, response };
    let error: unknown = text;
    try {
      error = JSON.parse(text);
    } catch {
      // Something in front of the API answered, in its own way.
    }
    return { error, response };
  };
  return { GET: call("GET"), POST: call("POST"), PUT: call("PUT"), DELETE: call("DELETE") } as unknown as Pick<Client<paths>, Methods>;
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
