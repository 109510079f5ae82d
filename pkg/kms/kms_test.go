package kms

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"cofre/internal/testenv"
	"cofre/pkg/fault"
	"cofre/pkg/signature"
)

func TestMain(m *testing.M) { os.Exit(testenv.Runner{M: m}.Run()) }

// real points the SDK at moto's KMS.
func real(t *testing.T) testenv.KMSServer {
	t.Helper()
	server := testenv.KMS(t)
	for _, line := range server.Env() {
		name, value, _ := strings.Cut(line, "=")
		t.Setenv(name, value)
	}
	return server
}

// sign opens a key and signs a message with it, as manifests are signed.
func sign(t *testing.T, reference string, message []byte) (armored []byte, line string) {
	t.Helper()
	k, err := Open(t.Context(), reference)
	if err != nil {
		t.Fatal(err)
	}
	o, err := k.Public(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	key, err := signature.Remote(o.Public, func(m []byte) ([]byte, error) { return o.Sign(t.Context(), m) })
	if err != nil {
		t.Fatal(err)
	}
	armored, err = signature.Sign(key, signature.Namespace, message)
	if err != nil {
		t.Fatal(err)
	}
	return armored, signature.Line(key.PublicKey())
}

// verify asks ssh-keygen.
func verify(t *testing.T, line string, message, armored []byte) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string][]byte{"sig": armored, "allowed": []byte("backups " + line + "\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", "backups", "-n", signature.Namespace, "-s", "sig")
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(message)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("ssh-keygen does not verify: %v: %s", err, out)
	}
}

// A P-256 key of KMS signs what ssh-keygen verifies, by its id, its ARN and an alias.
func TestSign(t *testing.T) {
	server := real(t)
	arn := server.NewKey(t, "ECC_NIST_P256", "SIGN_VERIFY")
	if _, err := server.Client().CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: aws.String("alias/cofre"), TargetKeyId: &arn}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{arn, arn[strings.LastIndex(arn, "/")+1:], "alias/cofre", arn[:strings.LastIndex(arn, ":")] + ":alias/cofre"} {
		message := []byte("{\"id\": \"" + name + "\"}\n")
		armored, line := sign(t, "awskms:"+name, message)
		if !strings.HasPrefix(line, "ecdsa-sha2-nistp256 ") {
			t.Errorf("%s: the key is %s", name, line)
		}
		verify(t, line, message, armored)
	}
}

// What cannot sign is refused when its public key is asked for, before any work.
func TestKeysThatCannotSign(t *testing.T) {
	server := real(t)
	const missing = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
	for name, c := range map[string]struct {
		arn  string
		code fault.Code
	}{
		"RSA":        {server.NewKey(t, "RSA_2048", "SIGN_VERIFY"), fault.Validation},
		"P-384":      {server.NewKey(t, "ECC_NIST_P384", "SIGN_VERIFY"), fault.Validation},
		"encryption": {server.NewKey(t, "RSA_2048", "ENCRYPT_DECRYPT"), fault.Validation},
		"missing":    {missing, fault.Validation},
	} {
		k, err := Open(t.Context(), "awskms:"+c.arn)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.Public(t.Context()); !fault.HasCode(err, c.code) || fault.From(err).Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReferences(t *testing.T) {
	t.Setenv("AWS_REGION", "eu-west-1")
	const id = "1234abcd-12ab-34cd-56ef-1234567890ab"
	for _, good := range []string{"awskms:" + id, "awskms:mrk-1234abcd12ab34cd56ef1234567890ab", "awskms:alias/cofre", "awskms:arn:aws:kms:sa-east-1:123456789012:key/" + id, "awskms:arn:aws-cn:kms:cn-north-1:123456789012:alias/a/b"} {
		if _, err := Open(t.Context(), good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, wrong := range []string{"awskms:", "awskms:/etc/key", "awskms:arn:aws:s3:::bucket", "awskms:arn:aws:kms:sa-east-1:123456789012:" + id, "awskms:alias/", "awskms:a b", "awskms:key/" + id, id} {
		if _, err := Open(t.Context(), wrong); !fault.HasReason(err, fault.InvalidInput) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

// answers points the SDK at a KMS that answers each operation with what is given for it: what moto cannot do.
func answers(t *testing.T, by map[string]func(in map[string]any) (int, any)) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in map[string]any
		_ = json.NewDecoder(r.Body).Decode(&in)
		_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		status, out := by[operation](in)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(out)
	}))
	t.Cleanup(server.Close)
	for name, value := range map[string]string{"AWS_ENDPOINT_URL_KMS": server.URL, "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_REGION": "eu-west-1"} {
		t.Setenv(name, value)
	}
}

const someARN = "arn:aws:kms:eu-west-1:123456789012:key/1"

// Ed25519, which moto does not have: the algorithm and the type of message are those that AWS documents for it.
func TestEd25519(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	answers(t, map[string]func(map[string]any) (int, any){
		"GetPublicKey": func(map[string]any) (int, any) {
			return 200, map[string]any{"KeyId": someARN, "PublicKey": der, "KeySpec": "ECC_NIST_EDWARDS25519", "KeyUsage": "SIGN_VERIFY"}
		},
		"Sign": func(in map[string]any) (int, any) {
			if in["SigningAlgorithm"] != "ED25519_SHA_512" || in["MessageType"] != "RAW" || in["KeyId"] != someARN {
				t.Errorf("asked to sign as %v", in)
			}
			var m struct{ Message []byte }
			data, _ := json.Marshal(in)
			_ = json.Unmarshal(data, &m)
			return 200, map[string]any{"KeyId": someARN, "Signature": ed25519.Sign(private, m.Message), "SigningAlgorithm": "ED25519_SHA_512"}
		},
	})
	message := []byte("manifest")
	armored, line := sign(t, "awskms:alias/cofre", message)
	verify(t, line, message, armored)
}

func TestErrors(t *testing.T) {
	for code, want := range map[string]struct {
		code      fault.Code
		transient bool
	}{
		"NotFoundException": {fault.Validation, false}, "AccessDeniedException": {fault.Permission, false}, "DisabledException": {fault.Permission, false},
		"KMSInvalidStateException": {fault.Permission, false}, "InvalidKeyUsageException": {fault.Validation, false}, "SomethingNew": {fault.BackupCreation, false},
	} {
		answers(t, map[string]func(map[string]any) (int, any){"GetPublicKey": func(map[string]any) (int, any) {
			return 400, map[string]string{"__type": code, "message": "no"}
		}})
		k, err := Open(t.Context(), "awskms:alias/cofre")
		if err != nil {
			t.Fatal(err)
		}
		_, err = k.Public(t.Context())
		if f := fault.From(err); f == nil || f.Code != want.code || f.Transient != want.transient || f.Hint == "" {
			t.Errorf("%s gives %+v", code, f)
		}
	}
}

// What a service answers that is no key and no signature of it is not taken for one.
func FuzzPublicKey(f *testing.F) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(der, "SIGN_VERIFY", []byte("signature"))
	f.Add([]byte("0Y0\x13"), "", []byte("0\x06\x02\x01\x01\x02\x01\x01"))
	f.Fuzz(func(t *testing.T, der []byte, usage string, raw []byte) {
		o, err := opened(&Key{name: "k"}, &kms.GetPublicKeyOutput{PublicKey: der, KeyUsage: types.KeyUsageType(usage)})
		if err != nil {
			return
		}
		key, err := signature.Remote(o.Public, func([]byte) ([]byte, error) { return raw, nil })
		if err != nil {
			t.Fatalf("a key that was taken cannot sign: %v", err)
		}
		if _, err := signature.Sign(key, signature.Namespace, []byte("m")); err == nil {
			t.Fatal("what nobody signed is a signature")
		}
	})
}
