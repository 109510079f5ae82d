package metrics

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxTarget bounds names and values of dimensions, by the specification, in characters.
const maxTarget = 255

// EMF writes samples as lines in CloudWatch's embedded metric format: one for each combination of label values. Samples
// with labels are there by those (such as Database) and summed up over all of them, but for what only makes sense by
// itself: an age, an overdue backup. Namespace is CloudWatch's; stacks with one of their own do not see each other's metrics.
//
// Specification: "Embedded metric format", in the CloudWatch User Guide.
func EMF(w io.Writer, namespace string, now time.Time, samples []Sample) error {
	type line struct {
		dimensions map[string]string
		names      []string
		samples    []Sample
	}
	var lines []*line
	byKey := map[string]*line{}
	for _, s := range samples {
		if s.EMF == "" || math.IsNaN(s.Value) || math.IsInf(s.Value, 0) {
			continue
		}
		key := strings.Join(s.Labels, ",") + "\x00" + strings.Join(s.LabelValues, "\x00") + "\x00" + strconv.FormatBool(s.Kind == Gauge)
		l := byKey[key]
		if l == nil {
			l = &line{dimensions: map[string]string{}}
			for i, label := range s.Labels {
				name := strings.ToUpper(label[:1]) + label[1:]
				l.names = append(l.names, name)
				l.dimensions[name] = target(s.LabelValues[i])
			}
			byKey[key] = l
			lines = append(lines, l)
		}
		l.samples = append(l.samples, s)
	}
	for _, l := range lines {
		sets := [][]string{{}}
		if len(l.names) > 0 {
			sets = [][]string{l.names}
			if l.samples[0].Kind != Gauge {
				sets = append(sets, []string{})
			}
		}
		if err := writeEMF(w, namespace, now, sets, l.dimensions, l.samples); err != nil {
			return err
		}
	}
	return nil
}

// emfMetric, emfDirective and emfRoot are the specification's MetricDefinition, MetricDirective and Metadata.
type emfMetric struct {
	Name string `json:"Name"`
	Unit string `json:"Unit"`
}

type emfDirective struct {
	Namespace  string      `json:"Namespace"`
	Dimensions [][]string  `json:"Dimensions"`
	Metrics    []emfMetric `json:"Metrics"`
}

type emfMetadata struct {
	Timestamp         int64          `json:"Timestamp"` // milliseconds since 1970
	CloudWatchMetrics []emfDirective `json:"CloudWatchMetrics"`
}

func writeEMF(w io.Writer, namespace string, now time.Time, sets [][]string, dimensions map[string]string, samples []Sample) error {
	d := emfDirective{Namespace: namespace, Dimensions: sets}
	root := map[string]any{}
	for name, value := range dimensions {
		root[name] = value
	}
	for _, s := range samples {
		unit, value := s.emf()
		d.Metrics = append(d.Metrics, emfMetric{s.EMF, unit})
		root[s.EMF] = value
	}
	root["_aws"] = emfMetadata{now.UnixMilli(), []emfDirective{d}}
	data, err := json.Marshal(root)
	if err != nil {
		return fmt.Errorf("encode metrics: %w", err)
	}
	if _, err := w.Write(append(data, '\n')); err != nil {
		return fmt.Errorf("write metrics: %w", err)
	}
	return nil
}

// emf gives CloudWatch's name of the unit, and the value in it.
func (s Sample) emf() (unit string, value float64) {
	switch {
	case s.Unit == Seconds && s.EMFMillis:
		return "Milliseconds", s.Value * 1000
	case s.Unit == Seconds:
		return "Seconds", s.Value
	case s.Unit == Bytes:
		return "Bytes", s.Value
	case s.Unit == BytesPerSecond:
		return "Bytes/Second", s.Value
	case s.Unit == Count:
		return "Count", s.Value
	}
	return "None", s.Value
}

// target makes a string fit for a dimension: not empty, and not too long.
func target(s string) string {
	if s == "" {
		return unknown
	}
	if r := []rune(s); len(r) > maxTarget {
		return string(r[:maxTarget])
	}
	return s
}
