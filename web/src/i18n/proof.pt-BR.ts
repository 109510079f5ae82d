// O que se diz dos testes de restauração e de até onde um backup foi verificado, em português do Brasil.

import { counting } from "./count";
import type { ProofWords } from "./proof.en";

const { n, s } = counting("pt-BR");

export const proofPtBR: ProofWords = {
  title: "Até onde foi verificado",
  inPart: "em parte",
  damaged: "corrompido",
  steps: { stored: "Armazenado", checked: "Verificado", read: "Relido", restored: "Restaurado", proven: "Comprovado" },
  prove: "Testar a restauração",
  proving: "Testando a restauração…",
  note: "O backup é restaurado em um servidor próprio e todas as linhas são comparadas. Pode demorar; você pode sair desta página.",
  waiting: (since) => `Aguarda a vez desde ${since}.`,
  running: (since, doing) => `Em andamento desde ${since}: ${doing}.`,
  read: (done, all) => `${done} de ${all} lidos`,
  progress: "Progresso do teste de restauração",
  last: {
    title: "O que o último teste de restauração comparou",
    own: (version) => `em um servidor próprio, PostgreSQL ${version}`,
    target: (name, version) => `no servidor do destino ${name}, PostgreSQL ${version}`,
    where: "Onde",
    rows: "Linhas",
    tables: (rows, tables) => `${rows} em ${s(tables, "tabela")}`,
    of: (rows, all) => `${rows} de ${all}`,
    took: "A restauração levou",
    without: "Não comparado",
    more: (count) => `e mais ${n(count)}`,
    checks: "Suas verificações",
    outcomes: { passed: "passou", failed: "falhou", unanswered: "o servidor não conseguiu responder", not_asked: "não foi executada: só uma amostra foi restaurada" },
  },
  doing: { checking: "verificando o arquivo", counting: "contando o conteúdo do arquivo", starting: "iniciando um servidor", restoring: "restaurando", comparing: "comparando" },
  failed: (at) => `Não foi possível executar o teste de restauração (${at}). Isso não diz nada sobre o backup.`,
};
