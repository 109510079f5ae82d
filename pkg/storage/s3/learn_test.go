package s3

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// What is kept about a service is believed for a week, at the place where it was found out, and only in our words.
func TestParseLearned(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	record := func(version int, place string, age time.Duration, lacks string) string {
		return fmt.Sprintf(`{"version":%d,"place":%q,"at":%q,"lacks":[%s]}`, version, place, now.Add(-age).Format(time.RFC3339), lacks)
	}
	const here = "https://storage.example/bucket/prefix"
	for name, c := range map[string]struct {
		body string
		want string
		ok   bool
	}{
		"nothing lacks":    {record(1, here, time.Hour, ""), "[]", true},
		"two lack":         {record(1, here, 6*24*time.Hour, `"tags","create-only"`), "[tags create-only]", true},
		"a clock ahead":    {record(1, here, -time.Minute, ""), "[]", true},
		"too old":          {record(1, here, 8*24*time.Hour, ""), "", false},
		"of the future":    {record(1, here, -48*time.Hour, ""), "", false},
		"another place":    {record(1, "https://storage.example/bucket", time.Hour, ""), "", false},
		"another version":  {record(2, here, time.Hour, ""), "", false},
		"an unknown word":  {record(1, here, time.Hour, `"tags","\u001b[2J"`), "", false},
		"twice":            {record(1, here, time.Hour, `"tags","tags"`), "", false},
		"a number":         {record(1, here, time.Hour, `7`), "", false},
		"no JSON":          {"x", "", false},
		"nothing":          {"", "", false},
		"too long":         {record(1, here, time.Hour, "") + strings.Repeat(" ", maxLearned), "", false},
		"more than it has": {record(1, here, time.Hour, strings.Repeat(`"tags",`, 100)+`"tags"`), "", false},
	} {
		got, ok := parseLearned([]byte(c.body), here, now)
		if ok != c.ok || ok && fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v, %t", name, got, ok)
		}
	}
}

func FuzzLearned(f *testing.F) {
	f.Add([]byte(`{"version":1,"place":"p","at":"2026-11-28T12:00:00Z","lacks":["tags"]}`))
	f.Add([]byte(`{"version":1,"place":"p","at":"2026-11-28T12:00:00Z","lacks":null}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, ok := parseLearned(body, "p", time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC))
		if !ok && got != nil {
			t.Errorf("%q: %v", body, got)
		}
		for i, g := range got {
			if !slices.Contains(features, g) || slices.Contains(got[:i], g) {
				t.Errorf("%q: %v", body, got)
			}
		}
	})
}

// At Amazon nothing is tried out, and nothing kept.
func TestAmazonIsKnown(t *testing.T) {
	isolate(t)
	t.Setenv("AWS_REGION", "sa-east-1")
	for endpoint, want := range map[string]bool{
		"": true, "https://s3.sa-east-1.amazonaws.com": true, "https://bucket.vpce-1.s3.cn-north-1.vpce.amazonaws.com.cn": true, "https://s3.dualstack.sa-east-1.api.aws": true,
		"https://amazonaws.com.example": false, "https://notamazonaws.com": false, "http://127.0.0.1:9000": false,
	} {
		s := open(t, Config{Bucket: "bucket", Endpoint: endpoint, Credentials: &Credentials{AccessKeyID: "a", SecretAccessKey: "b"}})
		if got := s.ofAmazon(); got != want {
			t.Errorf("%s: %t", endpoint, got)
		}
		if want && s.learn(context.Background()) != nil {
			t.Errorf("%s: asked for", endpoint)
		}
	}
}

// Some services put other checksums into the field of this one.
func TestFullCRC(t *testing.T) {
	for text, want := range map[string]bool{CRCText(0): true, CRCText(^uint64(0)): true, "AAAAAA==": false, "": false, CRCText(1) + "-2": false, "no base64": false} {
		if got := fullCRC(&text, "") != ""; got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

// FuzzSums: a checksum or an ETag of whatever form is taken only where it has the length of what it is compared with.
func FuzzSums(f *testing.F) {
	for _, s := range []string{CRCText(1), "AAAAAA==", `"d41d8cd98f00b204e9800998ecf8427e-2"`, `"`, "-", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if sum := fullCRC(&text, ""); sum != "" && len(sum) != len(CRCText(0)) && len(strings.NewReplacer("\n", "", "\r", "").Replace(sum)) != len(CRCText(0)) {
			t.Errorf("%q is taken for a CRC64NVME", text)
		}
		if sum, _, ok := etagMD5(text); ok && len(sum) != 16 {
			t.Errorf("%q is taken for an MD5", text)
		}
	})
}
