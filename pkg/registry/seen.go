package registry

import (
	"sync"

	"cofre/pkg/fault"
	"cofre/pkg/storage"
)

// seen holds what was in objects when they were read, by key, for as long as the service says that they are the same: whoever looks at many of them again and
// again asks for one listing, and for what has changed. It is safe for use by several goroutines.
type seen[T any] struct {
	mu   sync.Mutex
	read map[string]asRead[T]
}

// asRead is what was in an object, or why that is nothing.
type asRead[T any] struct {
	etag string
	is   T
	err  error
}

// get returns what is in an object of a listing. read returns its ETag, too; what it finds wrong with an object stays wrong until that is another one.
func (s *seen[T]) get(o storage.Object, read func() (is T, etag string, err error)) (T, error) {
	s.mu.Lock()
	was, known := s.read[o.Key]
	s.mu.Unlock()
	if known && o.ETag != "" && was.etag == o.ETag {
		return was.is, was.err
	}
	is, etag, err := read()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read == nil {
		s.read = map[string]asRead[T]{}
	}
	delete(s.read, o.Key)
	if err == nil || fault.HasCode(err, fault.Validation) && !storage.IsNotFound(err) {
		s.read[o.Key] = asRead[T]{etag, is, err}
	}
	return is, err
}

// forget makes room where most of what is held is of objects that are gone; there are so many.
func (s *seen[T]) forget(objects int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.read) > 2*objects+100 {
		s.read = nil
	}
}
