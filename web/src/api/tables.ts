// All tables of a backup, for a form that chooses among them.

import { useQuery } from "@tanstack/react-query";
import { answer } from "./client";
import { useServices } from "./context";

const page = 1000;

/** mostTables is how many are asked for. */
export const mostTables = 10 * page;

/** useAllTables asks for one page after another, by name. They never change. matching is how many there are. */
export function useAllTables(id: string, enabled: boolean) {
  const { api } = useServices();
  return useQuery({
    queryKey: ["contents", id, "tables"],
    enabled,
    queryFn: async ({ signal }) => {
      const ask = (offset: number) => answer(api.GET("/api/backup/contents/{id}", { signal, params: { path: { id }, query: { limit: page, sort: "name", offset } } }));
      const { tables, matching } = await ask(0);
      while (tables.length < Math.min(matching, mostTables)) {
        const more = (await ask(tables.length)).tables;
        if (more.length === 0) break;
        tables.push(...more);
      }
      return { tables, matching };
    },
    staleTime: Infinity,
  });
}
