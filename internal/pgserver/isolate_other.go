//go:build !linux

package pgserver

import "syscall"

const canIsolate = false

func isolate(*syscall.SysProcAttr) {}
