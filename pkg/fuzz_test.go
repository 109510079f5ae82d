package pkg_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// decoders are the functions that make something of bytes which come from outside, by import path. A function that calls one is a
// reader.
var decoders = map[string][]string{
	"encoding/json":                      {"Unmarshal", "NewDecoder"},
	"encoding/xml":                       {"Unmarshal", "NewDecoder"},
	"encoding/asn1":                      {"Unmarshal"},
	"encoding/binary":                    {"Read", "Uvarint", "ReadUvarint", "BigEndian.Uint16", "BigEndian.Uint32", "BigEndian.Uint64", "LittleEndian.Uint32", "LittleEndian.Uint64"},
	"encoding/csv":                       {"NewReader"},
	"encoding/base64":                    {"RawURLEncoding.DecodeString", "StdEncoding.DecodeString", "URLEncoding.DecodeString", "NewDecoder"},
	"encoding/hex":                       {"DecodeString", "Decode", "AppendDecode"},
	"encoding/gob":                       {"NewDecoder"},
	"encoding/pem":                       {"Decode"},
	"crypto/x509":                        {"ParsePKIXPublicKey", "ParseCertificate", "ParsePKCS8PrivateKey"},
	"compress/gzip":                      {"NewReader"},
	"compress/zlib":                      {"NewReader"},
	"github.com/klauspost/compress/gzip": {"NewReader"},
	"github.com/klauspost/compress/zlib": {"NewReader"},
	"github.com/klauspost/compress/zstd": {"NewReader"},
	"github.com/pierrec/lz4/v4":          {"NewReader"},
	"filippo.io/age":                     {"Decrypt", "DecryptReaderAt", "ParseIdentities", "ParseRecipients"},
	"filippo.io/age/agessh":              {"ParseRecipient", "ParseIdentity"},
	"golang.org/x/crypto/ssh":            {"ParsePrivateKey", "ParsePublicKey", "ParseAuthorizedKey", "Unmarshal"},
	"go.yaml.in/yaml/v3":                 {"Unmarshal", "NewDecoder"},
	"github.com/go-jose/go-jose/v4":      {"ParseSigned", "ParseSignedCompact"},
	"bufio":                              {"NewScanner"},
}

// unfuzzed are the readers that no target of their own package reaches, and what holds all the same.
var unfuzzed = map[string]string{
	"engine.Data": "FuzzObjects gets there by way of tuples.Reader",
}

// TestEveryReaderIsFuzzed finds the readers, and looks whether a fuzz target of the same package gets to each of them, by the
// names that functions mention.
func TestEveryReaderIsFuzzed(t *testing.T) {
	missing := maps.Clone(unfuzzed)
	found := 0
	for dir, files := range sources(t, ".", "../functions/internal") {
		if strings.HasSuffix(dir, "test") { // parts of tests
			continue
		}
		p := readPackage(t, files)
		reached := p.reached()
		for _, name := range slices.Sorted(maps.Keys(p.readers)) {
			found++
			id := strings.TrimPrefix(dir, "../") + "." + name
			_, excused := unfuzzed[id]
			delete(missing, id)
			switch {
			case reached[name] && excused:
				t.Errorf("%s is fuzzed now: take it out of the list", id)
			case !reached[name] && !excused:
				t.Errorf("%s reads with %s, and no fuzz target of its package gets there", id, p.readers[name])
			}
		}
	}
	for id := range missing {
		t.Errorf("%s is no reader any more: take it out of the list", id)
	}
	if found < 40 {
		t.Errorf("only %d readers were found", found)
	}
}

// sources returns the Go files below some directories, by directory.
func sources(t *testing.T, roots ...string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, root := range roots {
		err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.IsDir() && e.Name() == "testdata" {
				return fs.SkipDir
			}
			if err == nil && strings.HasSuffix(path, ".go") {
				dir := filepath.ToSlash(filepath.Dir(path))
				out[dir] = append(out[dir], path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// aPackage is what its functions mention.
type aPackage struct {
	mentions map[string]map[string]bool // by the name of the function, method or variable, tests included
	readers  map[string]string          // functions outside of tests that decode, and with what
}

func readPackage(t *testing.T, files []string) aPackage {
	t.Helper()
	p := aPackage{mentions: map[string]map[string]bool{}, readers: map[string]string{}}
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		calls := map[string]string{} // "json.Unmarshal" → what it is
		for _, im := range file.Imports {
			whole := strings.Trim(im.Path.Value, `"`)
			parts := strings.Split(strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(whole, "/v4"), "/v3"), "/v5"), "/")
			short := strings.TrimPrefix(parts[len(parts)-1], "go-")
			if im.Name != nil {
				short = im.Name.Name
			}
			for _, f := range decoders[whole] {
				calls[short+"."+f] = whole + "." + f
			}
		}
		test := strings.HasSuffix(path, "_test.go")
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Body != nil {
					p.read(d.Name.Name, d.Body, calls, test)
				}
			case *ast.GenDecl: // a table of functions, at times
				for _, spec := range d.Specs {
					if v, ok := spec.(*ast.ValueSpec); ok {
						for _, name := range v.Names {
							for _, value := range v.Values {
								p.read(name.Name, value, calls, test)
							}
						}
					}
				}
			}
		}
	}
	return p
}

func (p aPackage) read(name string, what ast.Node, calls map[string]string, test bool) {
	names := p.mentions[name]
	if names == nil {
		names = map[string]bool{}
		p.mentions[name] = names
	}
	ast.Inspect(what, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			names[n.Name] = true
		case *ast.SelectorExpr:
			if with, ok := calls[dotted(n)]; ok && !test {
				p.readers[name] = with
			}
		}
		return true
	})
}

// dotted returns what is selected, as it is written: "json.Unmarshal", "binary.BigEndian.Uint32"; "" for what is not just names.
func dotted(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		if of := dotted(e.X); of != "" {
			return of + "." + e.Sel.Name
		}
	}
	return ""
}

// reached returns the functions that some fuzz target gets to.
func (p aPackage) reached() map[string]bool {
	out := map[string]bool{}
	var queue []string
	for name := range p.mentions {
		if strings.HasPrefix(name, "Fuzz") {
			queue = append(queue, name)
		}
	}
	for len(queue) > 0 {
		name := queue[0]
		queue = queue[1:]
		for next := range p.mentions[name] {
			if _, ours := p.mentions[next]; ours && !out[next] {
				out[next] = true
				queue = append(queue, next)
			}
		}
	}
	return out
}
