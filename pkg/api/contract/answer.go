package contract

import (
	"fmt"
	"mime"
	"net/http"
	"strconv"

	"cofre/pkg/jsonschema"
)

// CheckAnswer holds an answer against the contract: its status, its headers, its media type, its body, and that the body
// has no field that the contract does not know. Tests send every answer through it.
func (op *Operation) CheckAnswer(status int, header http.Header, body []byte) error {
	pointer, ok := op.answers[strconv.Itoa(status)].(string)
	if !ok {
		return fmt.Errorf("%s: the contract has no answer %d", op.ID, status)
	}
	def, pointer := op.contract.resolve(op.contract.at(pointer), pointer)
	for name, h := range object(def["headers"]) {
		h, at := op.contract.resolve(h, pointer+"/headers/"+jsonschema.Escape(name))
		required, _ := h["required"].(bool)
		got := header.Values(name)
		if len(got) == 0 && required {
			return fmt.Errorf("%s: answer %d lacks the header %s", op.ID, status, name)
		}
		if err := op.checkHeader(h, at, got); err != nil {
			return fmt.Errorf("%s: answer %d: header %s: %w", op.ID, status, name, err)
		}
	}
	content := object(def["content"])
	if len(content) == 0 {
		if len(body) > 0 {
			return fmt.Errorf("%s: answer %d has a body of %d bytes", op.ID, status, len(body))
		}
		return nil
	}
	media, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil || content[media] == nil {
		return fmt.Errorf("%s: answer %d has the content type %q", op.ID, status, header.Get("Content-Type"))
	}
	v, err := jsonschema.Decode(body)
	if err != nil {
		return fmt.Errorf("%s: answer %d: %w", op.ID, status, err)
	}
	at := pointer + "/content/" + jsonschema.Escape(media) + "/schema"
	schema, err := op.contract.compile(at)
	if err != nil {
		return err
	}
	if err := jsonschema.Err(schema.Validate(v)); err != nil {
		return fmt.Errorf("%s: answer %d: %w", op.ID, status, err)
	}
	if field := op.contract.undocumented(v, op.contract.at(at)); field != "" {
		return fmt.Errorf("%s: answer %d has the undocumented field %s", op.ID, status, field)
	}
	return nil
}

func (op *Operation) checkHeader(def map[string]any, at string, got []string) error {
	schema, err := op.contract.compile(at + "/schema")
	if err != nil {
		return err
	}
	kind, _ := object(def["schema"])["type"].(string)
	for _, s := range got {
		if _, problem := (parameter{kind: kind, schema: schema}).read([]string{s}); problem != "" {
			return fmt.Errorf("%q: %s", s, problem)
		}
	}
	return nil
}

// undocumented gives the path of a field that the schema has no word for, "" when there is none.
func (c *Contract) undocumented(v, schema any) string {
	s, _ := c.resolve(schema, "")
	switch t := v.(type) {
	case map[string]any:
		properties, extra := object(s["properties"]), s["additionalProperties"]
		for name, field := range t {
			sub, known := properties[name]
			if !known {
				if object(extra) == nil {
					return "/" + name
				}
				sub = extra
			}
			if at := c.undocumented(field, sub); at != "" {
				return "/" + name + at
			}
		}
	case []any:
		for i, e := range t {
			if at := c.undocumented(e, s["items"]); at != "" {
				return fmt.Sprintf("/%d%s", i, at)
			}
		}
	}
	return ""
}

// Unsaid gives the texts for people in an answer that it has no words for in a language, each with where it stands. Tests send every answer through it.
func (op *Operation) Unsaid(language string, status int, header http.Header, body []byte) map[string]string {
	def, pointer := op.contract.resolve(op.contract.at(op.answers[strconv.Itoa(status)].(string)), "")
	media, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	schema := object(object(def["content"])[media])["schema"]
	v, err := jsonschema.Decode(body)
	if schema == nil || err != nil {
		return nil
	}
	unsaid := map[string]string{}
	op.contract.unsaid(language, v, schema, pointer, unsaid)
	return unsaid
}

func (c *Contract) unsaid(language string, v, schema any, place string, unsaid map[string]string) {
	s, _ := c.resolve(schema, "")
	switch t := v.(type) {
	case map[string]any:
		said := map[string]bool{} // by the English text; what stands for the one text or the hint by its kind
		for _, w := range array(t["wordings"]) {
			if w := object(w); w["language"] == language {
				of, _ := w["of"].(string)
				said[of+"\x00text"] = w["text"] != nil
				said[of+"\x00hint"] = w["hint"] != nil
			}
		}
		for name, field := range t {
			property := object(s["properties"])[name]
			if prose, _ := object(property)["x-prose"].(bool); !prose {
				if property == nil {
					property = s["additionalProperties"]
				}
				c.unsaid(language, field, property, place+"/"+name, unsaid)
				continue
			}
			kind, texts := "text", array(field)
			if name == "hint" {
				kind = "hint"
			}
			if texts == nil {
				texts = []any{field}
			}
			for _, text := range texts {
				if text, ok := text.(string); ok && text != "" && !said["\x00"+kind] && !said[text+"\x00"+kind] {
					unsaid[place+"/"+name] = text
				}
			}
		}
	case []any:
		for i, e := range t {
			c.unsaid(language, e, s["items"], fmt.Sprintf("%s/%d", place, i), unsaid)
		}
	}
}
