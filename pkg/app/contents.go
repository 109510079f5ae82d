package app

import (
	"strings"

	"cofre/pkg/backup"
	"cofre/pkg/fault"
	"cofre/pkg/namedfile"
	"cofre/pkg/stream"
)

// serverKey reads the installation's own key, nil where there is none: the key itself, or a file with it.
func (c Config) serverKey() (*backup.ServerKey, error) {
	text := c.ServerKey
	if text == "" {
		return nil, nil
	}
	if !strings.HasPrefix(strings.TrimSpace(text), "AGE-SECRET-KEY-") {
		data, err := namedfile.Read(text, 1<<20)
		if err != nil {
			return nil, fault.Wrap(err, fault.Validation, fault.InvalidInput, "BACKUP_SERVER_KEY is an AGE-SECRET-KEY- line from age-keygen, or names a file with one, readable by this user.",
				"cannot read the file that BACKUP_SERVER_KEY names")
		}
		text = string(data)
	}
	identity, recipient, err := stream.ParseOwnKey(text)
	if err != nil {
		return nil, err
	}
	return &backup.ServerKey{Identity: identity, Recipient: recipient}, nil
}
