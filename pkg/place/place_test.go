package place

import (
	"strings"
	"testing"

	"cofre/pkg/fault"
	"cofre/pkg/source"
)

// What may stand in the bucket: S3 elsewhere, with credentials of its own; and a service that the environment or the file names already.
func TestCheckKept(t *testing.T) {
	known := func(e string) bool { return HostOf(e) == HostOf("http://127.0.0.1:9000") }
	at := func(endpoint string) Settings {
		return Settings{Name: "a", Directory: "s3://bucket/prefix", Endpoint: endpoint}
	}
	for name, c := range map[string]struct {
		s    Settings
		keys bool
		says string // "" is taken
	}{
		"Amazon's":            {at(""), false, ""},
		"elsewhere":           {at("https://s3.example.com"), true, ""},
		"the first place's":   {at("http://127.0.0.1:9000/"), false, ""},
		"without credentials": {at("https://s3.example.com"), false, "credentials of its own"},
		"another port":        {at("http://127.0.0.1:9001"), true, "this machine"},
		"another name of it":  {at("http://LOCALHOST.:9000"), true, "this machine"},
		"mapped":              {at("http://[::ffff:127.0.0.1]:9000"), true, "this machine"},
		"metadata":            {at("http://169.254.169.254"), true, "this machine"},
		"a path":              {Settings{Name: "a", Directory: "/etc"}, true, "not a path"},
		"a user":              {at("https://a:b@s3.example.com"), true, "no URL"},
		"a scheme":            {at("file:///etc"), true, "no URL"},
		"a region":            {Settings{Name: "a", Directory: "s3://b", Region: "evil.example/"}, true, "region"},
		"a class":             {Settings{Name: "a", Directory: "s3://b", StorageClass: "x y"}, true, "storageClass"},
		"a file":              {Settings{Name: "a", Directory: "s3://b", AccessKey: source.Connection{File: "/etc/shadow"}}, true, "cofre.yaml only"},
		"any variable":        {Settings{Name: "a", Directory: "s3://b", SecretKey: source.Connection{Env: "AWS_SECRET_ACCESS_KEY"}}, true, "COFRE_"},
		"any secret":          {Settings{Name: "a", Directory: "s3://b", SecretKey: source.Connection{Secret: "arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/db-AbCdEf"}}, true, "cofre/"},
		"a name of the API":   {Settings{Name: "create", Directory: "s3://b"}, true, "means something else"},
		"a name with a slash": {Settings{Name: "a/b", Directory: "s3://b"}, true, "slash"},
	} {
		err := c.s.CheckKept(c.keys, known)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(fault.From(err).Message+fault.From(err).Hint, c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
