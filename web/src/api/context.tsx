// What every screen needs: the API, the configuration, and who the user is.

import { createContext, useContext } from "react";
import type { SessionStore } from "../auth/session";
import type { Config } from "../config";
import type { Api, SessionInfo } from "./client";

export interface Services {
  api: Api;
  config: Config;
  sessions: SessionStore;
}

export const ServicesContext = createContext<Services | null>(null);

export function useServices(): Services {
  const services = useContext(ServicesContext);
  if (!services) throw new Error("useServices outside ServicesContext");
  return services;
}

/** What a role may do, as in x-permission of the contract. */
export type Permission =
  | "create" | "list" | "download" | "validate" | "cancel" | "delete" | "cleanup" | "pin"
  | "settings_read" | "settings_write" | "audit" | "metrics" | "restore" | "sources" | "places" | "channels";

export const SessionContext = createContext<SessionInfo | null>(null);

/** useMay tells what the user may do. What may not be done is not shown; the API refuses it all the same. */
export function useMay(): (permission: Permission) => boolean {
  const session = useContext(SessionContext);
  return (permission) => session?.permissions.includes(permission) ?? false;
}
