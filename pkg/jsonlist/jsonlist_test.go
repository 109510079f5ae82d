package jsonlist

import (
	"encoding/json"
	"reflect"
	"testing"
)

var texts = []string{`[]`, ` [ 1 , "a,]\"" ,{"b":[1,{}]} , null ]` + "\n", `[{"a":1},{"a":2}]`, `null`, `[,]`, `[1,]`, `[1 2]`, `[1]]`, `[1`, `["\\",{"\"":"]"}]`, `["`, `{}`, `{"a":1}`, `[{]}]`,
	`{"a":1,"a":2,"b" : [1, 2] }`, `{"a"}`, `{"a":}`, `{,}`, `{"a":1,}`, `{"\u0041":"}"}`, `["\ud800"]`, `[[[[`, ``, ` `, `{"a":1}x`, `[1:2]`, `[t]`, `{"a":[1,2}]}`}

// What encoding/json takes is taken apart and comes out as the same; what it does not take is not taken either.
func FuzzLists(f *testing.F) {
	for _, s := range texts {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var want []any
		werr := json.Unmarshal(data, &want)
		got, err := All[any](data, len(data), 0)
		if (err == nil) != (werr == nil) || err == nil && !reflect.DeepEqual(got, want) {
			t.Errorf("All: %v, %v; want %v, %v", got, err, want, werr)
		}
		some, err := First[any](data, 2)
		if werr == nil && (err != nil || !reflect.DeepEqual(some, want[:min(2, len(want))])) {
			t.Errorf("First: %v, %v; want %v", some, err, want)
		}
		var object map[string]any
		werr = json.Unmarshal(data, &object)
		m, err := Map[any](data, len(data))
		if (err == nil) != (werr == nil) || err == nil && !reflect.DeepEqual(m, object) {
			t.Errorf("Map: %v, %v; want %v, %v", m, err, object, werr)
		}
	})
}

func TestBounds(t *testing.T) {
	if list, err := First[int]([]byte(`[1,2,3]`), 2); err != nil || len(list) != 2 {
		t.Errorf("%v, %v", list, err)
	}
	for _, bad := range []string{`[1,2,3,4]`, `[11111,"a"]`} {
		if list, err := All[any]([]byte(bad), 3, 4); err == nil {
			t.Errorf("%s is %v", bad, list)
		}
	}
	if m, err := Map[int]([]byte(`{"a":1,"b":2}`), 1); err == nil {
		t.Error(m)
	}
}

func BenchmarkElements(b *testing.B) {
	text := []byte(`[{"id":"01J0000000000000000000000A","filename":"backup_2026-01-01_00-00-00.dump","size":123456789,"verification":{"ok":true,"level":"full"}}`)
	var data []byte
	for range 10_000 {
		data = append(append(data, text[1:]...), ',', '\n')
	}
	data = append(append([]byte("["), data[:len(data)-2]...), ']')
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if texts, err := Texts(data, 1<<30, 100); len(texts) != 10_000 || err != nil {
			b.Fatal(len(texts), err)
		}
	}
}
