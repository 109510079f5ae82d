// O que se diz na tela de login, em português do Brasil.

import type { SignInWords } from "./signin.en";

export const signInPtBR: SignInWords = {
  title: "Entrar",
  button: "Entrar",
  leaving: "Abrindo a página de login…",
  oidc: (host) => `Você fará login em ${host} e voltará para cá.`,
  expired: "Sua sessão expirou. Entre de novo para voltar a esta página. O que não foi salvo precisa ser preenchido outra vez.",
  signedOut: "Você saiu.",
  development: "Login de desenvolvimento",
  developmentHint: "Quem conhece o segredo que o cofre serve mostrou ao iniciar pode assumir qualquer perfil. Este login só existe no endereço local desta máquina, nunca em produção.",
  secret: "Segredo que o servidor mostrou",
  roles: {
    SUPERADMIN: "acesso total",
    ADMIN: "acesso total",
    SUPERVISOR: "pode ver e baixar",
    USUARIO: "sem acesso",
  },
  problems: {
    provider_unreachable: "Sem conexão com o provedor de identidade",
    provider_wrong: "O provedor de identidade não é o configurado",
    refused: "O login foi recusado",
    state_mismatch: "A resposta não é de um login desta janela. Entre de novo",
    token_refused: "O login não foi concluído. Entre de novo",
    token_wrong: "O provedor de identidade deu uma resposta inválida",
    secret_wrong: "Segredo errado. O cofre serve mostra outro a cada início",
    server_unreachable: "Sem conexão com o servidor",
  },
};
