// Package serve turns a policy into a plugin with one call:
//
//	func main() { serve.Policy(policy.Definition{…}) }
//
// The host starts the executable and speaks policy.v2 with it over gRPC; see package wire. A process serves one instance
// of one policy. What it prints goes to the run's log. A panic in the policy's code fails the call, with the stack in
// the log, and leaves the process alive; one in a goroutine of its own ends the process, which the host reports.
package serve

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/hashicorp/go-hclog"
	plugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	pb "github.com/trilemma-bench/trilemma/plugins/proto/policyv2"
	"github.com/trilemma-bench/trilemma/plugins/wire"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Policy serves one policy until the host is done, and then ends the process.
func Policy(def policy.Definition) { Main(def) }

// Main serves one of several policies, the one that the host asks for by name, and then ends the process.
func Main(defs ...policy.Definition) {
	os.Exit(run(os.Getenv(wire.PolicyEnv), defs))
}

// Bundled serves one of the program's own policies: the host re-executes the program with the arguments
// [wire.BundledArg] and the policy's name. It ends the process.
func Bundled(name string, lookup func(name string) (policy.Definition, bool)) {
	def, ok := lookup(name)
	if !ok {
		fmt.Fprintf(os.Stderr, "this program has no policy %q\n", name)
		os.Exit(2)
	}
	os.Exit(run(name, []policy.Definition{def}))
}

func run(wanted string, defs []policy.Definition) int {
	if os.Getenv(wire.Handshake.MagicCookieKey) != wire.Handshake.MagicCookieValue {
		fmt.Fprintln(os.Stderr, "This is a plugin of Trilemma, not to be run by hand. It serves:")
		for _, d := range defs {
			fmt.Fprintf(os.Stderr, "  %s %s: %s\n", d.Description.Name, d.Description.Version, d.Description.Summary)
		}
		fmt.Fprintf(os.Stderr, "Call it %sNAME, put its folder on %s, and see it with: trilemma policy list\n",
			wire.ExecutablePrefix, wire.PathEnv)
		return 2
	}
	def, err := choose(wanted, defs)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if os.Getenv(wire.LifelineEnv) == "stdin" {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(0)
		}()
	}
	s := newServer(def)
	stderr := os.Stderr
	// go-plugin sends what is printed through gRPC, which loses the last words of a process that exits. The pipe to the
	// host loses none, so printing goes there again as soon as go-plugin is set up: at the first call.
	s.started = func() { os.Stdout, os.Stderr = stderr, stderr }
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig:  wire.Handshake,
		VersionedPlugins: wire.Protocols(&grpcPlugin{server: s}),
		GRPCServer:       newGRPCServer,
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Error, Output: stderr, DisableTime: true}),
	})
	return 0
}

func choose(wanted string, defs []policy.Definition) (policy.Definition, error) {
	var names []string
	for _, d := range defs {
		if len(defs) == 1 || d.Description.Name == wanted {
			if d.New == nil {
				return d, fmt.Errorf("policy %q cannot be made: its Definition has no New", d.Description.Name)
			}
			return d, nil
		}
		names = append(names, d.Description.Name)
	}
	return policy.Definition{}, fmt.Errorf("this plugin has no policy %q; it serves %q", wanted, names)
}

// newGRPCServer lifts gRPC's limits, which chunks never reach, for hosts that send larger messages, and opens the flow
// control window wide enough for a batch to cross without waiting.
func newGRPCServer(opts []grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append(opts,
		grpc.MaxRecvMsgSize(wire.MessageBytes), grpc.MaxSendMsgSize(wire.MessageBytes),
		grpc.InitialWindowSize(wire.WindowBytes), grpc.InitialConnWindowSize(wire.WindowBytes),
	)...)
}

// grpcPlugin is the server as go-plugin wants it.
type grpcPlugin struct {
	plugin.NetRPCUnsupportedPlugin
	server *server
}

func (p *grpcPlugin) GRPCServer(_ *plugin.GRPCBroker, s *grpc.Server) error {
	pb.RegisterPolicyServer(s, p.server)
	return nil
}

func (p *grpcPlugin) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, fmt.Errorf("a plugin is no client")
}
