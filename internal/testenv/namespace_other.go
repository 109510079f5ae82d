//go:build !linux

package testenv

import "testing"

// InMountNamespace fails: mounts of a process's own are Linux's.
func InMountNamespace(t *testing.T) bool {
	t.Helper()
	t.Fatal("this test mounts file systems in a process with mounts of its own: run it on Linux")
	return false
}

// Disk is for a process of InMountNamespace.
func Disk(t *testing.T, _ string) string {
	t.Helper()
	InMountNamespace(t)
	return ""
}

// ReadOnly is for a process of InMountNamespace.
func ReadOnly(t *testing.T, _ string, _ bool) {
	t.Helper()
	InMountNamespace(t)
}

// Fill is for a process of InMountNamespace.
func Fill(t *testing.T, _ string) func() {
	t.Helper()
	InMountNamespace(t)
	return nil
}

// Proc is for a process of InMountNamespace.
func Proc(t *testing.T, _ string) {
	t.Helper()
	InMountNamespace(t)
}
