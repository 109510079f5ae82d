// Signed in or not, and which screen.

import { lazy, Suspense, useEffect, useRef, useState, useSyncExternalStore, type ReactNode } from "react";
import { useQueryClient } from "@tanstack/react-query";
import { SessionContext, useMay, useServices } from "./api/context";
import { useSession } from "./api/first";
import type { SessionInfo } from "./api/client";
import type { SignInError } from "./auth/oidc";
import { Boundary } from "./components/Boundary";
import { Badge, Icon, Page, type IconName } from "./components/basics";
import { Empty, Gone, Loading, Missing, Offline } from "./components/states";
import { KeysSwitch, LanguageSwitch, ThemeSwitch } from "./components/Switches";
import { useText, wantedLanguage } from "./i18n";
import { useSignInWords } from "./i18n/signin";
import { useShortcuts } from "./keys";
import { routeOf, type Route } from "./routes";
import { BackupManager } from "./screens/BackupManager";
import { navigate, usePath } from "./url";

// The list is what most visits are for. The other screens are loaded when they are opened.
const AuditScreen = lazy(() => import("./screens/AuditScreen").then((m) => ({ default: m.AuditScreen })));
const BackupDetails = lazy(() => import("./screens/BackupDetails").then((m) => ({ default: m.BackupDetails })));
const CleanupPreview = lazy(() => import("./screens/CleanupPreview").then((m) => ({ default: m.CleanupPreview })));
const CreateBackupForm = lazy(() => import("./screens/CreateBackupForm").then((m) => ({ default: m.CreateBackupForm })));
const HealthScreen = lazy(() => import("./screens/HealthScreen").then((m) => ({ default: m.HealthScreen })));
const KeptScreens = lazy(() => import("./screens/kept/KeptScreens").then((m) => ({ default: m.KeptScreens })));
const Palette = lazy(() => import("./components/Palette"));
/** loadSignIn fetches that screen with its words: the others may need it when there is no way to fetch it. */
export const loadSignIn = () => Promise.all([import("./auth/SignIn"), useSignInWords.load(wantedLanguage())]).then(([m]) => m);
const SignIn = lazy(() => loadSignIn().then((m) => ({ default: m.SignIn })));
const RestoreScreen = lazy(() => import("./screens/restore/RestoreScreen").then((m) => ({ default: m.RestoreScreen })));
const SettingsScreen = lazy(() => import("./screens/SettingsScreen").then((m) => ({ default: m.SettingsScreen })));

export function App({ problem }: { problem?: SignInError | undefined }) {
  const { sessions } = useServices();
  const client = useQueryClient();
  const state = useSyncExternalStore(sessions.subscribe, sessions.get);
  const token = state.session?.token;
  // Nothing of one user's is left for the next.
  useEffect(() => {
    if (!token) client.clear();
  }, [token, client]);
  // The token's end is known: whoever comes back to an old tab is asked to sign in, and not shown errors.
  useEffect(() => {
    if (!state.session) return;
    const left = Math.min(state.session.expiresAt - Date.now(), 2 ** 31 - 1);
    const timer = setTimeout(() => sessions.end("expired", state.session?.token), Math.max(0, left));
    return () => clearTimeout(timer);
  }, [state.session, sessions]);

  return (
    <>
      <Offline />
      {token && <Gone />}
      {token ? <SignedIn key={token} /> : <Suspense fallback={null}><SignIn ended={state.ended} problem={problem} /></Suspense>}
    </>
  );
}

function SignedIn() {
  const { t } = useText();
  const session = useSession();
  if (!session.data) {
    return <Frame session={null}>{session.error ? <Missing query={session} /> : <Loading rows={6} />}</Frame>;
  }
  return (
    <SessionContext value={session.data}>
      <Frame session={session.data}>
        {session.data.permissions.includes("list") ? <Suspense fallback={<Loading rows={6} />}><Screens session={session.data} /></Suspense> : <Page title={t.noAccess.title}><Empty title={t.noAccess.text} /></Page>}
      </Frame>
    </SessionContext>
  );
}

function Screens({ session }: { session: SessionInfo }) {
  const { t } = useText();
  const may = useMay();
  const path = usePath();
  const { route, name = "" } = routeOf(path) ?? {};
  const kept = <KeptScreens path={path} />;
  const screens: Record<Route, ReactNode> = {
    home: <BackupManager userRole={session.role} />,
    backup: <BackupDetails key={name} id={name} />,
    create: may("create") && <CreateBackupForm onBackupCreated={(b) => navigate(`/backups/${b.id}`, { replace: true })} />,
    restores: <RestoreScreen id={undefined} />,
    restore: <RestoreScreen id={name} />,
    cleanup: may("cleanup") && <CleanupPreview />,
    audit: may("audit") && <AuditScreen />,
    health: may("metrics") && <HealthScreen />,
    settings: may("settings_read") ? <SettingsScreen /> : kept,
    sources: kept, newSource: kept, source: kept,
    places: kept, newPlace: kept, place: kept,
    channels: kept, newChannel: kept, channel: kept,
  };
  return (route && screens[route]) || <Page title={t.notFound.title}><Empty title={t.notFound.text}><a className="button" href="#/">{t.pages.toList}</a></Empty></Page>;
}

function Frame({ session, children }: { session: SessionInfo | null; children: ReactNode }) {
  const { t } = useText();
  const { config, sessions } = useServices();
  const path = usePath();
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  // A new screen begins at its top, for the keyboard and the screen reader too.
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    main.current?.focus({ preventScroll: true });
    scrollTo?.(0, 0);
  }, [path]);
  const may = (p: string) => session?.permissions.includes(p) ?? false;
  const links: [string, string, IconName, boolean][] = [
    ["/", t.nav.backups, "home", may("list")],
    ["/restore", t.nav.restore, "back", may("restore")],
    ["/cleanup", t.nav.cleanup, "trash", may("cleanup")],
    ["/health", t.nav.health, "pulse", may("metrics")],
    ["/audit", t.nav.audit, "trail", may("audit")],
    ["/settings", t.nav.settings, "set", may("list")],
  ];
  const shown = links.filter(([, , , one]) => one);
  const [palette, setPalette] = useState(false);
  const toSearch = () => document.getElementById("search")?.focus();
  useShortcuts(() => setPalette(may("list")), () => {
    if (path === "/") return toSearch();
    if (!may("list")) return;
    navigate("/");
    setTimeout(toSearch);
  });
  const signOut = async () => {
    const idToken = sessions.get().session?.idToken;
    sessions.end("signed_out");
    if (config.auth.mode !== "oidc") return;
    const { redirectUri, signOutUrl } = await import("./auth/oidc");
    const url = await signOutUrl(config.auth, redirectUri(location), idToken);
    if (url) location.assign(url);
  };
  return (
    <>
      <a className="skip" href="#main" onClick={(e) => { e.preventDefault(); main.current?.focus(); }}>{t.nav.skip}</a>
      <div id="skips" />
      <header className="top">
        <a className="brand" href="#/"><img src="./icon.svg" alt="" width="28" height="28" /><span>cofre</span></a>
        {may("list") && (
          <button type="button" className="finder" aria-keyshortcuts="Control+K Meta+K" onClick={() => setPalette(true)}>
            <Icon name="search" /><span>{t.front.keys.search}</span><kbd>Ctrl K</kbd>
          </button>
        )}
        {shown.length > 0 && (
          <nav aria-label={t.nav.main}>
            {shown.map(([to, name, icon]) => (
              <a key={to} href={`#${to}`} aria-current={path === to || path.startsWith(to === "/" ? "/backups/" : `${to}/`) || (to === "/" && path === "/new") ? "page" : undefined}><Icon name={icon} />{name}</a>
            ))}
          </nav>
        )}
        <div className="who">
          {config.auth.mode === "development" && <Badge tone="warn">{t.development}</Badge>}
          <button type="button" popoverTarget="account">{session?.role || t.noAccess.noRole}<span aria-hidden="true">▾</span><span className="hidden">{t.nav.account}</span></button>
          <div id="account" popover="auto" role="group" aria-label={t.nav.account}>
            {session && <p><strong>{session.name || session.subject}</strong><br /><span className="muted">{session.role || t.noAccess.noRole}</span></p>}
            <LanguageSwitch />
            <ThemeSwitch />
            <KeysSwitch />
            <button type="button" onClick={signOut}>{t.nav.signOut}</button>
          </div>
        </div>
      </header>
      <main id="main" ref={main} tabIndex={-1}><Boundary key={path}>{children}</Boundary></main>
      {palette && <SessionContext value={session}><Suspense fallback={null}><Palette onClose={() => setPalette(false)} /></Suspense></SessionContext>}
    </>
  );
}
