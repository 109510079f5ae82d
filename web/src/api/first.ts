// Server state of the first screen: what it asks of the API, and how often. The other screens' is in queries.ts.

import { keepPreviousData, QueryClient, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { readersZone } from "../format";
import { listQuery, type Filters } from "../url";
import { answer, ApiError } from "./client";
import { useServices } from "./context";

/** createQueryClient: what the API refused is not asked again by itself; what did not arrive is, twice. */
export function createQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        networkMode: "always",
        staleTime: 5_000,
        retry: (count, err) => count < 2 && err instanceof ApiError && (err.unreachable || [502, 503, 504].includes(err.status)),
        retryDelay: (count) => 500 * 2 ** count,
      },
      mutations: { networkMode: "always", retry: false },
    },
  });
}

const pageSize = 25;

/** How often what is shown is asked for again, in milliseconds: while a backup is being made, and otherwise. Each question costs the
 * server a record in its audit trail, so it is seldom; nothing is asked while the page is hidden. */
const busy = 5_000;
export const idle = 60_000;

export function useSession() {
  const { api } = useServices();
  return useQuery({ queryKey: ["session"], queryFn: ({ signal }) => answer(api.GET("/api/session", { signal })), staleTime: Infinity });
}

/** useMetrics asks for the figures, by days of the reader's zone; by those of UTC where the server does not know that zone. */
export function useMetrics(source: string | undefined) {
  const { api } = useServices();
  return useQuery({
    queryKey: ["backups", "metrics", source],
    queryFn: async ({ signal }) => {
      const ask = (query: { tz?: string }) => answer(api.GET("/api/metrics/summary", { signal, params: { query: { ...query, ...(source ? { source } : {}) } } }));
      try {
        return await ask({ tz: readersZone() });
      } catch (err) {
        if (err instanceof ApiError && (err.status === 400 || err.status === 422)) return ask({});
        throw err;
      }
    },
    placeholderData: keepPreviousData,
    // Not behind other tabs, where nobody reads it: whoever comes back gets it anew.
    refetchInterval: idle,
  });
}

/** useBackups lists by pages. While one of them is being made the list is asked for more often. */
export function useBackups(filters: Filters) {
  const { api } = useServices();
  const query = listQuery(filters);
  return useInfiniteQuery({
    queryKey: ["backups", "list", query],
    queryFn: ({ signal, pageParam }) =>
      answer(api.GET("/api/backup/list", { signal, params: { query: { ...query, limit: pageSize, ...(pageParam ? { cursor: pageParam } : {}) } } })),
    initialPageParam: "",
    getNextPageParam: (page) => page.next,
    placeholderData: keepPreviousData,
    refetchInterval: (q) => (q.state.data?.pages.some((p) => p.backups.some((b) => b.status === "in_progress")) ? busy : idle),
  });
}

/** useRunning lists what is being made. */
export function useRunning(source: string | undefined) {
  const { api } = useServices();
  return useQuery({
    queryKey: ["backups", "running", source],
    queryFn: ({ signal }) => answer(api.GET("/api/backup/list", { signal, params: { query: { status: "in_progress", ...(source ? { source } : {}) } } })),
    refetchInterval: (q) => (q.state.data?.backups.length ? busy : idle),
  });
}
