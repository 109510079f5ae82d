//go:build !linux

package testenv

func inMemory() string { return "" }
