package access

import (
	"encoding/base64"
	"strings"

	"cofre/pkg/fault"
)

// FromGateway reads whom a token stands for that Amazon API Gateway has verified. texts are the claims as the gateway hands them
// on: as text, in which a list is no longer told apart from a name with spaces. So they are read from the token itself, as a
// server reads them, and the texts only say whether it is the same one. Where no token came along the texts have to do; a role
// that may be part of a list is refused then.
func FromGateway(texts map[string]string, token, rolesClaim string) (Identity, error) {
	claims := make(map[string]any, len(texts))
	if token == "" {
		for name, text := range texts {
			claims[name] = text
		}
		return FromClaims(claims, rolesClaim)
	}
	claims, err := payloadOf(token)
	if err != nil {
		return Identity{}, err
	}
	for _, name := range []string{"sub", "iss", "aud", "client_id", "jti", rolesClaim} {
		v, there := claims[name]
		text, handed := texts[name]
		if s, isText := v.(string); isText && s != text || handed && !there {
			return Identity{}, refuse(TokenInvalid, signInAgain, "the token is not the one that the gateway has verified: the claim %.40q differs", name)
		}
	}
	return FromClaims(claims, rolesClaim)
}

// payloadOf reads the claims of a JSON Web Token that somebody else has verified.
func payloadOf(token string) (map[string]any, error) {
	parts := strings.Split(token, ".")
	if len(token) > maxToken || len(parts) != 3 {
		return nil, refuse(TokenInvalid, signInAgain, "this is not a JSON Web Token")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, fault.Wrap(err, fault.Permission, TokenInvalid, signInAgain, "this is not a JSON Web Token")
	}
	return decodeClaims(payload)
}
