package api

import (
	"reflect"
	"strings"
	"sync"

	"cofre/pkg/api/contract"
	"cofre/pkg/wording"
)

// wordings are a text and its hint in the languages other than English. A document has them all, whoever asks for it.
func wordings(text, hint string) []contract.Wording {
	var all []contract.Wording
	for _, language := range wording.Languages() {
		w := contract.Wording{Language: contract.WordingLanguage(language), Text: inWords(language, text), Hint: inWords(language, hint)}
		if w.Text != "" || w.Hint != "" {
			all = append(all, w)
		}
	}
	return all
}

// Wordings is what a problem document has beside its detail and hint, for those that are made elsewhere.
func Wordings(detail, hint string) []contract.Wording { return wordings(detail, hint) }

// wordingsOf are texts in the languages other than English, each with the one that it is of.
func wordingsOf(texts ...string) []contract.Wording {
	var all []contract.Wording
	for _, language := range wording.Languages() {
		for _, text := range texts {
			if said := inWords(language, text); said != "" {
				all = append(all, contract.Wording{Language: contract.WordingLanguage(language), Of: text, Text: said})
			}
		}
	}
	return all
}

// inWords is a text in another language; "" where it is the same there.
func inWords(language, text string) string {
	if said := wording.Say(language, text); said != text {
		return said
	}
	return ""
}

// sayer gives answers the words of their texts: of what the contract marks as prose.
type sayer struct {
	contract *contract.Contract
	types    sync.Map // reflect.Type to *spoken
}

// spoken is what a type of the contract has for people: indexes of fields.
type spoken struct {
	texts    []int // strings, or lists of them
	hint     int   // beside the first text; -1 is none
	wordings int
	within   []int // what may hold more
}

var contractPackage = reflect.TypeFor[contract.Wording]().PkgPath()

// say returns an answer's body with the words of all texts in it that have none yet. What answers share has them before it is shared.
func (s *sayer) say(body any) any {
	v := reflect.ValueOf(body)
	if v.Kind() != reflect.Struct {
		return body
	}
	own := reflect.New(v.Type()).Elem()
	own.Set(v)
	s.walk(own)
	return own.Interface()
}

func (s *sayer) walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			s.walk(v.Elem())
		}
	case reflect.Slice:
		if k := v.Type().Elem().Kind(); k == reflect.Struct || k == reflect.Pointer {
			for i := range v.Len() {
				s.walk(v.Index(i))
			}
		}
	case reflect.Struct:
		if v.Type().PkgPath() != contractPackage {
			return
		}
		has := s.spoken(v.Type())
		for _, i := range has.within {
			s.walk(v.Field(i))
		}
		if has.wordings < 0 || v.Field(has.wordings).Len() > 0 {
			return
		}
		if words := has.words(v); words != nil {
			v.Field(has.wordings).Set(reflect.ValueOf(words))
		}
	}
}

func (has *spoken) words(v reflect.Value) []contract.Wording {
	rest := has.texts
	var pair []contract.Wording
	if has.hint >= 0 { // of the first; what stands beside them says which text it is of
		pair = wordings(v.Field(rest[0]).String(), v.Field(has.hint).String())
		rest = rest[1:]
	}
	var texts []string
	for _, i := range rest {
		if f := v.Field(i); f.Kind() == reflect.String {
			texts = append(texts, f.String())
		} else {
			texts = append(texts, f.Interface().([]string)...)
		}
	}
	return append(wordingsOf(texts...), pair...)
}

func (s *sayer) spoken(t reflect.Type) *spoken {
	if known, ok := s.types.Load(t); ok {
		return known.(*spoken)
	}
	has := &spoken{hint: -1, wordings: -1}
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		switch prose := s.contract.Prose(t.Name(), name); {
		case prose && name == "hint":
			has.hint = i
		case prose:
			has.texts = append(has.texts, i)
		case name == "wordings":
			has.wordings = i
		default:
			has.within = append(has.within, i)
		}
	}
	known, _ := s.types.LoadOrStore(t, has)
	return known.(*spoken)
}
