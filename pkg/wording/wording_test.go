package wording

import (
	"slices"
	"strings"
	"testing"
)

func TestSay(t *testing.T) {
	for en, want := range map[string]string{
		"connection refused by nobody":                   "connection refused by nobody", // not cofre's
		"connection refused at db.example port 5432":     "conexão recusada em db.example porta 5432",
		`database "shop" does not exist at db port 5432`: `o banco "shop" não existe em db porta 5432`,
		// A text in a text, and a verb of ours.
		"cannot read s3://b/k: the bucket does not exist": "não foi possível ler s3://b/k: o bucket não existe",
		// What follows in other words stays.
		"cannot use the directory /srv: mkdir /srv: permission denied": "não foi possível usar o diretório /srv: mkdir /srv: permission denied",
		// Sentences that were put together.
		"Run as owner or superuser: GRANT SELECT ON t TO r. To read every table: GRANT pg_read_all_data TO r.": "Execute como dono ou superusuário: GRANT SELECT ON t TO r. Para ler todas as tabelas: GRANT pg_read_all_data TO r.",
		"12.0 GB of 20.0 GB used; 3.0 GB free on disk":                                                         "12,0 GB de 20,0 GB em uso; 3,0 GB livres no disco",
		"shop: the last backup failed; crm: no backup was ever proven by restoring it":                         "shop: o último backup falhou; crm: nenhum backup foi comprovado por restauração",
		"the last backup failed: connection refused at db port 1; no good backup yet":                          "o último backup falhou: conexão recusada em db porta 1; ainda não há backup válido",
		"backup 01 is damaged (last validation): its SHA-256 is a, the record says b":                          "o backup 01 está corrompido (última validação): o SHA-256 é a, o registro diz b",
		`FATAL: database "x" does not exist`:                                                                   `FATAL: database "x" does not exist`,
		// Half a sentence in each language is none.
		"x was not written with the moon's own pen": "x was not written with the moon's own pen",
		"it is a great thing, and nobody knows":     "it is a great thing, and nobody knows",
		// Lists are names, and how many more there are.
		"schemas a, b, c, d, e, and 3 more; no large objects":                                                   "schemas a, b, c, d, e, e mais 3; sem large objects",
		"what was chosen needs these, which are restored too: TABLE crm.a b, TYPE crm.c, VIEW crm.d and 4 more": "o que foi escolhido precisa destes, que também são restaurados: TABLE crm.a b, TYPE crm.c, VIEW crm.d e mais 4",
		"key: it is shorter than 16 bytes":                                                                      "key: tem menos de 16 bytes",   // a name
		"Try again. Look at the moon.":                                                                          "Try again. Look at the moon.", // all or nothing
		// Data stays as it is, even where it reads like a word of ours.
		`the database "the disk is full" exists already`: `o banco "the disk is full" já existe`,
		// Where an archive is broken, and how; what others say of it stays.
		`the archive is damaged: at byte 20064, in the data of public.orders (id 3342): its zstd data is broken: magic number mismatch`: "o arquivo está corrompido: no byte 20064 (dados de public.orders, id 3342): os dados zstd estão corrompidos: magic number mismatch",
		`the archive is damaged: at byte 9, in the table of contents, entry 3 of 70: malformed integer 02 ff`:                           "o arquivo está corrompido: no byte 9 (sumário, entrada 3 de 70): inteiro malformado: 02 ff",
		"the archive is damaged: at byte 7, in the header: the creation time's year since 1900 is 5, outside 70 to 8099":                "o arquivo está corrompido: no byte 7 (cabeçalho): o horário de criação (ano desde 1900) é 5, fora de 70 a 8099",
		"the archive is damaged: nobody knows how":                                                      "o arquivo está corrompido: nobody knows how",
		"a.dump is damaged: the archive is damaged: at byte 4, in the end: there is more after the end": "a.dump está corrompido: o arquivo está corrompido: no byte 4 (fim): há algo depois do fim",
		"the moon is damaged: nobody knows how":                                                         "the moon is damaged: nobody knows how",
		"%s %d %[9]s":                                                                                   "%s %d %[9]s",
		"":                                                                                              "",
		"1.5 GB":                                                                                        "1,5 GB",
		"10.0.0.1":                                                                                      "10.0.0.1",
		"database of source shop: clock":                                                                "banco da origem shop: relógio",
		"location eu-1: access":                                                                         "local eu-1: acesso",
		"2 damaged backups":                                                                             "2 backups corrompidos",
		"1 damaged backup":                                                                              "1 backup corrompido",
		"read registry.json: cannot read s3://b/k: the bucket does not exist": "ler registry.json: não foi possível ler s3://b/k: o bucket não existe",
		"manifests/01.json is not what cofre writes there: it is not a list":  "manifests/01.json não é o que o cofre grava ali: não é uma lista",
		"it is of a key that is not trusted: SHA256:abc":                      "é de uma chave não confiável: SHA256:abc",
		"(tried 3 times)": "(3 tentativas)",
	} {
		if got := Say(Portuguese, en); got != want {
			t.Errorf("%q\nbecomes %q\nwant    %q", en, got, want)
		}
		if got := Say(English, en); got != en {
			t.Errorf("in English %q becomes %q", en, got)
		}
	}
}

func TestLanguageOf(t *testing.T) {
	for want, settings := range map[string][][]string{
		Portuguese: {{"pt-BR"}, {"", "pt_BR.UTF-8"}, {"", "", "pt_PT"}, {"pt"}},
		English:    {{}, {"", "C"}, {"en", "pt_BR.UTF-8"}, {"C.UTF-8"}, {"ptx"}, {"de_DE"}},
	} {
		for _, s := range settings {
			if got := Of(s...); got != want {
				t.Errorf("%q is %s, want %s", s, got, want)
			}
		}
	}
}

// TestEntries: what stands in the catalogue can be filled, and each pattern finds itself.
func TestEntries(t *testing.T) {
	seen := map[string]bool{}
	for _, list := range lists {
		for _, e := range list {
			if seen[e.en] {
				t.Errorf("%q stands there twice", e.en)
			}
			seen[e.en] = true
			p := parse(e.en)
			if strings.TrimSpace(e.pt) == "" || strings.TrimSpace(e.en) != e.en && !strings.Contains(e.en, "\n") {
				t.Errorf("%q: %q", e.en, e.pt)
			}
			if len(p.verbs) > 0 && p.letters < 3 {
				t.Errorf("%q has too few letters of its own: it would fit other texts", e.en)
			}
			used := verbsOf(e.pt)
			for i := range p.verbs {
				if !slices.Contains(used, i+1) {
					t.Errorf("%q: argument %d is not in %q", e.en, i+1, e.pt)
				}
			}
			if len(p.verbs) > 0 && slices.Max(used) > len(p.verbs) {
				t.Errorf("%q has %d arguments, %q wants more", e.en, len(p.verbs), e.pt)
			}
		}
	}
	patterns := catalogue().patterns
	for at, p := range patterns {
		text, args := p.pieces[0], []string(nil)
		for i, v := range p.verbs {
			arg := map[byte]string{'d': "7", 'q': `"a b"`}[v]
			if arg == "" {
				arg = "x" + strings.Repeat("y", i)
			}
			args = append(args, arg)
			text += arg + p.pieces[i+1]
		}
		left := maxWork
		if found, ok := p.match(text, &left); !ok || !slices.Equal(found, args) {
			t.Errorf("%q was filled with %q, and found are %q in %q", p.to, args, found, text)
		}
		none := -1
		if _, ok := p.match(text, &none); ok || none >= -1 {
			t.Errorf("%q: what is used up is %d afterwards, %v", text, none, ok)
		}
		if !slices.Contains(catalogue().index.of(text), at) {
			t.Errorf("the index does not lead from %q to its pattern", text)
		}
	}
	if !slices.IsSortedFunc(patterns, func(p, q pattern) int { return q.rank - p.rank }) {
		t.Error("what is taken first does not come first")
	}
}

// Whatever a text is, no more than so much is done for it. cofre's own are far from that.
func TestWorkIsBounded(t *testing.T) {
	work := func(text string) int {
		b := newSpeech(text)
		b.say(text, maxDepth)
		return maxWork - b.left
	}
	const longest = maxText / 4
	for _, of := range []string{"a: ", "a, ", "a. ", "a; ", "the a: the b, ", "A b c d e f. ", "\"", "cannot read ", "the backup a of b is c. ", "a (b ", "1,234 "} {
		text := strings.Repeat(of, longest/len(of))
		if n := work(text); n > maxWork+maxText {
			t.Errorf("%d steps for many times %q", n, of)
		}
		if said := Say(Portuguese, text); work(text) > maxWork && said != text {
			t.Errorf("of many times %q, which takes too long, some is said: %.80q", of, said)
		}
	}
	for _, list := range lists {
		for _, e := range list {
			if n := work(strings.NewReplacer("%s", "shop", "%d", "7", "%q", `"a b"`, "%w", "x", "%v", "y").Replace(e.en)); n > maxWork/20 {
				t.Errorf("%d steps for %q", n, e.en)
			}
		}
	}
}

func BenchmarkSay(b *testing.B) {
	for name, text := range map[string]string{
		"known":       "cannot read s3://bucket/key: the bucket does not exist",
		"unknown":     "could not connect to server: the quick brown fox jumps over a lazy dog and runs away, as ever, to its den",
		"unknown 800": strings.Repeat("the quick brown fox jumps over a lazy dog: it runs away, as ever. ", 12),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				Say(Portuguese, text)
			}
		})
	}
}

// verbsOf are the arguments that the other side of a pattern uses.
func verbsOf(s string) []int {
	var used []int
	for s != "" {
		n, verb, index := verbAt(s)
		if n == 0 {
			s = s[1:]
			continue
		}
		if s = s[n:]; verb == '%' {
			continue
		}
		if index == 0 {
			index = len(used) + 1
		}
		used = append(used, index)
	}
	return used
}

// FuzzSay: whatever a text is, it is said in bounded time, and comes back whole where nothing of it is known.
func FuzzSay(f *testing.F) {
	f.Add("cannot read s3://b/k: the bucket does not exist")
	f.Add("a: b: c; d, e. f\n")
	f.Fuzz(func(t *testing.T, text string) {
		said := Say(Portuguese, text)
		if len(said) > 8*len(text)+4096 {
			t.Errorf("%q becomes %q", text, said)
		}
	})
}
