//go:build !linux

package testenv

func inMemory() string { return "" }

func useMemory() func() { return func() {} }
