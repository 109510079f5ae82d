// O que se diz sobre qual parte do banco um backup contém, em português do Brasil.

import { counting } from "./count";
import type { CreateWords } from "./create.en";

const { n, s } = counting("pt-BR");

export const createPtBR: CreateWords = {
  legend: "Tabelas",
  modes: {
    all: ["O banco inteiro", "todos os schemas e tabelas"],
    some: ["Só algumas", "os schemas e tabelas escolhidos"],
    but: ["Todas, menos algumas", "sem os schemas e tabelas escolhidos"],
    rows: ["Todas, algumas sem linhas", "das tabelas escolhidas, só a estrutura: logs, caches"],
  },
  from: (when) => `Conforme o backup de ${when}. O que surgiu depois pode ser indicado por um padrão.`,
  unknown: "Ainda não há backup completo desta origem, então as tabelas não podem ser listadas. Indique-as por padrão.",
  otherDatabase: "Ainda não há backup deste banco, então as tabelas não podem ser listadas. Indique-as por padrão.",
  noContents: "O conteúdo do último backup não é conhecido aqui. Indique as tabelas por padrão.",
  tree: "Schemas e tabelas",
  search: "Buscar tabelas",
  none: "Nenhuma tabela corresponde.",
  schema: (name) => `Schema ${name}`,
  open: (name) => `Tabelas de ${name}`,
  count: (tables) => s(tables, "tabela"),
  rows: (rows) => s(rows, "linha"),
  partitions: "com suas partições",
  unnameable: "o nome tem caracteres que nenhum padrão aceita",
  more: (count) => `Mostrar mais ${n(count)}`,
  first: (tables) => `Só as primeiras ${s(tables, "tabela")}, por nome, estão listadas. Indique as outras por padrão.`,
  patterns: "Padrões",
  patternsHint: "Um por linha, como o pg_dump os lê: vendas.*, *.log_*, \"Nome Misto\".",
  needed: "Com o que elas usam de fora",
  neededHint: "Tipos, funções e tabelas de chaves estrangeiras fora do que foi escolhido.",
  wrong: {
    nothing: "Escolha um schema ou uma tabela, ou indique por padrão.",
    tooMany: "Nomes demais: no máximo 500, e 4 KB no total. Escolha schemas inteiros ou use um padrão, como vendas.*.",
    pattern: "Um padrão tem no máximo 300 bytes e fecha as aspas que abre.",
  },
  said: {
    some: (chosen, all, bytes) => `${n(chosen)} de ${s(all, "tabela")}, cerca de ${bytes} antes da compressão.`,
    rows: (chosen, all, bytes) => `As linhas de ${n(chosen)} de ${s(all, "tabela")}, cerca de ${bytes} antes da compressão; a estrutura de todas.`,
    patterns: (count) => `E o que ${count === 1 ? "1 padrão indica" : `${n(count)} padrões indicam`}, que só o servidor conhece.`,
    without: (count) => `Sem o que ${count === 1 ? "1 padrão indica" : `${n(count)} padrões indicam`}, que só o servidor conhece.`,
    only: (count) => `O que ${count === 1 ? "1 padrão indica" : `${n(count)} padrões indicam`}, que só o servidor conhece.`,
    families: (tables) => `As partições de ${s(tables, "tabela")} acompanham a escolha e não estão nesta conta.`,
    tablesOnly: "De schemas inteiros escolhidos junto com tabelas vão só as tabelas: nem funções, nem tipos.",
  },
  what: {
    all: (db) => `Dump de parte do banco ${db ?? "configurado"}, estrutura e dados, de um único snapshot consistente. O banco continua em uso.`,
    schema: (db) => `Dump da estrutura de parte do banco ${db ?? "configurado"}, sem linhas.`,
    data: (db) => `Dump das linhas de parte do banco ${db ?? "configurado"}, de um único snapshot consistente, sem a estrutura.`,
  },
  partial: "Um backup parcial: conta à parte e nunca como backup completo da origem, que pode ficar atrasada mesmo com ele.",
  large: "Não contém large objects.",
};
