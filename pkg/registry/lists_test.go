package registry

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// crowd is a document that is full of what is short as text and long in memory, and what reads it.
type crowd struct {
	text func() []byte
	read func([]byte) error
}

// crowded are documents of about so many bytes, by what they are full of.
func crowded(size int) map[string]crowd {
	all := map[string]crowd{}
	fill := func(before, element, after string) func() []byte {
		return func() []byte {
			return []byte(before + strings.Repeat(element+",", max(1, size/(len(element)+1))) + element + after)
		}
	}
	// numbered is fill with elements that differ: %s in them is a number as 26 digits, which is an id.
	numbered := func(before, element, after string) func() []byte {
		return func() []byte {
			var b bytes.Buffer
			b.WriteString(before)
			parts := strings.Split(element, "%s")
			for i := 0; b.Len() < size; i++ {
				if i > 0 {
					b.WriteByte(',')
				}
				for n, part := range parts {
					if n > 0 {
						fmt.Fprintf(&b, "%026d", i)
					}
					b.WriteString(part)
				}
			}
			b.WriteString(after)
			return b.Bytes()
		}
	}
	add := func(name string, text func() []byte, read func([]byte) error) { all[name] = crowd{text, read} }
	index := func(data []byte) error { _, err := parseIndex(data); return err }
	page := func(data []byte) error { _, err := parseRecords("x", data, nil); return err }
	id := fmt.Sprintf("%026d", 1)
	manifest := func(data []byte) error { _, err := parseManifest(id, data); return err }
	intent := func(data []byte) error { _, err := parseIntent("x", id, data); return err }
	mark := func(data []byte) error { var v verified; return decode("x", data, &v) }
	origin := func(data []byte) error { _, err := parseSource("x", data); return err }

	record := `{"id":"%s","filename":"a","filepath":"files/a","size":0,"checksum":"","createdAt":"2026-01-01T00:00:00Z","status":"success",` +
		`"duration":0,"databaseVersion":"","schemaVersion":"","database":"","format":"","trigger":""`
	for name, element := range map[string]string{
		"empty objects": `{}`, "empty lists": `[]`, "null": `null`, "numbers": `1`, "empty texts": `""`, "ids alone": `{"id":"00000000000000000000000001"}`,
		"records": record + `}`, "short records": `{"id":"%s","filename":"a","filepath":"files/a","status":"success"}`, "records with empty parts": record + `,"server":{},"locale":{},"selection":{},"labels":{},"verification":{},"error":{},"stored":{},"contents":{}}`,
		"records with verifications":     record + `,"verifications":[` + strings.Repeat(`{},`, 31) + `{}]}`,
		"records with odd verifications": record + `,"verifications":[` + strings.Repeat(`1,`, 300) + `{}]}`,
		"records with proofs":            record + `,"verifications":[` + strings.Repeat(`{"proof":{}},`, 31) + `{"problems":[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]}]}`,
		"records with labels":            record + `,"labels":{"a":"","b":"","c":"","d":"","e":"","f":"","g":"","h":"","i":""}}`,
		"records with patterns":          record + `,"selection":{"tables":["","","","","","","","","","","","",""]}}`,
	} {
		add("registry.json: "+name, numbered(`{"version":1,"backups":[`, element, `]}`), index)
		add("page: "+name, numbered(`{"version":1,"backups":[`, element, `]}`), page)
	}
	described := `{"key":"registry/%s-%s-aaaaaaaaaaaaaaaa.json.gz","first":"%s","last":"%s","count":1000000,"sources":[`
	for name, element := range map[string]string{
		"empty objects": `{}`, "numbers": `1`, "pages": described + `]}`,
	} {
		add("registry.json: pages: "+name, numbered(`{"version":2,"pages":[`, element, `]}`), index)
	}
	first := strings.ReplaceAll(described, "%s", id)
	for name, in := range map[string][3]string{
		"sources": {``, `{}`, `]`}, "counted sources": {``, `{"count":1}`, `]`}, "rows": {`{"rows":[`, `{}`, `]}]`}, "shapes": {`{"shapes":[`, `{}`, `]}]`},
		"sizes": {`{"sizes":[`, `{}`, `]}]`}, "losses": {`{"rows":[{"lost":[`, `{}`, `]}]}]`}, "tables": {`{"rows":[{"lost":[{"tables":[`, `1`, `]}]}]}]`},
	} {
		add("registry.json: one page: "+name, fill(`{"version":2,"pages":[`+first+in[0], in[1], in[2]+`}]}`), index)
	}
	small := strings.Repeat(`{},`, 1000) + `{}`
	add("registry.json: pages of few sources", numbered(`{"version":2,"pages":[`, described+small+`]}`, `]}`), index)
	add("registry.json: pages of few rows", numbered(`{"version":2,"pages":[`, described+`{"count":1,"rows":[`+small+`]}]}`, `]}`), index)

	one := strings.ReplaceAll(record, "%s", id)
	for name, part := range map[string][3]string{
		"verifications": {`,"verifications":[`, `{}`, `]`}, "numbers as verifications": {`,"verifications":[`, `1`, `]`}, "problems": {`,"verification":{"problems":[`, `{}`, `]}`},
		"problems of several": {`,"verifications":[{"problems":[`, `{}`, `]},{}]`}, "left out": {`,"verification":{"proof":{"without":[`, `""`, `]}}`},
		"warnings": {`,"contents":{"warnings":[`, `{}`, `]}`}, "tables": {`,"selection":{"tables":[`, `""`, `]}`}, "numbers as schemas": {`,"selection":{"schemas":[`, `1`, `]}`},
		"labels": {`,"labels":{`, `"%s":""`, `}`},
	} {
		add("manifest: "+name, numbered(`{"version":1,"backup":`+one+part[0], part[1], part[2]+`}}`), manifest)
		add("intent: "+name, numbered(`{"version":1,"kind":"create","backup":`+one+part[0], part[1], part[2]+`}}`), intent)
		add("registry.json: "+name, numbered(`{"version":1,"backups":[`+one+part[0], part[1], part[2]+`}]}`), index)
		add("page: "+name, numbered(`{"version":1,"backups":[`+one+part[0], part[1], part[2]+`}]}`), page)
	}
	add("manifest: blocks", fill(`{"version":1,"backup":`+one+`},"layout":{"blocks":[`, `""`, `]}}`), manifest)
	add("verification: list", fill(`{"verifications":[`, `{}`, `]}`), mark)
	add("verification: problems", fill(`{"verification":{"problems":[`, `{}`, `]}}`), mark)
	add("verification: problems of several", fill(`{"verifications":[{"problems":[`, `1`, `]}]}`), mark)
	add("source: moves", fill(`{"version":1,"name":"x","moves":[`, `{}`, `]}`), origin)
	add("source: expected", fill(`{"version":1,"name":"x","expected":[`, `{}`, `]}`), origin)
	add("source: addresses", fill(`{"version":1,"name":"x","addresses":[`, `""`, `]}`), origin)
	add("source: addresses of a move", fill(`{"version":1,"name":"x","moves":[{"to":{"addresses":[`, `1`, `]}}]}`), origin)
	add("settings.json", fill(`{"version":1,"settings":[`, `{}`, `]}`), func(data []byte) error { _, err := parseSettingsCopy(data); return err })
	add("cancellation", fill(`{"by":[`, `{}`, `]}`), func(data []byte) error { parseCancellation(data); return nil })
	add("allowance", fill(`{"grants":[`, `{}`, `]}`), func(data []byte) error { parseAllowed(data); return nil })
	return all
}

// Whoever may write to the bucket may write what is short as text and long in memory. Whatever a document is full of, reading it
// takes a few times its size.
func TestCrowdedDocuments(t *testing.T) {
	const times = 12
	size, some := 2<<20, 16<<20 // some is what the rest of the process may take meanwhile
	if raceDetector {           // it makes reading many times as long: a quarter of each, with a quarter to spare
		size, some = size/4, some/4
	}
	docs := crowded(size)
	for _, name := range slices.Sorted(maps.Keys(docs)) {
		t.Run(name, func(t *testing.T) {
			text := docs[name].text()
			if !json.Valid(text) {
				t.Fatalf("not JSON: %.300q", text)
			}
			var err error
			most := uint64(math.MaxUint64)
			for try := 0; try < 3 && most > uint64(times*len(text)+some); try++ { // what others in the process do meanwhile only adds
				debug.FreeOSMemory()
				before := heapOf(func() {})
				most = min(most, heapOf(func() { err = docs[name].read(text) })-before)
			}
			if most > uint64(times*len(text)+some) {
				t.Errorf("%d MB of memory for %d MB", most>>20, len(text)>>20)
			}
			t.Logf("%d times its size; %.100v", most/uint64(len(text)), err)
		})
	}
}
