package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// EnumType stands for any enumerated type among ColumnTypes.
const EnumType = "enum"

// firstUnfixed is the first oid that is not the same in every database of every version (FirstGenbkiObjectId in PostgreSQL's
// src/include/access/transam.h).
const firstUnfixed = 10000

// ColumnTypes returns of each frozen table of kind r the types of its columns, in the order of COPY: the name in pg_type of a type of
// PostgreSQL's own, for a domain that of the type below it, EnumType, and "" for any other. Generated columns are left out, as by
// pg_dump.
func (s *Session) ColumnTypes(ctx context.Context) (types map[uint32][]string, err error) {
	types = map[uint32][]string{}
	err = s.within(ctx, func(tx pgx.Tx) error {
		oids := make([]int64, 0, len(s.frozen.Tables))
		for oid, t := range s.frozen.Tables {
			if t.Kind == 'r' {
				oids = append(oids, int64(oid))
			}
		}
		rows, err := tx.Query(ctx, `WITH RECURSIVE known (oid, name) AS (
				SELECT oid, CASE typtype WHEN 'e' THEN $2 ELSE typname::text END FROM pg_catalog.pg_type WHERE typtype = 'e' OR oid < $3::bigint::oid AND typtype IN ('b', 'r', 'm')
				UNION ALL SELECT d.oid, k.name FROM pg_catalog.pg_type d JOIN known k ON k.oid = d.typbasetype WHERE d.typtype = 'd')
			SELECT a.attrelid, array_agg(coalesce(k.name, '') ORDER BY a.attnum)
			FROM pg_catalog.pg_attribute a LEFT JOIN known k ON k.oid = a.atttypid
			WHERE a.attrelid = ANY ($1::bigint[]::oid[]) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' GROUP BY a.attrelid`, oids, EnumType, firstUnfixed)
		if err != nil {
			return err
		}
		var oid uint32
		var names []string
		_, err = pgx.ForEachRow(rows, []any{&oid, &names}, func() error {
			types[oid], names = names, nil
			return nil
		})
		return err
	})
	return types, err
}
