package s3

import ()

// Plan says how long each part of an upload is.
//
// The first flat parts have the base size: 70 % of what the service allows. Behind them parts are four, sixteen,
// 64 and 640 times as long (never above 5 GiB), so that an upload from 8 MiB upwards ends at the protocol's
// 5 TiB, not for want of parts. A known size is divided so that it stays within the flat ones, which keeps
// memory low. With equal parts all have the base size.
type Plan struct {
	base  int64 // bytes
	max   int   // parts
	equal bool
}

// growth divides the parts behind the flat ones: up to which share (in thousandths) of all parts, how many
// times the base.
var growth = []struct {
	until int
	times int64
}{{700, 1}, {800, 4}, {850, 16}, {900, 64}, {1000, 640}}

// memoryBudget is what the buffers of an upload share, in bytes, as long as two parts fit.
const memoryBudget = 64 << 20

// sizeStep rounds part sizes, in bytes.
const sizeStep = 1 << 20

func NewPlan(base, expected int64, most int, equal bool) Plan {
	p := Plan{base: base, max: most, equal: equal}
	if expected <= 0 {
		return p
	}
	flat := int64(most)
	if !equal {
		flat = max(1, flat*int64(growth[0].until)/1000)
	}
	expected += expected / 8 // estimates are rough
	if need := roundUp((expected+flat-1)/flat, sizeStep); need > p.base {
		p.base = min(need, maxPartSize)
	}
	return p
}

// Size is the length in bytes of part n (from 1), 0 when there may be no such part.
func (p Plan) Size(n int) int64 {
	if n < 1 || n > p.max {
		return 0
	}
	if p.equal {
		return p.base
	}
	for _, g := range growth {
		if n*1000 <= g.until*p.max {
			return min(p.base*g.times, maxPartSize)
		}
	}
	return 0
}

// total is how many bytes fit, for messages.
func (p Plan) total() int64 {
	var sum int64
	for n := 1; n <= p.max; n++ {
		if sum += p.Size(n); sum > maxObjectSize {
			return maxObjectSize
		}
	}
	return sum
}

// buffers is how many parts of a size may be in memory at once.
func (p Plan) buffers(size int64, concurrency int) int {
	n := int(memoryBudget / size)
	return max(min(n, concurrency), min(2, concurrency))
}

func roundUp(n, step int64) int64 { return (n + step - 1) / step * step }
