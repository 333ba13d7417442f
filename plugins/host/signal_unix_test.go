//go:build unix

package host_test

import "syscall"

// stopSelf freezes the process: it lives, holds its connections, and does nothing.
func stopSelf() { _ = syscall.Kill(syscall.Getpid(), syscall.SIGSTOP) }
