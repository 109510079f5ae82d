package cloud

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// endless answers with a status and with bytes that do not end, and counts those that were taken.
func endless(t *testing.T, status int) *atomic.Int64 {
	t.Helper()
	sent := new(atomic.Int64)
	block := bytes.Repeat([]byte(`{"SecretString":"`+strings.Repeat("x", 100)+`",`), 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		for sent.Load() < 256<<20 {
			n, err := w.Write(block)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_MAX_ATTEMPTS": "1"} {
		t.Setenv(name, value)
	}
	return sent
}

// An answer without an end, good or bad, costs no more than its bound and what lies in the sockets' buffers.
func TestEndlessAnswers(t *testing.T) {
	for _, status := range []int{200, 400, 500} {
		sent := endless(t, status)
		cfg, err := Load(t.Context(), "eu-west-1")
		if err != nil {
			t.Fatal(err)
		}
		_, err = secretsmanager.NewFromConfig(cfg).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("x")})
		if err == nil || sent.Load() > 64<<20 {
			t.Errorf("%d: %d bytes were taken, %v", status, sent.Load(), err)
		}
	}
}

func TestBounded(t *testing.T) {
	for size, good := range map[int]bool{0: true, 9: true, 10: true, 11: false, 1000: false} {
		b := &bounded{io.NopCloser(strings.NewReader(strings.Repeat("x", size))), 10, 10}
		got, err := io.ReadAll(b)
		if (err == nil) != good || len(got) > 10 || good && len(got) != size {
			t.Errorf("%d: %d bytes, %v", size, len(got), err)
		}
	}
}

// A redirect to another place, or one without an end, is not followed.
func TestRedirects(t *testing.T) {
	var elsewhere, asked atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	t.Cleanup(other.Close)
	for to, most := range map[string]int64{other.URL: 1, "": 1 + maxRedirects} {
		asked.Store(0)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			http.Redirect(w, r, to+"/again", http.StatusTemporaryRedirect)
		}))
		t.Cleanup(server.Close)
		for name, value := range map[string]string{"AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key", "AWS_MAX_ATTEMPTS": "1"} {
			t.Setenv(name, value)
		}
		cfg, err := Load(t.Context(), "eu-west-1")
		if err != nil {
			t.Fatal(err)
		}
		_, err = secretsmanager.NewFromConfig(cfg).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("x")})
		if err == nil || elsewhere.Load() > 0 || asked.Load() > most {
			t.Errorf("to %q: asked %d times, elsewhere %d, %v", to, asked.Load(), elsewhere.Load(), err)
		}
	}
}
