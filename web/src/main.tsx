// Starts the app: configuration, an answer of the provider if this is one, and then the screens.

import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { createApi } from "./api/client";
import { ServicesContext } from "./api/context";
import { createQueryClient } from "./api/first";
import { App, loadSignIn } from "./App";
import { isAnswer } from "./auth/answer";
import { takeSecret } from "./auth/development";
import type { SignInError } from "./auth/oidc";
import { SessionStore } from "./auth/session";
import { Boundary, Broken } from "./components/Boundary";
import { loadConfig, type Config } from "./config";
import { chooseLanguage, LanguageProvider, loadCatalogue, wantedLanguage, type Language } from "./i18n";
import type { Messages } from "./i18n/en";
import { applyTheme } from "./theme";
import "./styles.css";
import "./screens/home/home.css";

/** What is said when there is no catalogue to say it from. */
const plain = { en: ["cofre did not start", "Try again"], "pt-BR": ["O cofre não iniciou", "Tentar de novo"] } as const;

function CannotStart({ error, language, messages }: { error: unknown; language: Language; messages: Messages | undefined }) {
  const [title, again] = messages ? [messages.states.noConfig, messages.states.tryAgain] : plain[language];
  return <main className="sign-in" id="main" lang={language}><Broken title={title} again={again} error={error} /></main>;
}

/** finishSignIn takes the provider's answer out of the address before anything else happens, and makes a session of it. */
async function finishSignIn(config: Config, search: string, sessions: SessionStore): Promise<SignInError | undefined> {
  const { complete, redirectUri, SignInError, takePending } = await import("./auth/oidc");
  const pending = takePending(sessionStorage);
  history.replaceState(null, "", location.pathname + (pending?.returnTo ?? ""));
  if (config.auth.mode !== "oidc") return undefined;
  try {
    sessions.begin(await complete(config.auth, redirectUri(location), search, pending, Date.now()));
    return undefined;
  } catch (err) {
    return err instanceof SignInError ? err : new SignInError("token_wrong", String(err));
  }
}

async function start(): Promise<void> {
  const root = createRoot(document.getElementById("root")!);
  let language = chooseLanguage(null, navigator.languages);
  let messages: Messages | undefined;
  try {
    const search = location.search;
    takeSecret(sessionStorage);
    if (isAnswer(search)) history.replaceState(null, "", location.pathname + location.hash);
    applyTheme();
    // Who is not signed in needs that screen at once; the others may need it when there is no way to fetch it.
    const signedIn = sessionStorage.getItem("cofre.session") !== null;
    const signIn = signedIn ? undefined : loadSignIn();
    language = wantedLanguage();
    messages = await loadCatalogue[language]();
    const config = await loadConfig();
    const sessions = new SessionStore(sessionStorage, Date.now());
    const problem = isAnswer(search) ? await finishSignIn(config, search, sessions) : undefined;
    await signIn;
    const services = { config, sessions, api: createApi(config.api, sessions) };
    root.render(
      <StrictMode>
        <LanguageProvider initial={language} messages={messages}>
          <QueryClientProvider client={createQueryClient()}>
            <ServicesContext value={services}>
              <Boundary><App problem={problem} /></Boundary>
            </ServicesContext>
          </QueryClientProvider>
        </LanguageProvider>
      </StrictMode>,
    );
    void import("./focus").then((m) => m.keepFocus()).catch(() => {}); // without it the page works, too
    if (signedIn) setTimeout(() => void loadSignIn().catch(() => {}), 5_000);
  } catch (err) {
    root.render(<CannotStart error={err} language={language} messages={messages} />);
  }
}

void start();
