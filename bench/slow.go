package main

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"cofre/bench/measure"
	"cofre/bench/report"
)

// distantRate is what each connection to a database that is not next door gives, in bytes per second.
const distantRate = 20e6

// runDistant backs the database up through a proxy that slows each connection down.
func runDistant(ctx context.Context, s *session, b *report.Benchmark) error {
	proxy, err := startSlowProxy("127.0.0.1:"+strconv.Itoa(s.lab.Postgres.Port), distantRate)
	if err != nil {
		return err
	}
	defer proxy.close()
	p := s.lab.Postgres.At(proxy.port())
	s.say("  warm-up")
	if _, err := s.cofreEntrant("", "", s.lab.Postgres, false).run(ctx); err != nil {
		return err
	}
	best := rivals[bestRival()]
	err = s.inTurn(ctx, b, []entrant{
		best.entrantAt(s, p, true),
		s.cofreEntrant("cofre", "cofre create --jobs 4", p, false, "--jobs", "4"),
		s.cofreEntrant("cofre, one reader", "cofre create --jobs 1", p, false, "--jobs", "1"),
	})
	if err != nil {
		return err
	}
	b.Notes = append(b.Notes, "Each connection to the database gives 20 MB a second, as over a distance or from a server that bounds it.")
	b.Ratio("wall, stock best ÷ cofre", report.AtLeast(3), "stock best", "cofre", report.Wall)
	b.Ratio("wall, stock best ÷ cofre with one reader", nil, "stock best", "cofre, one reader", report.Wall)
	b.Ratio("CPU of client and servers, cofre ÷ stock best", nil, "cofre", "stock best", report.CPU)
	return nil
}

// slowProxy passes on what goes over each connection at a bounded rate.
type slowProxy struct {
	listener net.Listener
	target   string
	rate     float64 // bytes per second, of each connection and direction
	all      sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]bool
}

func startSlowProxy(target string, rate float64) (*slowProxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &slowProxy{listener: listener, target: target, rate: rate, open: map[net.Conn]bool{}}
	p.all.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			p.all.Go(func() { p.serve(c) })
		}
	})
	return p, nil
}

func (p *slowProxy) port() int { return p.listener.Addr().(*net.TCPAddr).Port }

// close ends all connections, and waits for who served them.
func (p *slowProxy) close() {
	p.listener.Close()
	p.mu.Lock()
	for c := range p.open {
		c.Close()
	}
	p.open = nil
	p.mu.Unlock()
	p.all.Wait()
}

// keep notes a connection, for close. It reports false when that is over.
func (p *slowProxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open != nil {
		p.open[c] = true
	}
	return p.open != nil
}

func (p *slowProxy) drop(c net.Conn) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, c)
}

func (p *slowProxy) serve(client net.Conn) {
	defer p.drop(client)
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	defer p.drop(server)
	if !p.keep(client) || !p.keep(server) {
		return
	}
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		both.Go(func() {
			_ = pace(way[1], way[0], p.rate)
			// The end of one direction is the end of both: nobody here sends after he has said that he is done.
			way[0].Close()
			way[1].Close()
		})
	}
	both.Wait()
}

// pace copies at a rate. What a moment's wait has left unused is made up for a twentieth of a second at most.
func pace(w io.Writer, r io.Reader, rate float64) error {
	buffer := make([]byte, 32<<10)
	next := time.Now()
	for {
		n, err := r.Read(buffer)
		if n > 0 {
			if earliest := time.Now().Add(-50 * time.Millisecond); next.Before(earliest) {
				next = earliest
			}
			time.Sleep(time.Until(next))
			next = next.Add(time.Duration(float64(n) / rate * float64(time.Second)))
			if _, err := w.Write(buffer[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// runSmall backs a database of 1 MB up, and runTables one of very many empty tables: what does not grow with the rows.
func runSmall(ctx context.Context, s *session, b *report.Benchmark) error {
	return s.runFixed(ctx, b, "small", 1.5,
		"CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, at timestamptz NOT NULL)",
		"INSERT INTO customers SELECT i, md5(i::text), timestamptz '2026-01-01' + i * interval '1 minute' FROM generate_series(1, 6000) i",
		"CREATE TABLE orders (id int PRIMARY KEY, customer int NOT NULL REFERENCES customers, items jsonb NOT NULL)",
		"INSERT INTO orders SELECT i, 1 + i % 6000, jsonb_build_object('number', i, 'what', md5((-i)::text)) FROM generate_series(1, 8000) i",
		"CREATE INDEX ON orders (customer)", "CREATE VIEW totals AS SELECT customer, count(*) FROM orders GROUP BY 1", "ANALYZE")
}

func runTables(ctx context.Context, s *session, b *report.Benchmark) error {
	return s.runFixed(ctx, b, "tables"+strconv.Itoa(s.effort.tables), 1.2,
		`DO $$ BEGIN FOR i IN 1..`+strconv.Itoa(s.effort.tables)+` LOOP
			EXECUTE format('CREATE TABLE t%s (id bigint PRIMARY KEY, name text NOT NULL, v numeric)', i);
			IF i % 500 = 0 THEN COMMIT; END IF;
		END LOOP; END $$`, "ANALYZE")
}

// runFixed compares cofre with pg_dump on another database of the lab's server, into a folder that has a backup already.
func (s *session) runFixed(ctx context.Context, b *report.Benchmark, database string, bound float64, sql ...string) error {
	p := s.lab.Postgres
	if err := p.Make(ctx, database, "template0", sql...); err != nil {
		return err
	}
	at, err := s.newPlace()
	if err != nil {
		return err
	}
	job := s.cofreJob(p.Of(database), at.dir, "create", "--json")
	stock := measure.Job{Steps: []measure.Pipeline{{(&course{s: s}).dump("--format=custom", "--compress=zstd:1", "--file="+at.dir+"/stock.dump")}},
		Env: p.Env(database), Dir: at.dir}
	for _, j := range []measure.Job{stock, job} {
		if _, _, err := s.measure(ctx, p, j); err != nil {
			return err
		}
	}
	entrants := func(name, how string, j measure.Job) entrant {
		return entrant{name, how, func(ctx context.Context) (report.Run, error) {
			run, _, err := s.measure(ctx, p, j)
			return run, err
		}}
	}
	err = s.inTurn(ctx, b, []entrant{
		entrants("pg_dump", "pg_dump -Fc --compress=zstd:1 into a file", stock),
		entrants("cofre", "cofre create into a local directory, where all is synced to the disk", job),
	})
	if err != nil {
		return err
	}
	b.Ratio("wall, cofre ÷ pg_dump", report.AtMost(bound), "cofre", "pg_dump", report.Wall)
	b.Ratio("CPU of client and server, cofre ÷ pg_dump", nil, "cofre", "pg_dump", report.CPU)
	return s.remove(ctx, at)
}

// bestRival is the index of the best that stock tools do in one stream.
func bestRival() int {
	for i, c := range rivals {
		if c.name == "stock best" {
			return i
		}
	}
	panic("there is no such rival")
}
