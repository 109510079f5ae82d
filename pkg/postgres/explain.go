package postgres

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"cofre/pkg/fault"
)

// Explain turns an error of a connection or a query into a fault that says which of host, port, TLS, login,
// pg_hba.conf, database or right it was. Transient is set only when trying again can help. A fault stays
// as it is, nil stays nil.
func (t Target) Explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var known *fault.Error
	if errors.As(err, &known) {
		return known
	}
	if ctx.Err() != nil && errors.Is(context.Cause(ctx), context.Canceled) {
		return fault.Wrap(err, fault.Canceled, "", "", "stopped while talking to the database %s", t.Redacted())
	}
	var best *fault.Error
	rank, said := -1, ""
	for _, leaf := range leaves(err) {
		f, r := t.explainLeaf(leaf)
		if r > rank || r == rank && f.Transient && !best.Transient {
			best, rank, said = f, r, leaf.Error()
		}
	}
	best.Err = &fault.Text{Cause: err, Whole: fault.Shorten(t.Redact(said), fault.MaxWhole)}
	return best
}

// leaves lists the errors of a tree that have no further cause; a connection to several hosts, or with and
// without TLS, fails with one for each try.
func leaves(err error) []error {
	var pgErr *pgconn.PgError
	if e, ok := err.(*pgconn.PgError); ok {
		pgErr = e
		return []error{pgErr}
	}
	switch e := err.(type) {
	case interface{ Unwrap() []error }:
		var out []error
		for _, child := range e.Unwrap() {
			out = append(out, leaves(child)...)
		}
		return out
	case *net.OpError, *net.DNSError, *tls.CertificateVerificationError:
		return []error{err}
	case interface{ Unwrap() error }:
		if child := e.Unwrap(); child != nil {
			return leaves(child)
		}
	}
	return []error{err}
}

// explainLeaf gives the fault for one cause and how much it says: what a server answered says more than
// a failed TLS handshake, which says more than a network that does not answer.
func (t Target) explainLeaf(err error) (*fault.Error, int) {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return t.explainServer(pgErr), 3
	}
	if f := t.explainAsked(err); f != nil {
		return f, 3
	}
	if f := t.explainTLS(err); f != nil {
		if mode := t.settings["sslmode"]; f.Reason == fault.TLSRefused && (mode == "" || mode == "prefer" || mode == "allow") {
			return f, 0 // there was a try without TLS, and what became of that counts
		}
		return f, 2
	}
	return t.explainNetwork(err), 1
}

func (t Target) fault(r fault.Reason, transient bool, hint, format string, args ...any) *fault.Error {
	f := fault.New(fault.DatabaseConnection, r, hint, format, args...)
	f.Transient = transient
	return f
}

// address names the server as a person would.
func (t Target) address() string {
	if strings.HasPrefix(t.Host(), "/") {
		return fmt.Sprintf("socket %s/.s.PGSQL.%s", t.Host(), t.Port())
	}
	return fmt.Sprintf("%s port %s", t.Host(), t.Port())
}

// explainNetwork covers everything before the server has said a word.
func (t Target) explainNetwork(err error) *fault.Error {
	var dns *net.DNSError
	var netErr net.Error
	var long *pgproto3.ExceededMaxBodyLenErr
	var refused *refusedAnswer
	switch {
	case errors.As(err, &refused):
		return t.fault("", false, "Check that host and port are those of PostgreSQL, and who answers there.", "%s %s", t.address(), refused.what)
	case errors.As(err, &long):
		return t.fault("", false, "Check that host and port are those of PostgreSQL, and who answers there.",
			"%s sent a message of %d bytes, more than the %d that cofre reads there", t.address(), long.ActualBodyLen, long.MaxExpectedBodyLen)
	case errors.As(err, &dns) && dns.IsNotFound:
		return t.fault(fault.HostUnknown, false, "Check the spelling and this machine's DNS.",
			"host name %q not found", cmp.Or(dns.Name, t.Host()))
	case errors.As(err, &dns):
		return t.fault(fault.HostUnknown, true, "The name server did not answer: check the network, then try again.",
			"the host name %q could not be looked up", cmp.Or(dns.Name, t.Host()))
	case errors.Is(err, syscall.ECONNREFUSED):
		return t.fault(fault.PortRefused, true, "Check that PostgreSQL is running, that the port is right, and that listen_addresses covers this address.",
			"connection refused at %s", t.address())
	case errors.Is(err, syscall.ENOENT):
		return t.fault(fault.PortRefused, true, "Check that PostgreSQL is running and that the socket directory and port are right, or connect by host name.",
			"%s does not exist", t.address())
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return t.fault(fault.PortRefused, false, "Run it as a user who may open the socket, or connect by host name.",
			"the system does not allow connecting to %s", t.address())
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTDOWN):
		return t.fault(fault.HostUnreachable, true, "Check the network: routes, VPN, VPC, security groups.",
			"host %s is unreachable", t.Host())
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return t.fault(fault.HostUnreachable, true,
			"Check host and port, and that firewalls and security groups allow this machine. connect_timeout sets how long to wait.",
			"connection to %s timed out", t.address())
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE), errors.Is(err, net.ErrClosed), errors.Is(err, pgconn.ErrConnClosed):
		return t.fault(fault.ConnectionLost, true, "Try again. If it recurs, check the server log and any proxy or pooler in between.",
			"connection to %s lost", t.address())
	}
	return t.fault("", false, "Check the cause, the server log and the connection string.", "cannot use the database at %s", t.address())
}

// explainTLS answers nil when the error is not about TLS.
func (t Target) explainTLS(err error) *fault.Error {
	var (
		verify  *tls.CertificateVerificationError
		unknown x509.UnknownAuthorityError
		host    x509.HostnameError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
		alert   tls.AlertError
	)
	switch text := err.Error(); {
	case errors.As(err, &host):
		return t.fault(fault.TLSCertificate, false, "Connect by a name in the certificate, or use sslmode=verify-ca to skip the name check.",
			"the TLS certificate of %s does not match the host name", t.Host())
	case errors.As(err, &unknown):
		return t.fault(fault.TLSCertificate, false, "Set sslrootcert to that CA's certificate, or to system for public CAs.",
			"the TLS certificate of %s is from an untrusted CA", t.Host())
	case errors.As(err, &invalid), errors.As(err, &verify):
		return t.fault(fault.TLSCertificate, false, "Renew the server's certificate, or correct the clock of this machine.",
			"the TLS certificate of %s is not valid", t.Host())
	case strings.Contains(text, "server refused TLS"):
		return t.fault(fault.TLSRefused, false, "Enable TLS on the server (ssl = on), or use sslmode=prefer if an unencrypted connection is acceptable.",
			"server %s does not support TLS, and sslmode=%s requires it", t.Host(), cmp.Or(t.settings["sslmode"], "prefer"))
	case errors.As(err, &alert) && strings.Contains(text, "certificate"), strings.Contains(text, "sslcertmode"), strings.Contains(text, "SSL certificate"):
		return t.fault(fault.TLSCertificate, false, "Set sslcert and sslkey to a client certificate that the server accepts.",
			"the server %s did not accept the TLS client certificate", t.Host())
	case errors.As(err, &record), errors.As(err, &alert), strings.Contains(text, "tls: "):
		return t.fault(fault.TLSRefused, false, "Check that host and port are those of PostgreSQL, and which TLS versions the server allows.",
			"no TLS connection could be agreed on with %s", t.address())
	}
	return nil
}
