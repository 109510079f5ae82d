package storagetest

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/storage"
	"cofre/pkg/storage/s3"
)

// storesUnderTest are the services of others that are tested here; "make stores" adds those that are heavy to start.
var storesUnderTest = testenv.LightStores()

// storePlace opens a new bucket of a service of others, under a prefix. Nothing is known of what it can do.
func storePlace(tb testing.TB, server *testenv.StoreServer, bucket string) Place {
	tb.Helper()
	p := Place{Bucket: bucket, Prefix: "some/where/", endpoint: server.Endpoint}
	p.config = s3.Config{Bucket: p.Bucket, Prefix: "some/where", Region: testenv.Region,
		Credentials: &s3.Credentials{AccessKeyID: server.AccessKey, SecretAccessKey: server.SecretKey}}
	p.Store = p.Through(tb, p.Addr())
	p.Witness = witness(tb, p.Addr(), server.AccessKey, server.SecretKey, testenv.Region)
	return p
}

// coreChecks are the checks of the suite that a service must pass whatever it lacks: cofre makes up for that.
var coreChecks = []string{"PutGetHeadDelete", "CreateOnly", "ReplaceIfUnchanged", "UploadSlowSource", "SourceErrors", "EqualParts", "Ranges", "CompleteCreateOnly", "PrefixIsAWall"}

// TestStoresOfOthers runs the core of the suite on services that nobody here wrote, and a few writers at once.
func TestStoresOfOthers(t *testing.T) {
	t.Parallel()
	for _, name := range storesUnderTest {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testenv.Store(t, name)
			// One store for all: what it can do is tried out once.
			p := storePlace(t, server, server.NewBucket(t))
			for _, list := range [][]check{objectChecks, conditionChecks, uploadChecks, readChecks, partChecks} {
				for _, c := range list {
					if slices.Contains(coreChecks, c.name) {
						t.Run(c.name, func(t *testing.T) { c.run(t, p.below(t, strings.ToLower(c.name))) })
					}
				}
			}
			t.Run("NameTakenAgain", func(t *testing.T) { takenAgain(t, p) })
		})
	}
}

// below is an empty place within p, of which the same is known as of p.
func (p Place) below(t *testing.T, folder string) Place {
	t.Helper()
	caps, err := p.Store.Probe(ctxFor(t))
	must(t, err)
	p.config.Prefix += "/" + folder
	p.Prefix += folder + "/"
	p.config.Known = &caps
	p.Store = p.Through(t, p.Addr())
	return p
}

// TestTagsOverwrite: a service that takes tags for new contents is found out by the probe, before anything is tagged; and
// again by whoever was told that all is well.
func TestTagsOverwrite(t *testing.T) {
	t.Parallel()
	ctx := ctxFor(t)
	server := testenv.Store(t, "gofakes3")
	p := storePlace(t, server, server.NewBucket(t))
	upload(t, p.Store, "files/x", []byte("a backup"), storage.UploadOptions{})
	wantReason(t, p.Store.SetTags(ctx, "files/x", map[string]string{"a": "b"}), fault.FileSystem, storage.Unsupported)
	wantObject(t, p, "files/x", []byte("a backup"))
	// Another process reads what the first one kept: it asks for no tags either.
	_, err := p.Through(t, p.Addr()).Tags(ctx, "files/x")
	wantReason(t, err, fault.FileSystem, storage.Unsupported)
}

// TestUnknownHeader: what a service does not know is left out after the first answer of that kind.
func TestUnknownHeader(t *testing.T) {
	t.Parallel()
	p := MinIOPlace(t)
	proxy := NewProxy(t, p, func(r *http.Request) Verdict {
		if r.Header.Get("X-Amz-Mp-Object-Size") != "" {
			return Verdict{Status: 501, Code: "NotImplemented"}
		}
		return Verdict{}
	})
	s := p.Through(t, proxy.Addr)
	for _, key := range []string{"files/1", "files/2"} {
		body := data(40, 6*mib)
		upload(t, s, key, body, storage.UploadOptions{})
		wantObject(t, p, key, body)
	}
	asked := 0
	for _, r := range proxy.Requests() {
		if r == "complete" {
			asked++
		}
	}
	if asked != 3 { // with it, without it, and without it
		t.Errorf("%d completions were asked for", asked)
	}
}
