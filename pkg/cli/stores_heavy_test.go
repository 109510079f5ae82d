//go:build stores

package cli

import "cofre/internal/testenv"

func init() {
	storesUnderTest = append(storesUnderTest, storeCases(testenv.HeavyStores()...)...)
	storesUnderTest = append(storesUnderTest, versioned("moto"), versioned("versitygw"), locked("versitygw", 1))
}
