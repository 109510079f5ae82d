package report

import "slices"

// Median is the middle value, or the mean of the two in the middle. It is 0 for no values.
func Median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Summary makes a figure of values: their median and extremes.
func Summary(name, unit string, goal *Goal, values ...float64) Figure {
	f := Figure{Name: name, Unit: unit, Value: Median(values), Goal: goal}
	if len(values) > 0 {
		f.Low, f.High = slices.Min(values), slices.Max(values)
	}
	return f
}

// Ratios divides pair by pair: run i of a by run i of b, which were made in the same round, so that a machine
// that was slower in one round is so for both. Pairs without a divisor are left out.
func Ratios(a, b *Series, of func(Run) float64) (ratios []float64) {
	for i := range min(len(a.Runs), len(b.Runs)) {
		if d := of(b.Runs[i]); d > 0 {
			ratios = append(ratios, of(a.Runs[i])/d)
		}
	}
	return ratios
}

// Values lists one measurement of every run.
func (s *Series) Values(of func(Run) float64) []float64 {
	values := make([]float64, len(s.Runs))
	for i, r := range s.Runs {
		values[i] = of(r)
	}
	return values
}

// The measurements of a run, for Ratios and Values.
func Wall(r Run) float64 { return r.Wall }

// CPU is client and servers together.
func CPU(r Run) float64 { return r.CPU() }

// ServerCPU and ClientCPU are of one side.
func ServerCPU(r Run) float64 { return r.ServerCPU }
func ClientCPU(r Run) float64 { return r.ClientCPU }

// PeakAnon is in bytes.
func PeakAnon(r Run) float64 { return float64(r.PeakAnon) }

// Stored is in bytes.
func Stored(r Run) float64 { return float64(r.Stored) }

// Ratio adds the figure a ÷ b, when both series have runs.
func (b *Benchmark) Ratio(name string, goal *Goal, numerator, denominator string, of func(Run) float64) {
	n, d := b.Find(numerator), b.Find(denominator)
	if n == nil || d == nil {
		return
	}
	if ratios := Ratios(n, d, of); len(ratios) > 0 {
		b.Figures = append(b.Figures, Summary(name, "", goal, ratios...))
	}
}
