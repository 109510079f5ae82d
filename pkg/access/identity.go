package access

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cofre/pkg/fault"
)

// Identity is who a verified token stands for.
type Identity struct {
	Subject   string // stable, and unique within the issuer
	Name      string // for people; may be empty
	Role      Role
	ExpiresAt time.Time // of the token; zero when the claims do not say
}

// Reasons of a PermissionError about a token.
const (
	TokenExpired     fault.Reason = "token_expired"
	TokenNotYetValid fault.Reason = "token_not_yet_valid"
	TokenIssuer      fault.Reason = "token_issuer"
	TokenAudience    fault.Reason = "token_audience"
	TokenSignature   fault.Reason = "token_signature"
	TokenAlgorithm   fault.Reason = "token_algorithm"
	TokenInvalid     fault.Reason = "token_invalid"
	// NotAllowed: the token is good, and has no role here, or more than one.
	NotAllowed fault.Reason = "not_allowed"
)

// DefaultRolesClaim is where Amazon Cognito puts a user's groups.
const DefaultRolesClaim = "cognito:groups"

// Bounds of what is taken from a token, in bytes.
const (
	maxSubject = 255 // OpenID Connect Core, section 2
	maxName    = 200
)

// FromClaims reads who a token stands for from its verified claims. rolesClaim names the claim with the role: a string, a list,
// or a list further inside ("realm_access.roles"). A string is one name and is never split.
//
// Names that are not roles are ignored, since groups serve other programs as well. No role, one in other letters than upper
// case, and two roles are a fault with the reason [NotAllowed]; a subject that cannot be used is one with [TokenInvalid].
func FromClaims(claims map[string]any, rolesClaim string) (Identity, error) {
	subject, _ := claims["sub"].(string)
	if err := checkSubject(subject); err != nil {
		return Identity{}, err
	}
	role, err := roleIn(claims, rolesClaim)
	if err != nil {
		return Identity{}, err
	}
	id := Identity{Subject: subject, Name: nameIn(claims), Role: role}
	if exp, ok := numericDate(claims["exp"]); ok {
		id.ExpiresAt = exp
	}
	return id, nil
}

// checkSubject refuses subjects that could not stand in a record as they are, or would be taken for one of cofre's own.
func checkSubject(s string) error {
	what := ""
	switch {
	case s == "":
		what = "has no subject"
	case len(s) > maxSubject:
		what = "has a subject of more than 255 bytes"
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) }):
		what = "has a subject with characters that cannot be shown"
	case slices.Contains(ownNames, s) || strings.HasPrefix(s, "local:"):
		what = "has a subject that is a name of cofre's own in the audit trail"
	default:
		return nil
	}
	return refuse(TokenInvalid, "Ask whoever runs the identity provider: the claim sub must name the user.", "the token %s", what)
}

// ownNames are those of cofre itself: whoever does something without a token, and by a schedule. Backups of the schedule
// are told apart from others by their creator.
var ownNames = []string{"anonymous", "schedule", "cofre"}

// roleIn finds the one role of the claims.
func roleIn(claims map[string]any, rolesClaim string) (Role, error) {
	var found []Role
	wrongCase := ""
	claim := lookUp(claims, rolesClaim)
	if s, _ := claim.(string); strings.HasPrefix(s, "[") {
		return "", refuse(NotAllowed, "Send the token in the header Authorization, where lists can be read, or let the provider put the role into a claim of its own.",
			"the claim %.60q is text that may have been a list: %.60q", rolesClaim, s)
	}
	for _, name := range namesIn(claim) {
		if r := Role(name); r.Known() {
			if !slices.Contains(found, r) {
				found = append(found, r)
			}
		} else if Role(strings.ToUpper(name)).Known() {
			wrongCase = name
		}
	}
	const hint = "Ask an administrator to give you exactly one of the roles SUPERADMIN, ADMIN, SUPERVISOR, USUARIO, and sign in again."
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		slices.Sort(found)
		return "", refuse(NotAllowed, hint, "the token has more than one role: %s and %s", found[0], found[1])
	case wrongCase != "":
		return "", refuse(NotAllowed, hint, "the token has the role %q, and roles are written in upper case", wrongCase)
	}
	return "", refuse(NotAllowed, hint, "the token has no role here")
}

// lookUp finds a claim by its name, or by a path of names with dots between them. A name may have dots itself, as those that
// are addresses do.
func lookUp(claims map[string]any, path string) any {
	if v, ok := claims[path]; ok {
		return v
	}
	for i := range len(path) {
		if path[i] != '.' {
			continue
		}
		if inner, ok := claims[path[:i]].(map[string]any); ok {
			if v := lookUp(inner, path[i+1:]); v != nil {
				return v
			}
		}
	}
	return nil
}

// namesIn gives the names that a claim holds.
func namesIn(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []string:
		return v
	case []any:
		var names []string
		for _, e := range v {
			if s, ok := e.(string); ok {
				names = append(names, s)
			}
		}
		return names
	}
	return nil
}

// nameIn finds a name for people. What could not be shown is left out.
func nameIn(claims map[string]any) string {
	for _, claim := range []string{"name", "preferred_username", "cognito:username", "username", "email"} {
		s, _ := claims[claim].(string)
		s = strings.TrimSpace(strings.Map(func(r rune) rune {
			if r == utf8.RuneError || !unicode.IsGraphic(r) {
				return -1
			}
			return r
		}, s))
		for len(s) > maxName {
			_, n := utf8.DecodeLastRuneInString(s)
			s = s[:len(s)-n]
		}
		if s != "" {
			return s
		}
	}
	return ""
}

// numericDate reads seconds since 1970 (RFC 7519, section 2), also from text, as API Gateway hands them on.
func numericDate(v any) (time.Time, bool) {
	var f float64
	var err error
	switch v := v.(type) {
	case float64:
		f = v
	case json.Number:
		f, err = v.Float64()
	case string:
		f, err = strconv.ParseFloat(v, 64)
	default:
		return time.Time{}, false
	}
	// Up to the year 9999, beyond which nothing prints a date as others read it.
	if err != nil || math.IsNaN(f) || f < 0 || f > 253402300799 {
		return time.Time{}, false
	}
	return time.Unix(int64(f), 0).UTC(), true
}

// refuse is a fault about a token.
func refuse(reason fault.Reason, hint, format string, args ...any) error {
	return fault.New(fault.Permission, reason, hint, format, args...)
}
