//go:build !lambda

package metrics

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Recorder counts what this process does, and shows it to Prometheus together with the state of all backups. It is
// safe for use by several goroutines.
type Recorder struct {
	registry   *prometheus.Registry
	counters   map[*Definition]*prometheus.CounterVec
	histograms map[*Definition]*prometheus.HistogramVec
	version    string

	mu   sync.Mutex
	seen map[string]bool // source, and source with database
}

// maxNames bounds the values of the labels source and database: whoever may ask for a backup may name any database, and
// each new name would be kept for ever.
const maxNames = 100

// New makes a recorder. version is cofre's own.
func New(version string) *Recorder {
	r := &Recorder{
		registry: prometheus.NewRegistry(), counters: map[*Definition]*prometheus.CounterVec{}, histograms: map[*Definition]*prometheus.HistogramVec{},
		version: version, seen: map[string]bool{},
	}
	for _, d := range Definitions {
		switch d.Kind {
		case Counter:
			r.counters[d] = prometheus.NewCounterVec(prometheus.CounterOpts{Name: d.Name, Help: d.Help}, d.Labels)
			r.registry.MustRegister(r.counters[d])
		case Histogram:
			r.histograms[d] = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: d.Name, Help: d.Help, Buckets: d.buckets}, d.Labels)
			r.registry.MustRegister(r.histograms[d])
		}
	}
	r.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// Expect shows the counters of a source from the start, with 0, so that the first failure is seen as a rise.
func (r *Recorder) Expect(source, database string) {
	r.Add(BackupSuccess.Of(0, source, cmp.Or(database, unknown)), BackupFailure.Of(0, source, cmp.Or(database, unknown)))
}

// Add counts samples of counters and observes those of histograms. Gauges are not kept: State gives them.
func (r *Recorder) Add(samples ...Sample) {
	for _, s := range samples {
		labels := r.bounded(s)
		switch s.Kind {
		case Counter:
			r.counters[s.Definition].WithLabelValues(labels...).Add(s.Value)
		case Histogram:
			r.histograms[s.Definition].WithLabelValues(labels...).Observe(s.Value)
		}
	}
}

// bounded returns the label values, with a source and its database beyond the bound as "other".
func (r *Recorder) bounded(s Sample) []string {
	i := slices.Index(s.Labels, "source")
	if i < 0 {
		return s.LabelValues
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	key := strings.Join(s.LabelValues[i:i+2], "\x00") // the database is the next label
	if r.seen[key] {
		return s.LabelValues
	}
	if len(r.seen) >= maxNames {
		labels := slices.Clone(s.LabelValues)
		labels[i], labels[i+1] = "other", "other"
		return labels
	}
	r.seen[key] = true
	return s.LabelValues
}

// scrapeWithin bounds reading the registry for a scrape; Prometheus itself waits 10 seconds.
const scrapeWithin = 8 * time.Second

// Handler shows everything in the text format. state is asked once for each scrape; when it fails, what this process
// counted is shown all the same, and cofre_registry_readable is 0.
func (r *Recorder) Handler(state func(context.Context) ([]Sample, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		ctx, cancel := context.WithTimeout(req.Context(), scrapeWithin)
		defer cancel()
		samples, err := state(ctx)
		readable := RegistryReadable.Of(flag(err == nil))
		once := prometheus.NewRegistry()
		once.MustRegister(gauges(append(samples, readable, BuildInfo.Of(1, r.version))))
		both := prometheus.Gatherers{r.registry, once}
		promhttp.HandlerFor(both, promhttp.HandlerOpts{EnableOpenMetrics: true}).ServeHTTP(w, req)
	})
}

// gauges is a collector of samples that were taken just now.
type gauges []Sample

// Describe implements prometheus.Collector. It describes nothing: which labels there are depends on the state.
func (gauges) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (g gauges) Collect(out chan<- prometheus.Metric) {
	for _, s := range g {
		if s.Kind == Gauge {
			out <- prometheus.MustNewConstMetric(prometheus.NewDesc(s.Name, s.Help, s.Labels, nil), prometheus.GaugeValue, s.Value, s.LabelValues...)
		}
	}
}
