package storage

import "context"

type freeingKey struct{}

// Freeing marks the context of work that ends with more room than there was: removing backups, cleaning up. A store
// that keeps a reserve for it lets such writes use it when there is no other room.
func Freeing(ctx context.Context) context.Context { return context.WithValue(ctx, freeingKey{}, true) }

// IsFreeing reports whether ctx comes from Freeing.
func IsFreeing(ctx context.Context) bool { return ctx.Value(freeingKey{}) != nil }

type withinKey struct{}

// Within returns a context with which Get refuses objects of more bytes than most, as it does those of more than MaxSmall.
func Within(ctx context.Context, most int64) context.Context {
	return context.WithValue(ctx, withinKey{}, most)
}

// Most returns how many bytes Get may read at once.
func Most(ctx context.Context) int64 {
	if most, ok := ctx.Value(withinKey{}).(int64); ok {
		return min(most, MaxSmall)
	}
	return MaxSmall
}

// Maintainer is a Store with housekeeping of its own, which each cleanup ends with. It may be called at any time.
type Maintainer interface {
	Maintain(ctx context.Context) error
}

// Advice is something about a place that is unsafe but stops nothing.
type Advice struct {
	Message string
	Hint    string // what to do about it
}

// Adviser is a Store that knows what is unsafe about its place.
type Adviser interface {
	Advice(ctx context.Context) []Advice
}
