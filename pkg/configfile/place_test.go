package configfile

import (
	"strings"
	"testing"

	"cofre/pkg/fault"
)

// What a place says, and where its credentials are read. Nothing that they hold is in an error.
func TestPlaces(t *testing.T) {
	f, err := Parse("cofre.yaml", []byte(`
sources:
  - {name: shop, connection: {env: A}, copies: []}
  - {name: blog, connection: {env: B}}
places:
  - {name: near, directory: /mnt/second}
  - name: far
    directory: s3://bucket/prefix
    accessKey: {env: KEY}
    secretKey: {env: HIDDEN}
`))
	if err != nil || len(f.Places) != 2 || f.Place("far").Origin.Line != 7 || f.Sources[0].Copies == nil || f.Sources[1].Copies != nil {
		t.Fatalf("%+v %v", f, err)
	}
	if a, s, err := Keys(t.Context(), *f.Place("near"), nil, nil); a != "" || s != "" || err != nil {
		t.Errorf("%q %q %v", a, s, err)
	}
	env := map[string]string{"KEY": "an id"}
	if _, _, err := Keys(t.Context(), *f.Place("far"), func(name string) string { return env[name] }, nil); err == nil || !strings.Contains(err.Error(), "HIDDEN, which is not set") || strings.Contains(err.Error(), "an id") {
		t.Errorf("%v", err)
	}
	env["HIDDEN"] = "a secret"
	if a, s, err := Keys(t.Context(), *f.Place("far"), func(name string) string { return env[name] }, nil); a != "an id" || s != "a secret" || err != nil {
		t.Errorf("%q %q %v", a, s, err)
	}
	const one = "places:\n  - {name: a, directory: /a"
	for text, want := range map[string]string{
		"places:\n  - {name: a}":                                        `line 2: places.0: the key "directory" is missing`,
		one + ", secretKey: {env: A}}":                                  `line 2: location "a": accessKey and secretKey belong together`,
		one + ", accessKey: hidden}":                                    "want keys with values, not a text",
		one + "}\n  - {name: A, directory: /b}":                         `line 3: the place "A" stands in line 2 already`,
		one + ", endpoint: 'https://user:hidden@s3.example'}":           "places.0.endpoint",
		one + ", clas: X}":                                              `unknown key "clas"`,
		"sources:\n  - {name: a, connection: {env: A}, copies: [b, b]}": "copies: ",
	} {
		if _, err := Parse("cofre.yaml", []byte(text)); !fault.HasReason(err, fault.InvalidInput) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q:\n%v\nwant %s", text, err, want)
		}
	}
}
