package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// Locale is how a database stores and sorts text.
type Locale struct {
	Encoding string `json:"encoding"`           // UTF8
	Collate  string `json:"collate"`            // C.UTF-8
	CharType string `json:"charType"`           // C.UTF-8
	Provider string `json:"provider,omitempty"` // libc, icu or builtin; empty before version 15
	Name     string `json:"name,omitempty"`     // the provider's locale; empty with libc
	ICURules string `json:"icuRules,omitempty"` // additional collation rules
}

func (s *Server) readLocale(ctx context.Context, tx pgx.Tx, _ Selection) (err error) {
	s.Locale, err = readLocale(ctx, tx, s.VersionNum)
	return err
}

func readLocale(ctx context.Context, tx pgx.Tx, version int) (Locale, error) {
	provider, name, rules := "''", "''", "''"
	if version >= 150000 {
		provider = "CASE datlocprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END"
		name = "coalesce(daticulocale, '')"
	}
	if version >= 160000 {
		rules = "coalesce(daticurules, '')"
	}
	if version >= 170000 {
		name = "coalesce(datlocale, '')"
	}
	var l Locale
	err := tx.QueryRow(ctx, `SELECT pg_catalog.pg_encoding_to_char(encoding)::text, datcollate::text, datctype::text, `+
		provider+`, `+name+`, `+rules+` FROM pg_catalog.pg_database WHERE datname = current_database()`).
		Scan(&l.Encoding, &l.Collate, &l.CharType, &l.Provider, &l.Name, &l.ICURules)
	return l, err
}
