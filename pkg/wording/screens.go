package wording

// screens are hints as who has no command line before them reads them, where [OnScreen] of both sides would read worse.
var screens = []entry{
	{"See what exists with the list of backups.", "Veja o que existe na lista de backups."},
	{"Look at what the service lacks with the health check; if it should know it, look at its version and settings.", "Veja o que falta ao serviço na verificação de saúde; se ele deveria conhecê-la, verifique a versão e as configurações dele."},
	{"Nothing was kept. The storage service may take tags for new contents: look at what it lacks with the health check, then try again.", "Nada foi armazenado. O serviço de armazenamento pode tomar tags por conteúdo novo: veja o que falta a ele na verificação de saúde e tente de novo."},
	{"Start a new backup; a cleanup ends this one.", "Inicie um novo backup; uma limpeza encerra este."},
	{"the signature covers the table of contents and where the rows lie; the rows are compared by CRC-32C alone; a validation compares the whole", "a assinatura cobre o sumário (TOC) e onde estão as linhas; as linhas são comparadas só por CRC-32C; uma validação compara tudo"},
	{"what is shown is compared with nothing that was signed; a validation compares the whole", "o que é mostrado não é comparado com nada assinado; uma validação compara tudo"},
	{"If it is another database, give it another name.", "Se for outro banco, dê a ele outro nome."},
}
