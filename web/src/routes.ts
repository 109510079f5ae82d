// Where each screen is: App shows one for each of them, and in a browser each is looked at (e2e/states.mjs).

/** A part that begins with ":" is an id or a name. What is named outright comes before it: no source is called "create". */
export const routes = {
  home: "/",
  backup: "/backups/:id",
  create: "/new",
  restores: "/restore",
  restore: "/restore/:id",
  cleanup: "/cleanup",
  audit: "/audit",
  health: "/health",
  settings: "/settings",
  sources: "/settings/sources",
  newSource: "/settings/sources/create",
  source: "/settings/sources/:name",
  places: "/settings/places",
  newPlace: "/settings/places/create",
  place: "/settings/places/:name",
  channels: "/settings/channels",
  newChannel: "/settings/channels/create",
  channel: "/settings/channels/:name",
} as const;

export type Route = keyof typeof routes;

/** decoded gives a name of an address; what is no name, as it stands there. */
function decoded(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** routeOf tells which screen a path means, and of what. Some paths mean none. */
export function routeOf(path: string): { route: Route; name: string } | undefined {
  for (const [route, pattern] of Object.entries(routes)) {
    const open = pattern.indexOf(":");
    const name = open < 0 ? "" : path.slice(open);
    if (open < 0 ? path === pattern : path.startsWith(pattern.slice(0, open)) && /^[^/]+$/.test(name)) return { route: route as Route, name: decoded(name) };
  }
  return undefined;
}
