// Package process runs a plugin's executable for go-plugin: in a process group and an environment of its own, ended when
// the host ends, with its greeting told apart from what it prints, and its last lines kept to say why it died.
package process

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin/runner"
)

// Process is a plugin's process as go-plugin runs it. Beyond go-plugin's own it gives the process a lifeline, keeps the
// Exit status, passes on what is printed to standard output, and kills whole process groups.
type Process struct {
	log      *Log
	exited   chan struct{} // closed when it is gone, or never came to be
	greeting *greeting

	// Set by Prepare, before go-plugin starts it.
	cmd            *exec.Cmd
	stdout, stderr io.ReadCloser
	lifeline       *os.File // write end of its standard input, open for as long as the host lives

	mu      sync.Mutex
	running bool
	doomed  bool // killed, perhaps before it ran
	state   *os.ProcessState
}

var _ runner.Runner = (*Process)(nil)

// New is a process that prints to log; it is started by go-plugin after [Process.Prepare].
func New(log *Log) *Process {
	return &Process{log: log, exited: make(chan struct{}), greeting: &greeting{log: log}}
}

// Prepare gives it the command to run.
func (p *Process) Prepare(cmd *exec.Cmd) error {
	ownGroup(cmd)
	var err error
	if p.stderr, err = cmd.StderrPipe(); err != nil {
		return err
	}
	if p.greeting.from, err = cmd.StdoutPipe(); err != nil {
		return err
	}
	p.stdout, p.cmd = p.greeting, cmd
	return nil
}

// Start implements [runner.Runner].
func (p *Process) Start(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.doomed {
		close(p.exited)
		return context.Canceled
	}
	in, lifeline, err := os.Pipe()
	if err == nil {
		p.cmd.Stdin, p.lifeline = in, lifeline
		err = p.cmd.Start()
		_ = in.Close()
		if err != nil {
			_ = lifeline.Close()
		}
	}
	if err != nil {
		close(p.exited)
		return err
	}
	p.running = true
	return nil
}

// Wait implements [runner.Runner].
func (p *Process) Wait(context.Context) error {
	err := p.cmd.Wait()
	p.mu.Lock()
	p.state, p.running = p.cmd.ProcessState, false
	p.mu.Unlock()
	_ = p.lifeline.Close()
	close(p.exited)
	return err
}

// Kill implements [runner.Runner]: the process and all that it started.
func (p *Process) Kill(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doomed = true
	if !p.running {
		return nil
	}
	err := killGroup(p.cmd)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	// A grandchild that left the group may hold the pipes open, and with them go-plugin.
	time.AfterFunc(time.Second, func() {
		_ = p.stdout.Close()
		_ = p.stderr.Close()
	})
	return err
}

// Started tells whether there ever was a process.
func (p *Process) Started() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running || p.state != nil
}

// Killed tells whether it was this program that ended it, and not the process itself.
func (p *Process) Killed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.doomed && (p.state == nil || p.state.ExitCode() < 0)
}

// Exit waits a little for the process to end, and says how it did; "" while it runs.
func (p *Process) Exit(wait time.Duration) string {
	select {
	case <-p.exited:
	case <-time.After(wait):
		return ""
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == nil {
		return "it did not start"
	}
	return "its process ended with " + p.state.String()
}

// Problem says what is wrong with the handshake line; "" where nothing is, or where none came.
func (p *Process) Problem(version int) string { return p.greeting.problem(version) }

// The rest implements [runner.Runner].

// Stdout is what go-plugin reads: the handshake line.
func (p *Process) Stdout() io.ReadCloser { return p.stdout }

// Stderr is the process's standard error.
func (p *Process) Stderr() io.ReadCloser { return p.stderr }

// Name is the path of its executable.
func (p *Process) Name() string { return p.cmd.Path }

// ID is the process id.
func (p *Process) ID() string {
	if !p.Started() {
		return ""
	}
	return strconv.Itoa(p.cmd.Process.Pid)
}

// Diagnose has nothing to add: the caller of Start says what is wrong.
func (p *Process) Diagnose(context.Context) string { return "" }

// PluginToHost translates nothing: both ends see the same files.
func (p *Process) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin translates nothing.
func (p *Process) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
