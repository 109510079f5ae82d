// O que se diz na tela da trilha de auditoria, em português.

import { counting } from "./count";
import type { AuditWords } from "./audit.en";

const { n } = counting("pt-BR");

export const auditPtBR: AuditWords = {
  lead: "Cada registro guarda o hash do anterior: alterar ou remover um deles aparece. Esta página marca o registro cujo próprio hash não confere e não verifica a cadeia. Verifique-a com:",
  verify: "Verificar a cadeia",
  person: "Usuário", anyPerson: "Todos os usuários",
  from: "De", to: "Até",
  reads: "Mostrar consultas",
  about: (what) => `Sobre ${what}`,
  clear: "Limpar filtros",
  time: "Hora",
  backup: (at) => `backup de ${at}`,
  restore: (at) => `restauração de ${at}`,
  exporting: "Exportando…",
  csv: "Exportar CSV", json: "Exportar JSON",
  exported: (count) => (count === 1 ? "1 registro exportado." : `${n(count)} registros exportados.`),
  cut: (count) => `Só os ${n(count)} registros mais recentes foram exportados. Escolha um período menor para exportar os outros.`,
  unsound: "hash não confere", unsoundHint: "Este registro foi alterado ou não foi escrito pelo cofre.",
  searching: "Nada até agora nos registros percorridos. Carregue mais para procurar mais atrás.",
};
