package uitest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cofre/internal/testenv"

	"filippo.io/age"
)

// outside is an address of this machine that is not its loopback's, as a receiver elsewhere would have: what is made in the UI leads to no other.
func outside(t *testing.T) net.IP {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && n.IP.IsGlobalUnicast() {
			return n.IP
		}
	}
	t.Fatal("this machine has no IPv4 address but its loopback's")
	return nil
}

// startOutside serves on that address, and gives the URL; with TLS also the file of a certificate to trust.
func startOutside(t *testing.T, handler http.Handler, secure bool) (serverURL, certificates string) {
	t.Helper()
	ip := outside(t)
	listener, err := net.Listen("tcp", net.JoinHostPort(ip.String(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(handler)
	s.Listener.Close()
	s.Listener = listener
	t.Cleanup(s.Close)
	if !secure {
		s.Start()
		return s.URL, ""
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{ip}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	s.StartTLS()
	certificates = filepath.Join(t.TempDir(), "trusted.pem")
	if err := os.WriteFile(certificates, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return s.URL, certificates
}

// Sources, second locations and channels from nothing, by the browser alone: a source on a real server, a channel that a real receiver gets messages of, a location in a real bucket;
// tried before they are kept, changed, removed. What the file says can only be read.
func TestSourcesPlacesAndChannels(t *testing.T) {
	server := testenv.Postgres(t, testenv.NewestMajor)
	minio := testenv.MinIO(t)
	upstream, err := url.Parse(minio.Endpoint)
	if err != nil {
		t.Fatal(err)
	}
	storage, _ := startOutside(t, &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(upstream)
		r.Out.Host = r.In.Host // it is signed
	}}, false)
	received := make(chan []byte, 10)
	hook, trusted := startOutside(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		received <- body
		_, _ = io.WriteString(w, "ok")
	}), true)
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "cofre.yaml")
	if err := os.WriteFile(file, []byte("channels:\n  - name: on-call\n    kind: ntfy\n    where: {env: NTFY}\n    severity: critical\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	backups := filepath.Join(dir, "backups")
	given := server.NewDatabase(t)
	site := serve(t, "DATABASE_URL="+given, "BACKUP_DIRECTORY="+backups, "BACKUP_CONFIG="+file, "NTFY=https://ntfy.example.com/x",
		"BACKUP_SERVER_KEY="+identity.String(), "SSL_CERT_FILE="+trusted, "BACKUP_MAX_REQUESTS_PER_MINUTE=0")
	drive(t, "kept.mjs", site, "COFRE_HOOK="+hook+"/secret-path", "COFRE_BUCKET="+minio.NewBucket(t), "COFRE_STORAGE="+storage,
		"COFRE_DATABASE="+server.NewDatabase(t), "COFRE_GIVEN="+given, "COFRE_ACCESS="+minio.AccessKey, "COFRE_SECRET_KEY="+minio.SecretKey)
	select {
	case body := <-received:
		if !bytes.Contains(body, []byte("cofre")) {
			t.Errorf("the receiver got %.300s", body)
		}
	default:
		t.Error("the receiver got no message")
	}
	// Neither an address nor a key lies in the bucket in clear.
	err = filepath.WalkDir(backups, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		for _, secret := range []string{"secret-path", minio.SecretKey} {
			if bytes.Contains(content, []byte(secret)) {
				t.Errorf("%s holds a secret in clear", path)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
