package process

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// handshake is the line with which a go-plugin server says where it listens: core protocol, protocol version, network,
// address, and then "grpc" and its certificate in base64.
var handshake = regexp.MustCompile(`^\d+\|\d+\|(unix|tcp)\|`)

// greeting reads a process's standard output: the handshake line goes to go-plugin, everything else to the log. A plugin
// may so print before it greets, and later prints as many and as long lines as it likes.
type greeting struct {
	from io.ReadCloser
	log  *Log
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
