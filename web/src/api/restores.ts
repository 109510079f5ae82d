// Restores: what is asked of the API about them. Loaded with their screens.

import { keepPreviousData, useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { answer, refusal, whole } from "./client";
import { useServices } from "./context";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type Restore = Schemas["Restore"];
export type RestoreMode = Schemas["RestoreMode"];
export type RestoreOrder = Schemas["CreateRestoreRequest"];
export type RestorePlan = Schemas["RestorePlan"];
export type RestoreTarget = Schemas["RestoreTarget"];
export type SwitchOrder = Schemas["SwitchRequest"];
export type SwitchReport = Schemas["SwitchReport"];
export type RestoreGlobals = Schemas["RestoreGlobals"];

/** live reports whether a restore may still change something. */
export const live = (x: Restore): boolean => x.state === "reserved" || x.state === "running";

/** useTargets asks where restores may go. */
export function useTargets() {
  const { api } = useServices();
  return useQuery({ queryKey: ["restores", "targets"], queryFn: ({ signal }) => answer(api.GET("/api/restore/targets", { signal })), staleTime: 60_000 });
}

/** usePlan asks what a restore would do; nothing changes by it. It is asked anew when the order is another one, or by hand. */
export function usePlan(order: RestoreOrder | undefined) {
  const { api } = useServices();
  return useQuery({
    queryKey: ["restores", "plan", order],
    enabled: order !== undefined,
    queryFn: ({ signal }) => answer(api.POST("/api/restore/plan", { signal, body: order! })),
    staleTime: 30_000,
    gcTime: 60_000,
    refetchOnWindowFocus: false,
    retry: false,
  });
}

/** useGoodBackups lists the successful backups of a source by pages, newest first. */
export function useGoodBackups(source: string, enabled = true) {
  const { api } = useServices();
  return useInfiniteQuery({
    queryKey: ["backups", "good", source],
    enabled,
    queryFn: ({ signal, pageParam }) =>
      answer(api.GET("/api/backup/list", { signal, params: { query: { source, status: "success", limit: 30, ...(pageParam ? { cursor: pageParam } : {}) } } })),
    initialPageParam: "",
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
  });
}

/** useRestores lists the newest restores by pages. */
export function useRestores() {
  const { api } = useServices();
  return useInfiniteQuery({
    queryKey: ["restores", "list"],
    queryFn: ({ signal, pageParam }) => answer(api.GET("/api/restore/list", { signal, params: { query: { limit: 10, ...(pageParam ? { cursor: pageParam } : {}) } } })),
    initialPageParam: "",
    getNextPageParam: (page) => page.next,
    refetchInterval: (q) => (q.state.data?.pages.some((p) => p.restores.some(live)) ? 5_000 : 60_000),
  });
}

/** useRestore follows a restore, as often as the API's Retry-After says, until it has ended. */
export function useRestore(id: string) {
  const { api } = useServices();
  return useQuery({
    queryKey: ["restores", "one", id],
    queryFn: async ({ signal }) => {
      const got = await whole(api.GET("/api/restore/status/{id}", { signal, params: { path: { id } } }));
      if (!got.data) throw refusal(got.response.status, got.error);
      return { record: got.data, again: Number(got.response.headers.get("Retry-After")) || 3 };
    },
    staleTime: 0,
    // Whoever is not answered asks on: the restore goes on, and its end is to be seen.
    refetchInterval: (q) => (q.state.data ? live(q.state.data.record) && q.state.data.again * 1000 : false),
  });
}

/** useRestoreActions gives what changes something. */
export function useRestoreActions() {
  const { api } = useServices();
  const client = useQueryClient();
  const stale = () => Promise.all([
    client.invalidateQueries({ queryKey: ["restores", "list"] }), client.invalidateQueries({ queryKey: ["restores", "one"] }), client.invalidateQueries({ queryKey: ["audit"] }),
  ]);
  return {
    start: useMutation({
      mutationFn: ({ order, key }: { order: RestoreOrder; key: string }) =>
        answer(api.POST("/api/restore/create", { params: { header: { "Idempotency-Key": key } }, body: order })),
      onSuccess: stale,
    }),
    cancel: useMutation({ mutationFn: (id: string) => answer(api.POST("/api/restore/cancel/{id}", { params: { path: { id } } })), onSettled: stale }),
  };
}

/** useSwitchPlan asks what a switch of databases would rename, and who is connected; nothing changes by it. */
export function useSwitchPlan(order: SwitchOrder) {
  const { api } = useServices();
  return useQuery({
    queryKey: ["restores", "switch", order],
    queryFn: ({ signal }) => answer(api.POST("/api/restore/switch", { signal, body: { ...order, dryRun: true } })),
    staleTime: 0,
    gcTime: 0,
    refetchOnWindowFocus: false,
    retry: false,
  });
}

/** useSwitch renames databases. Whatever comes of it, the record of the restore is read again. */
export function useSwitch() {
  const { api } = useServices();
  const client = useQueryClient();
  return useMutation({
    mutationFn: (order: SwitchOrder) => answer(api.POST("/api/restore/switch", { body: order })),
    onSettled: () => Promise.all([client.invalidateQueries({ queryKey: ["restores", "one"] }), client.invalidateQueries({ queryKey: ["audit"] })]),
  });
}
