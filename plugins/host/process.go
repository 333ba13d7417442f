package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-plugin/runner"
)

// process is a plugin's process as go-plugin runs it. Beyond go-plugin's own it gives the process a lifeline, keeps the
// exit status, passes on what is printed to standard output, and kills whole process groups.
type process struct {
	log      *logTail
	exited   chan struct{} // closed when it is gone, or never came to be
	greeting *greeting

	// Set by prepare, before go-plugin starts it.
	cmd            *exec.Cmd
	stdout, stderr io.ReadCloser
	lifeline       *os.File // write end of its standard input, open for as long as the host lives

	mu      sync.Mutex
	running bool
	doomed  bool // killed, perhaps before it ran
	state   *os.ProcessState
}

var _ runner.Runner = (*process)(nil)

func newProcess(log *logTail) *process {
	return &process{log: log, exited: make(chan struct{}), greeting: &greeting{log: log}}
}

// prepare gives it the command to run.
func (p *process) prepare(cmd *exec.Cmd) error {
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
func (p *process) Start(context.Context) error {
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
func (p *process) Wait(context.Context) error {
	err := p.cmd.Wait()
	p.mu.Lock()
	p.state, p.running = p.cmd.ProcessState, false
	p.mu.Unlock()
	_ = p.lifeline.Close()
	close(p.exited)
	return err
}

// Kill implements [runner.Runner]: the process and all that it started.
func (p *process) Kill(context.Context) error {
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

// started tells whether there ever was a process.
func (p *process) started() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running || p.state != nil
}

// killed tells whether it was this program that ended it, and not the process itself.
func (p *process) killed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.doomed && (p.state == nil || p.state.ExitCode() < 0)
}

// exit waits a little for the process to end, and says how it did; "" while it runs.
func (p *process) exit(wait time.Duration) string {
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

// The rest implements [runner.Runner].

func (p *process) Stdout() io.ReadCloser { return p.stdout }
func (p *process) Stderr() io.ReadCloser { return p.stderr }
func (p *process) Name() string          { return p.cmd.Path }

// ID is the process id.
func (p *process) ID() string {
	if !p.started() {
		return ""
	}
	return strconv.Itoa(p.cmd.Process.Pid)
}

// Diagnose has nothing to add: the caller of Start says what is wrong.
func (p *process) Diagnose(context.Context) string { return "" }

// PluginToHost translates nothing: both ends see the same files.
func (p *process) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin translates nothing.
func (p *process) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

// handshake is the line with which a go-plugin server says where it listens: core protocol, protocol version, network,
// address, and then "grpc" and its certificate in base64.
var handshake = regexp.MustCompile(`^\d+\|\d+\|(unix|tcp)\|`)

// greeting reads a process's standard output: the handshake line goes to go-plugin, everything else to the log. A plugin
// may so print before it greets, and later prints as many and as long lines as it likes.
type greeting struct {
	from io.ReadCloser
	log  *logTail
	buf  []byte // read and not yet told apart
	pass []byte // what is left of the handshake line
	seen bool

	mu    sync.Mutex
	parts []string
}

// Read implements [io.Reader] for go-plugin.
func (g *greeting) Read(p []byte) (int, error) {
	for {
		if len(g.pass) > 0 {
			n := copy(p, g.pass)
			g.pass = g.pass[n:]
			return n, nil
		}
		chunk := make([]byte, 4096)
		n, err := g.from.Read(chunk)
		g.take(chunk[:n])
		if err != nil && len(g.pass) == 0 {
			_, _ = g.log.Write(g.buf)
			g.buf = nil
			if errors.Is(err, os.ErrClosed) {
				err = io.EOF
			}
			return 0, err
		}
	}
}

func (g *greeting) take(b []byte) {
	if g.seen {
		_, _ = g.log.Write(b)
		return
	}
	g.buf = append(g.buf, b...)
	for !g.seen {
		end := bytes.IndexByte(g.buf, '\n') + 1
		if end == 0 {
			if len(g.buf) > lineBytes {
				_, _ = g.log.Write(g.buf)
				g.buf = g.buf[:0]
			}
			return
		}
		line := g.buf[:end]
		if handshake.Match(line) {
			g.seen = true
			g.pass = bytes.Clone(line)
			g.mu.Lock()
			g.parts = strings.Split(strings.TrimSpace(string(line)), "|")
			g.mu.Unlock()
		} else {
			_, _ = g.log.Write(line)
		}
		g.buf = g.buf[end:]
	}
	_, _ = g.log.Write(g.buf)
	g.buf = nil
}

// Close closes the pipe.
func (g *greeting) Close() error { return g.from.Close() }

// problem says what is wrong with the handshake line; "" where nothing is, or where none came.
func (g *greeting) problem(version int) string {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.parts) < 4 {
		return ""
	}
	if v, err := strconv.Atoi(g.parts[1]); err == nil && v != version {
		return fmt.Sprintf("it speaks version %d of the plugin protocol, this program speaks %d: rebuild it with the "+
			"plugins/serve (or trilemma_policy.py) of this program's release", v, version)
	}
	if len(g.parts) < 5 || g.parts[4] != "grpc" {
		return "it does not speak gRPC"
	}
	if len(g.parts) < 6 || len(g.parts[5]) <= 50 {
		return "its handshake carries no certificate: a plugin must answer PLUGIN_CLIENT_CERT with its own (AutoMTLS), " +
			"as plugins/serve and trilemma_policy.py do"
	}
	return ""
}
