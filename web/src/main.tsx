// Starts the app: configuration, an answer of the provider if this is one, and then the screens.

import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { createApi } from "./api/client";
import { ServicesContext } from "./api/context";
import { createQueryClient } from "./api/queries";
import { App } from "./App";
import { complete, isAnswer, redirectUri, SignInError, takePending } from "./auth/oidc";
import { SessionStore } from "./auth/session";
import { Boundary, Broken } from "./components/Boundary";
import { loadConfig, type Config } from "./config";
import { LanguageProvider, loadCatalogue, useText, wantedLanguage } from "./i18n";
import { applyTheme } from "./theme";
import "./styles.css";

function CannotStart({ error }: { error: unknown }) {
  return <main className="sign-in" id="main"><Broken title={useText().t.states.noConfig} error={error} /></main>;
}

/** finishSignIn takes the provider's answer out of the address before anything else happens, and makes a session of it. */
async function finishSignIn(config: Config, search: string, sessions: SessionStore): Promise<SignInError | undefined> {
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
  applyTheme();
  const search = location.search;
  if (isAnswer(search)) history.replaceState(null, "", location.pathname + location.hash);
  const root = createRoot(document.getElementById("root")!);
  const initial = wantedLanguage();
  const messages = await loadCatalogue[initial]();
  try {
    const config = await loadConfig();
    const sessions = new SessionStore(sessionStorage, Date.now());
    const problem = isAnswer(search) ? await finishSignIn(config, search, sessions) : undefined;
    const services = { config, sessions, api: createApi(config.api, sessions) };
    root.render(
      <StrictMode>
        <LanguageProvider initial={initial} messages={messages}>
          <QueryClientProvider client={createQueryClient()}>
            <ServicesContext value={services}>
              <Boundary><App problem={problem} /></Boundary>
            </ServicesContext>
          </QueryClientProvider>
        </LanguageProvider>
      </StrictMode>,
    );
  } catch (err) {
    root.render(<LanguageProvider initial={initial} messages={messages}><CannotStart error={err} /></LanguageProvider>);
  }
}

void start();
