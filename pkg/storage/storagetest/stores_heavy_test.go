//go:build stores

package storagetest

import "cofre/internal/testenv"

func init() { storesUnderTest = append(storesUnderTest, testenv.HeavyStores()...) }
