package backup_test

import (
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/registry"
)

// Whoever is superuser at the source writes what he likes into its catalog, at any length. The record stays short enough to be read.
func TestLongCatalogTexts(t *testing.T) {
	url := newShop(t, 18)
	testenv.LoadSQL(t, url, "UPDATE pg_database SET datlocale = repeat('x', 1000000) WHERE datname = current_database()")
	w := open(t, "", url)
	b := w.create(backup.Request{})
	if n := len(b.Locale.Name); n == 0 || n > fault.MaxText {
		t.Errorf("%d bytes of a locale's name", n)
	}
	if err := w.Store.Delete(t.Context(), registry.IndexKey); err != nil {
		t.Fatal(err)
	}
	if again, err := w.Service.Info(t.Context(), b.ID); err != nil || again.Status != registry.Success || again.Locale == nil {
		t.Errorf("rebuilt from its manifest it is %+v, %v", again, err)
	}
	if v, err := w.Service.Validate(t.Context(), b.ID, backup.ValidateOptions{}); err != nil || !v.Valid {
		t.Errorf("%+v, %v", v, err)
	}
}
