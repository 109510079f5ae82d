// O que se diz ao lado do gráfico do que é mantido, em português do Brasil.

import { counting } from "./count";
import type { RetentionWords } from "./retention.en";

const { n, s } = counting("pt-BR");

export const retentionPtBR: RetentionWords = {
  title: (source) => `O que é mantido de ${source}, de hoje para trás`,
  source: "Origem",
  none: "Nenhum backup bem-sucedido é mantido ainda: não há o que desenhar.",
  rules: { limits: "Idade e quantidade", last: "Últimos", within: "Recentes", hourly: "Por hora", daily: "Diários", weekly: "Semanais", monthly: "Mensais", yearly: "Anuais", label: "Rótulos", protected: "Protegidos" },
  of: (count, all) => `${n(count)} de ${n(all)}`,
  sum: (count, bytes) => `${count === 1 ? "1 backup mantido" : `${n(count)} backups mantidos`}, ${bytes} ao todo.`,
  several: "O que várias regras mantêm aparece na linha de cada uma.",
  pale: "Em tom claro: os que serão mantidos quando existirem.",
  line: (rule, count, of, oldest) => `${rule}: ${of === undefined || of < count ? n(count) : `${n(count)} de ${n(of)}`}, até ${oldest}.`,
  mark: (days) => {
    if (days === 0) return "hoje";
    if (days === 7) return "1 sem.";
    return days < 365 ? `${Math.round(days / 30.4)} ${Math.round(days / 30.4) === 1 ? "mês" : "meses"}` : `${Math.round(days / 365.25)} ${Math.round(days / 365.25) === 1 ? "ano" : "anos"}`;
  },
  saved: "Desenhado pelo que está salvo, não pelo que foi digitado aqui.",
  typed: "Desenhado pelo que foi digitado, como se estivesse salvo. Nada é removido antes da próxima limpeza.",
  goes: (count, bytes) => `A próxima limpeza removeria ${s(count, "backup")} (${bytes}).`,
  first: (count) => `Só os ${s(count, "backup")} mais recentes estão desenhados.`,
};
