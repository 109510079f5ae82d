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
