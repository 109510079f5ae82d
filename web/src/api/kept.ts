// Second locations and channels: what is asked of the API about them. Loaded with their screens.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { answer, ApiError } from "./client";
import { useServices } from "./context";
import type { components } from "./schema";

type Schemas = components["schemas"];
export type Origin = Schemas["Origin"];
export type SecretInput = Schemas["SecretInput"];
export type SecretShown = Schemas["Secret"];
export type Place = Schemas["Place"];
export type PlaceDetails = Schemas["PlaceDetails"];
export type PlaceSettings = Schemas["PlaceSettings"];
export type PlaceCredentials = Schemas["PlaceCredentials"];
export type PlaceTest = Schemas["TestPlaceResponse"];
export type Channel = Schemas["Channel"];
export type ChannelDetails = Schemas["ChannelDetails"];
export type ChannelSettings = Schemas["ChannelSettings"];
export type ChannelTest = Schemas["TestChannelResponse"];

/** What is kept under a name is asked for when its screen opens, and not again while somebody types: what changed meanwhile is told when it is saved. */
export const once = { staleTime: 0, gcTime: 0, refetchOnWindowFocus: false, refetchOnReconnect: false } as const;
export const at = (name: string) => ({ params: { path: { name } } });

/** useStale makes the lists stale, and what is shown of one of them, unless that is gone. */
export function useStale(gone = false) {
  const client = useQueryClient();
  return () => Promise.all([
    client.invalidateQueries({ queryKey: ["kept"], predicate: (q) => !gone || q.queryKey.length === 2 }),
    ...["backups", "audit"].map((key) => client.invalidateQueries({ queryKey: [key], refetchType: "none" })),
  ]);
}

export function usePlaces(enabled = true) {
  const { api } = useServices();
  return useQuery({ queryKey: ["kept", "places"], enabled, queryFn: ({ signal }) => answer(api.GET("/api/place/list", { signal })) });
}

export function usePlace(name: string, enabled: boolean) {
  const { api } = useServices();
  return useQuery({ queryKey: ["kept", "place", name], enabled, ...once, queryFn: ({ signal }) => answer(api.GET("/api/place/{name}", { signal, ...at(name) })) });
}

export function usePlaceActions() {
  const { api } = useServices();
  const [onSuccess, onGone] = [useStale(), useStale(true)];
  return {
    create: useMutation({ mutationFn: (body: Schemas["CreatePlaceRequest"]) => answer(api.POST("/api/place/create", { body })), onSuccess }),
    put: useMutation({ mutationFn: ({ name, body }: { name: string; body: Schemas["PutPlaceRequest"] }) => answer(api.PUT("/api/place/{name}", { ...at(name), body })), onSuccess }),
    remove: useMutation({ mutationFn: (name: string) => answer(api.DELETE("/api/place/{name}", at(name))), onSuccess: onGone }),
    test: useMutation({ mutationFn: (body: Schemas["TestPlaceRequest"]) => answer(api.POST("/api/place/test", { body })), gcTime: 0 }),
  };
}

export function useChannels() {
  const { api } = useServices();
  return useQuery({ queryKey: ["kept", "channels"], queryFn: ({ signal }) => answer(api.GET("/api/channel/list", { signal })) });
}

export function useChannel(name: string, enabled: boolean) {
  const { api } = useServices();
  return useQuery({ queryKey: ["kept", "channel", name], enabled, ...once, queryFn: ({ signal }) => answer(api.GET("/api/channel/{name}", { signal, ...at(name) })) });
}

export function useChannelActions() {
  const { api } = useServices();
  const [onSuccess, onGone] = [useStale(), useStale(true)];
  return {
    create: useMutation({ mutationFn: (body: Schemas["CreateChannelRequest"]) => answer(api.POST("/api/channel/create", { body })), onSuccess }),
    put: useMutation({ mutationFn: ({ name, body }: { name: string; body: Schemas["PutChannelRequest"] }) => answer(api.PUT("/api/channel/{name}", { ...at(name), body })), onSuccess }),
    remove: useMutation({ mutationFn: (name: string) => answer(api.DELETE("/api/channel/{name}", at(name))), onSuccess: onGone }),
    /** try sends a test message as the channel would after the change; test as it is. */
    attempt: useMutation({ mutationFn: (body: Schemas["TryChannelRequest"]) => answer(api.POST("/api/channel/test", { body })), gcTime: 0 }),
    test: useMutation({ mutationFn: (name: string) => answer(api.POST("/api/channel/test/{name}", at(name))), gcTime: 0 }),
  };
}

/** Wrong is what the API says of single keys of what was sent, by key: "schedule", "retention.keepLast". */
export type Wrong = ReadonlyMap<string, Pick<Schemas["FieldError"], "detail" | "wordings">>;

/** wrongKeys finds the keys that a refusal speaks of: those of the contract by their place in the body, and those that the service's own words begin with. */
export function wrongKeys(error: unknown): Wrong {
  const found = new Map<string, Pick<Schemas["FieldError"], "detail" | "wordings">>();
  if (!(error instanceof ApiError) || !error.problem) return found;
  const { errors, detail, reason, wordings } = error.problem;
  for (const e of errors ?? []) {
    const key = e.at.replace(/^\/(settings\/)?/, "").replaceAll("/", ".");
    if (!found.has(key)) found.set(key, e);
  }
  if (reason === "already_exists") found.set("name", { detail, ...(wordings ? { wordings } : {}) });
  // "maxAge: …", also behind a few words of what was done.
  const said = /(?:^|: )([a-z][A-Za-z]*(?:\.[A-Za-z]+)*)(?: and [a-z]\w*)?: (.+)$/s.exec(detail);
  if (said && found.size === 0) {
    const key = said[1]!;
    const behind = (text = "") => text.startsWith(`${key}: `) ? text.slice(key.length + 2) : text.split(`: ${key}: `)[1];
    const others = wordings?.flatMap((w) => { const text = behind(w.text); return text ? [{ language: w.language, text }] : []; });
    found.set(key, { detail: said[2]!, ...(others?.length ? { wordings: others } : {}) });
  }
  return found;
}

/** wrongOf gives what is wrong with a key, or with something below it. */
export function wrongOf(wrong: Wrong, ...keys: string[]) {
  for (const [key, what] of wrong) {
    if (keys.some((k) => key === k || key.startsWith(`${k}.`))) return what;
  }
  return undefined;
}

/** isConflict: what is kept was changed by somebody else since it was read. */
export const isConflict = (error: unknown): boolean =>
  error instanceof ApiError && (error.status === 412 || (error.status === 409 && error.problem?.reason === "precondition_failed"));
