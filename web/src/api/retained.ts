// What is kept of a source, for its chart: the records say why.

import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { answer, type Backup } from "./client";
import { useServices } from "./context";
import type { SourceSettings } from "./sources";

const page = 200;

/** mostKept is how many are asked for. */
export const mostKept = 5 * page;

/** useRetained asks for the successful backups of a source, one page after another, the newest first. more tells that there are others. */
export function useRetained(source: string) {
  const { api } = useServices();
  return useQuery({
    queryKey: ["backups", "retained", source],
    queryFn: async ({ signal }) => {
      const backups: Backup[] = [];
      let cursor: string | undefined;
      do {
        const got = await answer(api.GET("/api/backup/list", { signal, params: { query: { source, status: "success", limit: page, ...(cursor ? { cursor } : {}) } } }));
        backups.push(...got.backups);
        cursor = got.next;
      } while (cursor && backups.length < mostKept);
      return { backups, more: Boolean(cursor) };
    },
  });
}

/** useAsIf asks what a cleanup would do if a source were set so; nothing is saved by that. Nothing is asked without settings. */
export function useAsIf(settings: SourceSettings | undefined) {
  const { api } = useServices();
  return useQuery({
    queryKey: ["backups", "as if", settings],
    enabled: settings !== undefined,
    queryFn: ({ signal }) => answer(api.POST("/api/backup/cleanup", { signal, body: { dryRun: true, as: settings! } })),
    placeholderData: keepPreviousData,
    retry: false,
  });
}
