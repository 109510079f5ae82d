package event

// words is the catalogue of a language. Patterns have {parameters}; see sayer.fill.
type words struct {
	titles  map[Kind]string
	still   map[Kind]string // of what lasts, from its second day on
	overall map[Kind]string // of events without a source
	several map[Kind]string // of events about so many databases of a followed source
	names   map[Kind]string // what is the matter, in a list
	lines   map[string]string
	periods map[string]string
	// severities head a message.
	severities map[Severity]string
	nobody     string // in the place of a source's name
	layout     string
	decimal    string
	days       string
}

var catalogues = map[Language]words{
	English: {
		titles: map[Kind]string{
			BackupEnded: "{source}: backup done", BackupFailed: "{source}: backup failed", Overdue: "{source}: backup is overdue", Damaged: "{source}: {count} damaged",
			ServerChanged: "{source}: not backed up, the server is another one", ProofEnded: "{source}: backup proven by restoring it", ProofFailed: "{source}: a backup does not come back as it was made",
			NotProven: "{source}: not proven by a restore", RestoreEnded: "{source}: restore done", RestoreFailed: "{source}: restore failed", RowsLost: "{source}: tables lost rows",
			Shrunk: "{source}: the newest backup is much smaller than the one before", CleanupOdd: "cleanup needs attention", QuotaNear: "storage is nearly full", LimitNear: "{source}: backups will outgrow a limit", CopyLate: "{source}: copies are late", Vanished: "{source}: the database is gone", LinkMade: "{source}: download link created",
			SettingsChanged: "settings changed", Recovered: "{source}: recovered", Test: "test message from cofre",
		},
		still: map[Kind]string{
			BackupFailed: "{source}: still failing, day {day}", Overdue: "{source}: still overdue, day {day}", Damaged: "{source}: still {count} damaged, day {day}",
			ServerChanged: "{source}: still not backed up, the server is another one, day {day}", ProofFailed: "{source}: still not proven after a failed proof, day {day}",
			NotProven: "{source}: still not proven, day {day}", QuotaNear: "storage is still nearly full, day {day}", LimitNear: "{source}: backups will still outgrow a limit, day {day}", CopyLate: "{source}: copies are still late, day {day}",
		},
		several: map[Kind]string{Vanished: "{source}: {count} databases are gone"},
		overall: map[Kind]string{Recovered: "recovered", BackupEnded: "backup done", RestoreEnded: "restore done", RestoreFailed: "restore failed", LinkMade: "download link created"},
		names: map[Kind]string{
			BackupFailed: "backups fail", Overdue: "overdue", Damaged: "damaged backups", ServerChanged: "another server", ProofFailed: "proof failed", NotProven: "not proven",
			RowsLost: "tables lost rows", Shrunk: "smaller than before", QuotaNear: "storage nearly full", LimitNear: "a limit is near", CopyLate: "copies late", Vanished: "database gone",
		},
		lines: map[string]string{
			"what_over": "No longer: {over}", "detail": "{detail}", "failures": "{count} failures in a row", "tables": "{target}", "size": "Size: {size}", "use": "{size} of {limit} used ({percent} %)",
			"duration": "Duration: {duration}", "since": "since {since}", "lasted": "It lasted {lasted}.", "target": "Database: {target}", "by": "By: {by}", "id": "ID: {id}",
			"digest_well": "{period} summary: all is well", "digest_ill": "{period} summary: {count} to look at", "more": "and {count} more",
			"digest_figures": "{sources} sources; {succeeded} backups made, {failed} failed or missed; {size} stored",
		},
		periods:    map[string]string{Daily: "Daily", Weekly: "Weekly"},
		severities: map[Severity]string{Info: "info", Warning: "warning", Critical: "critical"},
		nobody:     "all backups", layout: "2006-01-02 15:04 MST", decimal: ".", days: "days",
	},
	Portuguese: {
		titles: map[Kind]string{
			BackupEnded: "{source}: backup concluído", BackupFailed: "{source}: o backup falhou", Overdue: "{source}: o backup está atrasado", Damaged: "{source}: {count} corrompidos",
			ServerChanged: "{source}: sem backup, o servidor é outro", ProofEnded: "{source}: backup comprovado por restauração", ProofFailed: "{source}: um backup não volta como foi criado",
			NotProven: "{source}: sem comprovação por restauração", RestoreEnded: "{source}: restauração concluída", RestoreFailed: "{source}: a restauração falhou", RowsLost: "{source}: tabelas perderam linhas",
			Shrunk: "{source}: o backup mais recente é bem menor que o anterior", CleanupOdd: "a limpeza precisa de atenção", QuotaNear: "o armazenamento está quase cheio", LimitNear: "{source}: os backups vão passar de um limite", CopyLate: "{source}: as cópias estão atrasadas", Vanished: "{source}: o banco não existe mais", LinkMade: "{source}: link de download criado",
			SettingsChanged: "configurações alteradas", Recovered: "{source}: normalizado", Test: "mensagem de teste do cofre",
		},
		still: map[Kind]string{
			BackupFailed: "{source}: continua falhando, dia {day}", Overdue: "{source}: continua atrasado, dia {day}", Damaged: "{source}: ainda {count} corrompidos, dia {day}",
			ServerChanged: "{source}: continua sem backup, o servidor é outro, dia {day}", ProofFailed: "{source}: continua sem comprovação depois de um teste de restauração que falhou, dia {day}",
			NotProven: "{source}: continua sem comprovação, dia {day}", QuotaNear: "o armazenamento continua quase cheio, dia {day}", LimitNear: "{source}: os backups ainda vão passar de um limite, dia {day}", CopyLate: "{source}: as cópias continuam atrasadas, dia {day}",
		},
		several: map[Kind]string{Vanished: "{source}: {count} bancos não existem mais"},
		overall: map[Kind]string{Recovered: "normalizado", BackupEnded: "backup concluído", RestoreEnded: "restauração concluída", RestoreFailed: "a restauração falhou", LinkMade: "link de download criado"},
		names: map[Kind]string{
			BackupFailed: "backups falhando", Overdue: "atrasado", Damaged: "backups corrompidos", ServerChanged: "outro servidor", ProofFailed: "teste de restauração falhou", NotProven: "sem comprovação",
			RowsLost: "tabelas perderam linhas", Shrunk: "menor que antes", QuotaNear: "armazenamento quase cheio", LimitNear: "perto de um limite", CopyLate: "cópias atrasadas", Vanished: "o banco não existe mais",
		},
		lines: map[string]string{
			"what_over": "Resolvido: {over}", "detail": "{detail}", "failures": "{count} falhas seguidas", "tables": "{target}", "size": "Tamanho: {size}", "use": "{size} de {limit} em uso ({percent} %)",
			"duration": "Duração: {duration}", "since": "desde {since}", "lasted": "Durou {lasted}.", "target": "Banco: {target}", "by": "Por: {by}", "id": "ID: {id}",
			"digest_well": "Resumo {period}: tudo certo", "digest_ill": "Resumo {period}: {count} a verificar", "more": "e mais {count}",
			"digest_figures": "{sources} origens; {succeeded} backups feitos, {failed} com falha ou perdidos; {size} armazenados",
		},
		periods:    map[string]string{Daily: "diário", Weekly: "semanal"},
		severities: map[Severity]string{Info: "informação", Warning: "aviso", Critical: "crítico"},
		nobody:     "todos os backups", layout: "02/01/2006 15:04 MST", decimal: ",", days: "dias",
	},
}

// Word is a severity in a language.
func (s Severity) Word(l Language) string {
	w, ok := catalogues[l]
	if !ok {
		w = catalogues[English]
	}
	return w.severities[s]
}
