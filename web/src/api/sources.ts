// Sources: what is asked of the API about them.

import { useMutation, useQuery } from "@tanstack/react-query";
import { answer } from "./client";
import { useServices } from "./context";
import { at, once, useStale } from "./kept";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type Source = Schemas["Source"];
export type SourceList = Schemas["ListSourcesResponse"];
export type SourceDetails = Schemas["SourceDetails"];
export type SourceSettings = Schemas["SourceSettings"];
export type SourceConnection = Schemas["SourceConnection"];
export type ConnectionInput = Schemas["SourceConnectionInput"];
export type SourceTest = Schemas["TestSourceResponse"];

export function useSources(enabled = true) {
  const { api } = useServices();
  return useQuery({ queryKey: ["kept", "sources"], enabled, queryFn: ({ signal }) => answer(api.GET("/api/source/list", { signal })) });
}

export function useSource(name: string, enabled: boolean) {
  const { api } = useServices();
  return useQuery({ queryKey: ["kept", "source", name], enabled, ...once, queryFn: ({ signal }) => answer(api.GET("/api/source/{name}", { signal, ...at(name) })) });
}

export function useSourceActions() {
  const { api } = useServices();
  const [onSuccess, onGone] = [useStale(), useStale(true)];
  return {
    create: useMutation({ mutationFn: (body: Schemas["CreateSourceRequest"]) => answer(api.POST("/api/source/create", { body })), onSuccess }),
    put: useMutation({ mutationFn: ({ name, body }: { name: string; body: Schemas["PutSourceRequest"] }) => answer(api.PUT("/api/source/{name}", { ...at(name), body })), onSuccess }),
    remove: useMutation({ mutationFn: (name: string) => answer(api.DELETE("/api/source/{name}", at(name))), onSuccess: onGone }),
    test: useMutation({ mutationFn: (body: Schemas["TestSourceRequest"]) => answer(api.POST("/api/source/test", { body })), gcTime: 0 }),
  };
}
