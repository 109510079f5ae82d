// What is said where one signs in, in English. Its shape is the one that the other languages must have.

export const signInEn = {
  title: "Sign in",
  button: "Sign in",
  leaving: "Opening the sign-in page…",
  oidc: (host: string) => `You will sign in at ${host} and return here.`,
  expired: "Your session has expired. Sign in to come back to this page. What was not saved has to be entered again.",
  signedOut: "You are signed out.",
  development: "Development sign-in",
  developmentHint: "Anyone who knows the secret that cofre serve printed at its start can take any role. It exists only on this machine's own address, never in production.",
  secret: "Secret that the server printed",
  roles: {
    SUPERADMIN: "full access",
    ADMIN: "full access",
    SUPERVISOR: "can view and download",
    USUARIO: "no access",
  },
  problems: {
    provider_unreachable: "Cannot reach the identity provider",
    provider_wrong: "The identity provider is not the configured one",
    refused: "Sign-in was denied",
    state_mismatch: "This response is not from a sign-in in this window. Sign in again",
    token_refused: "Sign-in could not be completed. Sign in again",
    token_wrong: "The identity provider sent an invalid response",
    secret_wrong: "Wrong secret. Each start of cofre serve prints another one",
    server_unreachable: "Cannot reach the server",
  },
};

export type SignInWords = typeof signInEn;
