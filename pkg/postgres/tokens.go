package postgres

import "strings"

// TokenKind is the kind of a token of SQL.
type TokenKind byte

// The kinds of tokens.
const (
	Word   TokenKind = iota // an identifier or keyword without quotes; Text is in lower case
	Quoted                  // an identifier in double quotes; Text is without them
	String                  // a string constant of any form; Text is as written
	Symbol                  // any other single character, digits included
)

// Token is a piece of SQL between Start and End, in bytes.
type Token struct {
	Kind       TokenKind
	Text       string
	Start, End int
	// Depth is the number of parentheses and brackets that are open at the token; those themselves count as outside.
	Depth int
}

// Is reports whether the token is a keyword, or a symbol.
func (t Token) Is(text string) bool { return (t.Kind == Word || t.Kind == Symbol) && t.Text == text }

// Name reports whether the token is an identifier.
func (t Token) Name() bool { return t.Kind == Word || t.Kind == Quoted }

// Tokens splits SQL by the rules of PostgreSQL's scanner (src/backend/parser/scan.l) with standard_conforming_strings
// on. Comments are left out. What is not closed reaches to the end.
func Tokens(sql string) []Token {
	var out []Token
	depth := 0
	for i := 0; i < len(sql); {
		end, kind, text := scan(sql, i)
		if end <= i {
			break
		}
		if kind == Symbol && (text == ")" || text == "]") {
			depth--
		}
		if text != "" {
			out = append(out, Token{kind, text, i, end, depth})
		}
		if kind == Symbol && (text == "(" || text == "[") {
			depth++
		}
		i = end
	}
	return out
}

// scan reads the token at i. Space and comments have no text.
func scan(sql string, i int) (end int, kind TokenKind, text string) {
	rest := sql[i:]
	switch c := sql[i]; {
	case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
		return i + 1, Symbol, ""
	case strings.HasPrefix(rest, "--"):
		if n := strings.IndexByte(rest, '\n'); n >= 0 {
			return i + n + 1, Symbol, ""
		}
		return len(sql), Symbol, ""
	case strings.HasPrefix(rest, "/*"):
		return commentEnd(sql, i), Symbol, ""
	case c == '"':
		end, text = quotedName(sql, i)
		return end, Quoted, text
	case c == '\'':
		end = stringEnd(sql, i+1, false)
		return end, String, sql[i:end]
	case (c == 'e' || c == 'E') && strings.HasPrefix(rest[1:], "'"):
		end = stringEnd(sql, i+2, true)
		return end, String, sql[i:end]
	case c == '$':
		if end = dollarEnd(sql, i); end > i {
			return end, String, sql[i:end]
		}
		return i + 1, Symbol, "$"
	case wordStart(c):
		end = i + 1
		for end < len(sql) && (wordStart(sql[end]) || sql[end] >= '0' && sql[end] <= '9' || sql[end] == '$') {
			end++
		}
		return end, Word, lowerASCII(sql[i:end])
	case c >= '0' && c <= '9':
		end = i + 1
		for end < len(sql) && (wordStart(sql[end]) || sql[end] >= '0' && sql[end] <= '9') {
			end++
		}
		return end, Symbol, sql[i:end]
	}
	return i + 1, Symbol, sql[i : i+1]
}

func wordStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + ('a' - 'A')
		}
	}
	return string(b)
}

// commentEnd gives the end of a comment, in which others may be nested.
func commentEnd(sql string, i int) int {
	depth := 0
	for i < len(sql) {
		switch {
		case strings.HasPrefix(sql[i:], "/*"):
			depth++
			i += 2
		case strings.HasPrefix(sql[i:], "*/"):
			i += 2
			if depth--; depth == 0 {
				return i
			}
		default:
			i++
		}
	}
	return i
}

func quotedName(sql string, i int) (end int, name string) {
	var b strings.Builder
	for i++; i < len(sql); i++ {
		if sql[i] == '"' {
			if !strings.HasPrefix(sql[i+1:], `"`) {
				return i + 1, b.String()
			}
			i++
		}
		b.WriteByte(sql[i])
	}
	return i, b.String()
}

func stringEnd(sql string, i int, escapes bool) int {
	for ; i < len(sql); i++ {
		switch {
		case sql[i] == '\\' && escapes:
			i++
		case sql[i] == '\'' && strings.HasPrefix(sql[i+1:], "'"):
			i++
		case sql[i] == '\'':
			return i + 1
		}
	}
	return len(sql)
}

// dollarEnd gives the end of a dollar-quoted string that begins at i, or i when none does.
func dollarEnd(sql string, i int) int {
	n := i + 1
	for n < len(sql) && (wordStart(sql[n]) || n > i+1 && sql[n] >= '0' && sql[n] <= '9') {
		n++
	}
	if n == len(sql) || sql[n] != '$' {
		return i
	}
	tag := sql[i : n+1]
	if close := strings.Index(sql[n+1:], tag); close >= 0 {
		return n + 1 + close + len(tag)
	}
	return len(sql)
}

// QuoteLiteral writes text as a string constant in SQL, whatever standard_conforming_strings is.
func QuoteLiteral(text string) string {
	quoted := "'" + strings.ReplaceAll(text, "'", "''") + "'"
	if strings.Contains(text, `\`) {
		return "E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}
