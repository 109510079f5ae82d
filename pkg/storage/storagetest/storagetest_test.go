package storagetest

import (
	"testing"

	"cofre/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

func TestEmbedded(t *testing.T) { Run(t, EmbeddedPlace) }

func TestMinIO(t *testing.T) { Run(t, MinIOPlace) }
