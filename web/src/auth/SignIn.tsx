// Signing in: by the configured issuer, or as a role of one's choice where a developer's own machine offers it.

import { useEffect, useState } from "react";
import { answerOf, keptSecret, Refused } from "./development";
import { useServices } from "../api/context";
import { Icon } from "../components/basics";
import { LanguageSwitch, ThemeSwitch } from "../components/Switches";
import { useSignInWords } from "../i18n/signin";
import { begin, redirectUri, SignInError } from "./oidc";
import type { Ended } from "./session";

export const roles = ["SUPERADMIN", "ADMIN", "SUPERVISOR", "USUARIO"] as const;
export type Role = (typeof roles)[number];

export function SignIn({ ended, problem }: { ended: Ended; problem: SignInError | undefined }) {
  const w = useSignInWords();
  const { config } = useServices();
  return (
    <main className="sign-in" id="main">
      <div className="card">
        <p className="brand"><img src="./icon.svg" alt="" width="36" height="36" />cofre</p>
        <h1>{w.title}</h1>
        {ended === "expired" && <p className="notice warn" role="status"><Icon name="warn" />{w.expired}</p>}
        {ended === "signed_out" && <p role="status">{w.signedOut}</p>}
        {config.auth.mode === "oidc" ? <OidcSignIn problem={problem} /> : <DevelopmentSignIn />}
      </div>
      <p className="switches"><LanguageSwitch /><ThemeSwitch /></p>
    </main>
  );
}

function Trouble({ error, otherwise = "provider_unreachable" }: { error: Error; /** What an error is that says no reason. */ otherwise?: "provider_unreachable" | "server_unreachable" }) {
  const w = useSignInWords();
  const known = w.problems[error instanceof SignInError ? error.reason : error instanceof Refused ? "secret_wrong" : otherwise];
  return (
    <div className="notice bad" role="alert">
      <Icon name="bad" />
      <div><p><strong>{known}</strong></p><p lang="en" className="detail">{error.message}</p></div>
    </div>
  );
}

function OidcSignIn({ problem }: { problem: SignInError | undefined }) {
  const w = useSignInWords();
  const { config } = useServices();
  const [error, setError] = useState<Error | undefined>(problem);
  const [leaving, setLeaving] = useState(false);
  // "Back" from the provider's page may bring this one as it was left.
  useEffect(() => {
    const back = () => setLeaving(false);
    addEventListener("pageshow", back);
    return () => removeEventListener("pageshow", back);
  }, []);
  if (config.auth.mode !== "oidc") return null;
  const auth = config.auth;
  const go = async () => {
    setLeaving(true);
    setError(undefined);
    try {
      location.assign(await begin(auth, redirectUri(location), location.hash, sessionStorage));
    } catch (err) {
      setError(err instanceof Error ? err : new Error(String(err)));
      setLeaving(false);
    }
  };
  return (
    <>
      {error && <Trouble error={error} />}
      <p>{w.oidc(new URL(auth.issuer).host)}</p>
      <p><button type="button" className="primary wide" onClick={go} disabled={leaving}>{leaving ? w.leaving : w.button}</button></p>
    </>
  );
}

function DevelopmentSignIn() {
  const w = useSignInWords();
  const { sessions } = useServices();
  const [error, setError] = useState<Error | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const [secret, setSecret] = useState(() => keptSecret(sessionStorage));
  const [asks, setAsks] = useState(secret === "");
  const choose = async (role: Role) => {
    setBusy(true);
    setError(undefined);
    try {
      sessions.begin(await answerOf(role, secret.trim(), sessionStorage));
    } catch (err) {
      setAsks(true);
      setError(err instanceof Error ? err : new Error(String(err)));
      setBusy(false);
    }
  };
  return (
    <>
      <div className="notice warn"><Icon name="warn" /><div><p><strong>{w.development}</strong></p><p>{w.developmentHint}</p></div></div>
      {error && <Trouble error={error} otherwise="server_unreachable" />}
      {asks && (
        <div className="field">
          <label htmlFor="secret">{w.secret}</label>
          <input id="secret" type="password" autoComplete="off" value={secret} onChange={(e) => setSecret(e.target.value)} />
        </div>
      )}
      <ul className="roles">
        {roles.map((role) => (
          <li key={role}>
            <button type="button" onClick={() => choose(role)} disabled={busy}>
              <strong>{role}</strong><span>{w.roles[role]}</span>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}
