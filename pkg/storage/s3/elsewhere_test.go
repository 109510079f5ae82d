package s3

import (
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// A store that is to be elsewhere makes no connection to this machine, by whatever name, and is not tried again.
func TestElsewhere(t *testing.T) {
	m := testenv.MinIO(t)
	t.Setenv("HTTP_PROXY", m.Endpoint)
	for _, endpoint := range []string{m.Endpoint, strings.Replace(m.Endpoint, "127.0.0.1", "localhost", 1), strings.Replace(m.Endpoint, "127.0.0.1", "[::ffff:127.0.0.1]", 1)} {
		for _, elsewhere := range []bool{true, false} {
			s, err := Open(t.Context(), Config{Bucket: m.NewBucket(t), Endpoint: endpoint, Region: testenv.Region, Elsewhere: elsewhere, Credentials: &Credentials{AccessKeyID: m.AccessKey, SecretAccessKey: m.SecretKey}})
			if err != nil {
				t.Fatal(err)
			}
			err = nil
			for _, lerr := range s.List(t.Context(), storage.ListOptions{}) {
				err = lerr
			}
			if elsewhere != fault.HasReason(err, fault.PlaceForbidden) || !elsewhere && err != nil {
				t.Errorf("%s, elsewhere %v: %v", endpoint, elsewhere, err)
			}
		}
	}
}
