package server

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"cofre/pkg/fault"
	"cofre/pkg/namedfile"
)

func refuse(hint, format string, args ...any) error {
	return fault.New(fault.Validation, fault.InvalidInput, hint, format, args...)
}

// Check refuses what is not safe: tokens in the clear over a network, and tokens for everybody who can connect. New does
// it too.
func (c *Config) Check() error {
	if (c.CertFile == "") != (c.KeyFile == "") {
		return refuse("Give both --tls-cert and --tls-key, or neither.", "a certificate and its key belong together")
	}
	if c.SignIn.Development == nil && c.SignIn.Issuer == "" {
		return refuse("Set BACKUP_OIDC_ISSUER, or use development mode on loopback.", "there is nobody who could sign in")
	}
	if c.SignIn.Development != nil && len(c.SignIn.Secret) < 16 {
		return refuse("Make one at each start, and print it.", "development mode needs a secret of 16 characters or more")
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return refuse("Write it as host:port, such as 127.0.0.1:8080 or [::1]:8080.", "%.80q is not an address to listen on", c.Listen)
	}
	if c.SignIn.Development != nil && c.BehindProxy {
		return refuse("Set BACKUP_OIDC_ISSUER: in development mode everybody who can connect may do everything.", "development mode does not work behind a proxy")
	}
	if loopbackHost(host) {
		return nil
	}
	switch {
	case c.SignIn.Development != nil:
		return refuse("Set BACKUP_OIDC_ISSUER: in development mode everybody who can connect may do everything. Or listen on 127.0.0.1.",
			"%s is not an address of this machine alone, and there is no identity provider", c.Listen)
	case c.CertFile == "" && !c.BehindProxy:
		return refuse("Give --tls-cert and --tls-key; or --behind-proxy when a proxy in front speaks TLS and only it can connect; or listen on 127.0.0.1.",
			"%s is not an address of this machine alone, and without TLS tokens would cross the network readable", c.Listen)
	}
	return nil
}

// loopbackHost tells whether a host can only be reached from this machine. Names other than localhost may be anything.
func loopbackHost(host string) bool {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// certificate is a certificate that is read again when its files change, so that a renewal needs no restart.
type certificate struct {
	certFile, keyFile string
	log               *slog.Logger

	mu     sync.Mutex
	looked time.Time
	sum    [sha256.Size]byte
	pair   *tls.Certificate
}

// lookEvery is how often the files are looked at, at most.
const lookEvery = 10 * time.Second

func newCertificate(certFile, keyFile string, log *slog.Logger) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile, log: log}
	if err := c.load(); err != nil {
		return nil, fault.Wrap(err, fault.Validation, fault.InvalidInput, "Give PEM files that belong together, readable by this user: the certificate with its chain, and its key.",
			"the certificate %s cannot be used", certFile)
	}
	return c, nil
}

// load reads the files, when they are not the ones that are held.
func (c *certificate) load() error {
	c.looked = time.Now()
	cert, err := namedfile.Read(c.certFile, 1<<20)
	if err != nil {
		return err
	}
	key, err := namedfile.Read(c.keyFile, 1<<20)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(append(append(cert[:len(cert):len(cert)], 0), key...))
	if c.pair != nil && sum == c.sum {
		return nil
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("read the pair: %w", err)
	}
	if c.pair != nil {
		c.log.Info("certificate read again")
	}
	c.pair, c.sum = &pair, sum
	return nil
}

// get implements tls.Config.GetCertificate. While the new files cannot be used, the old certificate is.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) >= lookEvery {
		if err := c.load(); err != nil {
			c.log.Warn("the certificate cannot be read again; the old one is used", "error", err.Error())
		}
	}
	return c.pair, nil
}
