package postgres_test

import (
	"testing"

	"cofre/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }
