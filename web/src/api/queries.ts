// Server state: what is asked of the API, how often, and what a change makes stale. What the first screen asks is in first.ts.

import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { tableName } from "../names";
import { answer, refusal, whole, type AuditRecord, type Backup, type Health, type Options, type Settings, type SettingsResponse } from "./client";
import { useServices } from "./context";
import { idle } from "./first";

export * from "./first";

/** useDatabases asks the server for its databases: what a backup can be made of. */
export function useDatabases() {
  const { api } = useServices();
  return useQuery({ queryKey: ["databases"], queryFn: ({ signal }) => answer(api.GET("/api/database/list", { signal })), staleTime: idle });
}

/** useFound looks for backups by what is typed; by nothing it asks nothing. */
export function useFound(text: string) {
  const { api } = useServices();
  const search = text.trim();
  return useQuery({
    queryKey: ["backups", "found", search],
    enabled: search.length > 1,
    queryFn: ({ signal }) => answer(api.GET("/api/backup/list", { signal, params: { query: { search, limit: 8 } } })),
    placeholderData: keepPreviousData,
  });
}

/** useRecent gives the successful backups of the last days, newest first, at most 200: what the charts show. */
export function useRecent(source: string | undefined, days: number) {
  const { api } = useServices();
  return useQuery({
    queryKey: ["backups", "recent", source, days],
    queryFn: ({ signal }) => {
      const since = new Date(Date.now() - days * 86_400_000).toISOString();
      return answer(api.GET("/api/backup/list", { signal, params: { query: { status: "success", since, limit: 200, ...(source ? { source } : {}) } } }));
    },
    placeholderData: keepPreviousData,
    refetchInterval: 5 * idle,
  });
}

/** useBackup reads one record. `every` is how often to ask again, in milliseconds. */
export function useBackup(id: string, every: number | false = false) {
  const { api } = useServices();
  return useQuery({
    queryKey: ["backups", "one", id],
    queryFn: ({ signal }) => answer(api.GET("/api/backup/{id}", { signal, params: { path: { id } } })),
    // One that is being made is followed by its status; the record is asked for too, in case the question at its end got lost.
    refetchInterval: (q) => every || (q.state.data?.status === "in_progress" && idle),
  });
}

/** useStatus follows a backup that is being made, as often as the API's Retry-After says. */
export function useStatus(id: string, active: boolean) {
  const { api } = useServices();
  return useQuery({
    queryKey: ["status", id],
    enabled: active,
    queryFn: async ({ signal }) => {
      const got = await whole(api.GET("/api/backup/status/{id}", { signal, params: { path: { id } } }));
      if (!got.data) throw refusal(got.response.status, got.error);
      return { ...got.data, again: Number(got.response.headers.get("Retry-After")) || 3 };
    },
    staleTime: 0,
    refetchInterval: (q) => (q.state.data && q.state.data.status !== "in_progress" ? false : (q.state.data?.again ?? 2) * 1000),
  });
}

export interface AuditFilter {
  resource?: string;
  action?: string;
  outcome?: AuditRecord["outcome"];
  actor?: string;
  since?: string;
  until?: string;
  withoutReads?: boolean;
}

export function useAudit(filter: AuditFilter) {
  const { api } = useServices();
  return useInfiniteQuery({
    queryKey: ["audit", filter],
    queryFn: ({ signal, pageParam }) =>
      answer(api.GET("/api/audit", { signal, params: { query: { limit: 50, ...filter, ...(pageParam ? { cursor: pageParam } : {}) } } })),
    initialPageParam: "",
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
  });
}

export type ContentsOrder = "size" | "rows" | "name";

/** useContents asks for what a backup contains, a page of tables at a time. It never changes. */
export function useContents(id: string, search: string, sort: ContentsOrder) {
  const { api } = useServices();
  const limit = 100;
  return useInfiniteQuery({
    queryKey: ["contents", id, search, sort],
    queryFn: ({ signal, pageParam }) =>
      answer(api.GET("/api/backup/contents/{id}", { signal, params: { path: { id }, query: { limit, sort, offset: pageParam, ...(search ? { search } : {}) } } })),
    initialPageParam: 0,
    getNextPageParam: (page, _, offset) => (offset + page.tables.length < page.matching ? offset + page.tables.length : undefined),
    placeholderData: keepPreviousData,
    staleTime: Infinity,
  });
}

/** useRows asks for the first rows of a table; they are kept no longer than they are shown. */
export function useRows(id: string, table: { schema: string; name: string }) {
  const { api } = useServices();
  const name = tableName(table);
  return useQuery({
    queryKey: ["rows", id, name],
    queryFn: ({ signal }) => answer(api.GET("/api/backup/rows/{id}", { signal, params: { path: { id }, query: { table: name } } })),
    staleTime: Infinity,
    gcTime: 0,
  });
}

/** useDiff asks what changed since the backup before. */
export function useDiff(id: string) {
  const { api } = useServices();
  return useQuery({ queryKey: ["diff", id], queryFn: ({ signal }) => answer(api.GET("/api/backup/diff/{id}", { signal, params: { path: { id } } })), staleTime: idle });
}

export function useHealth(enabled = true) {
  const { api } = useServices();
  return useQuery({
    queryKey: ["health"],
    enabled,
    queryFn: async ({ signal }): Promise<Health> => {
      const got = await whole(api.GET("/api/health", { signal }));
      if (got.data) return got.data;
      // "failing" comes with the status 503.
      if (typeof got.error === "object" && got.error !== null && "checkedAt" in got.error) return got.error as Health;
      throw refusal(got.response.status, got.error);
    },
    refetchInterval: idle,
  });
}

/** Settings with the version that names them: who saves sends it back, so that nobody's change is undone unseen. */
export interface VersionedSettings extends SettingsResponse {
  version: string | null;
}

async function versioned(call: Parameters<typeof whole<SettingsResponse>>[0]): Promise<VersionedSettings> {
  const got = await whole(call);
  if (!got.data) throw refusal(got.response.status, got.error);
  return { ...got.data, version: got.response.headers.get("ETag") };
}

export function useSettings() {
  const { api } = useServices();
  return useQuery({ queryKey: ["settings"], queryFn: ({ signal }) => versioned(api.GET("/api/backup/settings", { signal })) });
}

/** useCleanupPreview asks what a cleanup would do, by the saved settings where nothing else is given; nothing changes by it. */
export function useCleanupPreview(days: number | undefined, maxBackups?: number) {
  const { api } = useServices();
  return useQuery({
    queryKey: ["backups", "cleanup", days, maxBackups],
    queryFn: ({ signal }) => answer(api.POST("/api/backup/cleanup", { signal, body: { dryRun: true, ...(days === undefined ? {} : { days }), ...(maxBackups === undefined ? {} : { maxBackups }) } })),
    placeholderData: keepPreviousData,
    staleTime: 0,
  });
}

/** useForecast asks what will be kept until a day to come. */
export function useForecast(at: string | undefined, days: number | undefined) {
  const { api } = useServices();
  return useQuery({
    queryKey: ["backups", "forecast", at, days],
    enabled: !!at,
    queryFn: ({ signal }) => answer(api.POST("/api/backup/cleanup", { signal, body: { dryRun: true, ...(at ? { at } : {}), ...(days === undefined ? {} : { days }) } })),
    placeholderData: keepPreviousData,
  });
}

/** useActions gives what changes something. Each makes stale what it changed. */
export function useActions() {
  const { api } = useServices();
  const client = useQueryClient();
  const stale = () => Promise.all([client.invalidateQueries({ queryKey: ["backups"] }), client.invalidateQueries({ queryKey: ["audit"] })]);
  const at = (id: string) => ({ params: { path: { id } } });

  return {
    stale,
    create: useMutation({
      mutationFn: ({ options, key }: { options: Options; key: string }) =>
        answer(api.POST("/api/backup/create", { params: { header: { "Idempotency-Key": key } }, body: { options } })),
      onSuccess: (backup: Backup) => {
        client.setQueryData(["backups", "one", backup.id], backup);
        return stale();
      },
    }),
    cancel: useMutation({ mutationFn: (id: string) => answer(api.POST("/api/backup/cancel/{id}", at(id))), onSettled: stale }),
    validate: useMutation({ mutationFn: (id: string) => answer(api.POST("/api/backup/validate/{id}", at(id))), onSettled: stale }),
    download: useMutation({
      mutationFn: async (id: string) => {
        const asked = Date.now();
        const link = await answer(api.GET("/api/backup/download/{id}", at(id)));
        // The end by the user's clock, which may not be the server's.
        return { ...link, until: asked + link.expiresIn * 1000 };
      },
      gcTime: 0,
    }),
    saveSettings: useMutation({
      mutationFn: ({ settings, version }: { settings: Settings; version: string | null }) =>
        versioned(api.PUT("/api/backup/settings", { params: { header: version ? { "If-Match": version } : {} }, body: settings })),
      onSuccess: (saved) => {
        client.setQueryData(["settings"], saved);
        return stale();
      },
    }),
    cleanup: useMutation({
      mutationFn: (days: number | undefined) => answer(api.POST("/api/backup/cleanup", { body: days === undefined ? {} : { days } })),
      onSettled: stale,
    }),
    /** read and remove do not make anything stale: whoever removes several does so at the end. */
    read: (id: string) => answer(api.GET("/api/backup/{id}", at(id))),
    remove: (id: string) => answer(api.DELETE("/api/backup/{id}", at(id))),
  };
}
