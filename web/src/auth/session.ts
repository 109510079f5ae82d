// The token that stands for the user. It lives in memory and, so that a reload does not sign out, in the tab's session
// storage; never in local storage, and never in an address.

export interface Session {
  token: string;
  /** Milliseconds since 1970. The API decides; this is only for not sending what has expired. */
  expiresAt: number;
  /** For ending the provider's session. */
  idToken?: string;
}

/** Why there is no session. */
export type Ended = "never" | "expired" | "signed_out";

export interface SessionState {
  session: Session | undefined;
  ended: Ended;
}

const key = "cofre.session";

/** SessionStore holds the session and tells whoever listens when it begins or ends. */
export class SessionStore {
  private state: SessionState;
  private listeners = new Set<() => void>();

  constructor(
    private readonly storage: Storage,
    now: number,
  ) {
    const kept = read(storage);
    const valid = kept !== undefined && kept.expiresAt > now;
    this.state = { session: valid ? kept : undefined, ended: kept && !valid ? "expired" : "never" };
    if (kept && !valid) storage.removeItem(key);
  }

  get = (): SessionState => this.state;

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  begin(session: Session): void {
    this.storage.setItem(key, JSON.stringify(session));
    this.change({ session, ended: "never" });
  }

  /** end forgets the session. With a token it does so only if that is still the current one: a late answer to an old
   * token does not end a new session. */
  end(why: Ended, token?: string): void {
    if (token !== undefined && token !== this.state.session?.token) return;
    this.storage.removeItem(key);
    this.change({ session: undefined, ended: why });
  }

  private change(state: SessionState): void {
    this.state = state;
    for (const listener of this.listeners) listener();
  }
}

function read(storage: Storage): Session | undefined {
  try {
    const kept = JSON.parse(storage.getItem(key) ?? "null") as Partial<Session> | null;
    return typeof kept?.token === "string" && typeof kept.expiresAt === "number" ? (kept as Session) : undefined;
  } catch {
    return undefined;
  }
}
