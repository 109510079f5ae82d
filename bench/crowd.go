package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"cofre/bench/measure"
	"cofre/bench/report"
	"cofre/internal/process"
)

// runCrowd lets many lists at once ask a running server for its first page.
func runCrowd(ctx context.Context, s *session, b *report.Benchmark) error {
	at, err := s.newPlace()
	if err != nil {
		return err
	}
	if err := fillRegistry(ctx, at.prefix, s.effort.crowded); err != nil {
		return err
	}
	var times, peaks, unanswered []float64
	for range s.rounds {
		seconds, peak, lost, err := s.crowd(ctx, bucketURL(at.prefix))
		if err != nil {
			return err
		}
		times, peaks, unanswered = append(times, seconds), append(peaks, float64(peak)), append(unanswered, float64(lost))
	}
	b.Notes = append(b.Notes, fmt.Sprintf("%d lists at once, by one user, of a cofre serve that has just been started, with %d backups in its registry.", s.effort.readers, s.effort.crowded))
	b.Figures = []report.Figure{
		report.Summary("time until all are answered", "s", nil, times...),
		report.Summary("peak memory of the server", "bytes", report.AtMost(150e6), peaks...),
		report.Summary("lists without an answer", "count", report.AtMost(0), unanswered...),
	}
	return s.remove(ctx, at)
}

// crowd starts a server, lets everybody list, and returns the time, the peak of the server's memory in bytes, and how many
// got no page.
func (s *session) crowd(ctx context.Context, directory string) (seconds float64, peak int64, lost int, err error) {
	log, err := process.NewLog()
	if err != nil {
		return 0, 0, 0, err
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, s.cofre, "serve", "--listen", "127.0.0.1:0", "--json")
	job := s.cofreJob(s.lab.Postgres, directory)
	cmd.Env = append(append(os.Environ(), job.Env...), "BACKUP_MAX_REQUESTS_PER_MINUTE=0")
	cmd.Stderr = log.File()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, 0, 0, err
	}
	defer func() {
		err = errors.Join(err, cmd.Process.Signal(syscall.SIGTERM), cmd.Wait())
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, log)
		}
	}()
	var doc struct{ URL, Secret string }
	if err := json.NewDecoder(bufio.NewReader(out)).Decode(&doc); err != nil {
		return 0, 0, 0, fmt.Errorf("read what cofre serve says: %w", err)
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: s.effort.readers}}
	defer client.CloseIdleConnections()
	token, err := devToken(ctx, client, doc.URL, doc.Secret)
	if err != nil {
		return 0, 0, 0, err
	}
	watch := measure.Watch(cmd.Process.Pid)
	start := time.Now()
	pages := make([]error, s.effort.readers)
	var wg sync.WaitGroup
	for i := range pages {
		wg.Go(func() { pages[i] = firstPage(ctx, client, doc.URL, token) })
	}
	wg.Wait()
	seconds, peak = time.Since(start).Seconds(), watch()
	for _, err := range pages {
		if err != nil {
			lost++
			s.say("  no page: %v", err)
		}
	}
	s.say("  %d lists: %.2f s, %d MB", len(pages), seconds, peak/1_000_000)
	return seconds, peak, lost, nil
}

func devToken(ctx context.Context, client *http.Client, url, secret string) (string, error) {
	body, err := json.Marshal(map[string]string{"role": "ADMIN", "secret": secret})
	if err != nil {
		return "", err
	}
	var doc struct{ Token string }
	err = ask(ctx, client, "POST", url+"/dev/token", "", body, &doc)
	return doc.Token, err
}

func firstPage(ctx context.Context, client *http.Client, url, token string) error {
	var page struct{ Backups []json.RawMessage }
	if err := ask(ctx, client, "GET", fmt.Sprintf("%s/api/backup/list?limit=%d", url, pageSize), token, nil, &page); err != nil {
		return err
	}
	if len(page.Backups) != pageSize {
		return fmt.Errorf("a page of %d backups, not %d", len(page.Backups), pageSize)
	}
	return nil
}

func ask(ctx context.Context, client *http.Client, method, url, token string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, url, resp.Status)
	}
	return json.NewDecoder(resp.Body).Decode(into)
}
