// Package certificate is a statement of what the proof of a backup showed, for people who do not run cofre: JSON that programs read
// and a key signs, and the same as a page to print. It knows no storage and no keys.
package certificate

import (
	"encoding/json"
	"time"
)

// Type and Version say what a document is.
const (
	Type    = "cofre-certificate"
	Version = 1
)

// Certificate states that a backup was restored, and what was compared afterwards. Sizes are bytes, durations milliseconds, times RFC 3339
// in UTC.
type Certificate struct {
	Type     string    `json:"type"`
	Version  int       `json:"version"`
	IssuedAt time.Time `json:"issuedAt"`
	Issuer   Issuer    `json:"issuer"`
	// Statement says it in one sentence. What counts are the fields.
	Statement string `json:"statement"`
	Backup    Backup `json:"backup"`
	Proof     Proof  `json:"proof"`
}

// Issuer is who states it.
type Issuer struct {
	Program string `json:"program"` // cofre, and its version
	Key     string `json:"key"`     // fingerprint of the key that signs: SHA256:...
}

// Backup is which backup it is about.
type Backup struct {
	ID               string    `json:"id"`
	Source           string    `json:"source"`
	Database         string    `json:"database"`
	Server           string    `json:"server,omitempty"`           // host:port
	SystemIdentifier string    `json:"systemIdentifier,omitempty"` // of the server's cluster
	CreatedAt        time.Time `json:"createdAt"`
	File             string    `json:"file"`
	Size             int64     `json:"size"`
	SHA256           string    `json:"sha256"` // of the stored file, hex
	Format           string    `json:"format"`
	Encryption       string    `json:"encryption"`
	Part             string    `json:"part,omitempty"` // what was selected, of a backup that does not hold everything
	DatabaseVersion  string    `json:"databaseVersion"`
	PgDumpVersion    string    `json:"pgDumpVersion"`
	// ManifestSigned reports that the backup's record was compared with the signature that was made with it, by a trusted key.
	ManifestSigned bool `json:"manifestSigned"`
}

// Proof is what was compared, and with what.
type Proof struct {
	At time.Time `json:"at"`
	// Witnessed reports that whoever signed made the proof himself; otherwise he read of it in the backup's records.
	Witnessed bool `json:"witnessed"`
	// Whole reports that everything in the backup was compared; otherwise Without names what was not, as far as the record does, of NotCompared things.
	Whole        bool     `json:"whole"`
	Tables       int      `json:"tables"`
	Rows         int64    `json:"rows"`
	OfRows       int64    `json:"ofRows,omitempty"` // that the backup holds, where there was room for a sample alone; 0 where all of its tables were restored
	Sequences    int      `json:"sequences"`
	LargeObjects int64    `json:"largeObjects"`
	Definitions  int      `json:"definitions"`
	Checks       int      `json:"checks"`
	RestoreMS    int64    `json:"restore"`
	Server       string   `json:"server"` // version of PostgreSQL that it was restored into
	Tool         string   `json:"tool"`
	Isolated     bool     `json:"isolated"` // that server reached no network
	Counted      string   `json:"counted"`  // when what it was compared with was counted: "during the backup" or "afterwards, in the backup"
	Without      []string `json:"without,omitempty"`
	NotCompared  int      `json:"notCompared"`
}

// Values of [Proof].Counted.
const (
	DuringBackup = "during the backup"
	Afterwards   = "afterwards, in the backup"
)

// JSON is the document that is signed: indented, with a line feed at its end.
func (c Certificate) JSON() ([]byte, error) {
	data, err := json.MarshalIndent(c, "", "  ")
	return append(data, '\n'), err
}
