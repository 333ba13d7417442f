package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
	plugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/trilemma-bench/trilemma/plugins/host/process"
	pb "github.com/trilemma-bench/trilemma/plugins/proto/policyv2"
	"github.com/trilemma-bench/trilemma/plugins/wire"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// remote is a policy in a process of its own.
type remote struct {
	src     Source
	log     *process.Log
	opt     Options
	scratch string // holds the socket and, unless the caller gave one, the working folder; removed at the end
	client  *plugin.Client
	process *process.Process
	rpc     pb.PolicyClient
	closing sync.Once
}

// scratchBase is where to make folders for sockets, whose whole path must stay within 104 bytes.
func scratchBase() string {
	if dir := os.TempDir(); len(dir) <= 40 || runtime.GOOS == "windows" { // where plugins listen on a port
		return dir
	}
	return "/tmp"
}

func startRemote(ctx context.Context, src Source, opt Options, log *process.Log) (*remote, error) {
	if src.Name == "" {
		src.Name = filepath.Base(src.Executable)
	}
	fail := func(err error) error {
		return &Error{Policy: src.Name, Op: "start", Kind: KindStart, Err: err, Log: log.Last()}
	}
	path, err := runnable(src.Executable)
	if err != nil {
		return nil, fail(err)
	}
	if src.SHA256 != "" {
		got, err := Digest(path)
		if err != nil {
			return nil, fail(err)
		}
		if !strings.EqualFold(got, src.SHA256) {
			return nil, fail(fmt.Errorf("%s has SHA-256 %s, but %s is pinned: put the pinned file back, or pin the new one "+
				"after looking at what changed", path, got, src.SHA256))
		}
	}
	r := &remote{src: src, log: log, opt: opt, process: process.New(log)}
	if err := r.launch(ctx, path); err != nil {
		return nil, err
	}
	return r, nil
}

// launch starts the process and shakes hands. What it leaves behind on an error is cleaned up.
func (r *remote) launch(ctx context.Context, path string) (err error) {
	fail := func(err error) error {
		return &Error{Policy: r.src.Name, Op: "start", Kind: KindStart, Err: err, Log: r.log.Last()}
	}
	if r.scratch, err = os.MkdirTemp(scratchBase(), "trilemma-policy-"); err != nil {
		return fail(fmt.Errorf("making a folder to run in: %w", err))
	}
	dir := r.opt.Dir
	if dir == "" {
		dir = filepath.Join(r.scratch, "run")
		if err := os.Mkdir(dir, 0o700); err != nil {
			return fail(fmt.Errorf("making a folder to run in: %w", err))
		}
	}
	defer func() {
		if err != nil {
			r.kill()
			_ = r.close()
		}
	}()
	tlsConfig, certificate, err := mutualTLS()
	if err != nil {
		return fail(fmt.Errorf("making a certificate: %w", err))
	}
	r.client = plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig:  wire.Handshake,
		VersionedPlugins: wire.Protocols(&dialer{}),
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		TLSConfig:        tlsConfig,
		StartTimeout:     r.opt.StartTimeout,
		Stderr:           r.log,
		SyncStdout:       r.log,
		SyncStderr:       r.log,
		SkipHostEnv:      true,
		Logger:           hclog.NewNullLogger(),
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: r.scratch},
		GRPCDialOptions: []grpc.DialOption{
			grpc.WithInitialWindowSize(wire.WindowBytes), grpc.WithInitialConnWindowSize(wire.WindowBytes),
		},
		RunnerFunc: func(_ hclog.Logger, spec *exec.Cmd, _ string) (runner.Runner, error) {
			cmd := exec.Command(path, r.src.Args...)
			cmd.Dir = dir
			cmd.Env = append(process.Environment(r.opt.Env), spec.Env...)
			cmd.Env = append(cmd.Env, clientCertEnv+"="+certificate,
				wire.PolicyEnv+"="+r.src.Name, wire.LifelineEnv+"=stdin")
			return r.process, r.process.Prepare(cmd)
		},
	})
	protocol, err := r.awaitHandshake(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return &Error{Policy: r.src.Name, Op: "start", Kind: KindCanceled, Err: context.Cause(ctx)}
		}
		return fail(r.explainStart(path, err))
	}
	service, err := protocol.Dispense(wire.Service)
	if err != nil {
		return fail(err)
	}
	r.rpc = service.(pb.PolicyClient)
	return nil
}

// awaitHandshake waits for the handshake, and kills the process where ctx ends first.
func (r *remote) awaitHandshake(ctx context.Context) (plugin.ClientProtocol, error) {
	type result struct {
		protocol plugin.ClientProtocol
		err      error
	}
	done := make(chan result, 1)
	go func() {
		var got result
		defer func() {
			if p := recover(); p != nil {
				got.err = fmt.Errorf("go-plugin: %v", p)
			}
			done <- got
		}()
		if _, got.err = r.client.Start(); got.err == nil {
			if problem := r.process.Problem(wire.Version); problem != "" {
				got.err = errors.New(problem)
				return
			}
			got.protocol, got.err = r.client.Client()
		}
	}()
	select {
	case got := <-done:
		return got.protocol, got.err
	case <-ctx.Done():
		r.kill() // which ends go-plugin's waiting
		<-done
		return nil, ctx.Err()
	}
}

// explainStart says in the user's words why a plugin did not start.
func (r *remote) explainStart(path string, err error) error {
	if problem := r.process.Problem(wire.Version); problem != "" {
		return fmt.Errorf("%s: %s", path, problem)
	}
	if !r.process.Started() {
		return fmt.Errorf("starting %s: %w; is it built for this machine, and does its first line name an interpreter "+
			"that is there?", path, err)
	}
	exit := r.process.Exit(200 * time.Millisecond) // by then all that it printed was read
	hint := "is it a Trilemma policy? (see: trilemma policy new)"
	if last := r.log.Last(); len(last) > 0 && strings.HasPrefix(last[len(last)-1], "ModuleNotFoundError:") {
		hint = "the Python that its first line names lacks a package: install there what a policy needs (python3 -m pip install " +
			"grpcio protobuf numpy cryptography) and what it imports itself, or put a Python that has it first on PATH"
	}
	if exit != "" && !r.process.Killed() {
		return fmt.Errorf("%s did not greet as a plugin: %s; %s", path, exit, hint)
	}
	if strings.Contains(err.Error(), "timeout") {
		return fmt.Errorf("%s did not greet as a plugin within %v; %s", path, r.opt.StartTimeout, hint)
	}
	return fmt.Errorf("%s did not greet as a plugin: %s; %s", path, strings.Join(strings.Fields(err.Error()), " "), hint)
}

// runnable finds the executable and says what is wrong with it.
func runnable(path string) (string, error) {
	if path == "" {
		return "", errors.New("neither an executable nor a definition is given")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(abs)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", fmt.Errorf("there is no file %s: build the plugin, or correct the path", abs)
	case err != nil:
		return "", err
	case info.IsDir():
		return "", fmt.Errorf("%s is a folder: name the executable in it", abs)
	case info.Mode()&0o111 == 0 && runtime.GOOS != "windows": // which has no such permission
		return "", fmt.Errorf("%s is not executable: chmod +x %s", abs, abs)
	}
	return abs, nil
}

// dialer is the host's end as go-plugin wants it.
type dialer struct{ plugin.NetRPCUnsupportedPlugin }

func (*dialer) GRPCServer(*plugin.GRPCBroker, *grpc.Server) error {
	return errors.New("the host serves nothing")
}

func (*dialer) GRPCClient(_ context.Context, _ *plugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return pb.NewPolicyClient(conn), nil
}

func (r *remote) last() []string { return r.log.Last() }

// kill ends the process at once.
func (r *remote) kill() { _ = r.process.Kill(context.Background()) }

// exitWait is how long a process may take to end in order.
const exitWait = 2 * time.Second

// close ends the process in order if it can be, and returns when it is gone.
func (r *remote) close() error {
	var err error
	r.closing.Do(func() {
		if r.client != nil {
			// go-plugin waits for an answer to its farewell, for which a stopped process would take for ever.
			t := time.AfterFunc(exitWait, r.kill)
			r.client.Kill()
			t.Stop()
		}
		if r.scratch != "" {
			err = os.RemoveAll(r.scratch)
		}
	})
	return err
}

// broken says what an error of a call means. Errors of the policy's own come back as [KindFailed].
func (r *remote) broken(err error) error {
	if err == nil {
		return nil
	}
	var own *Error
	if errors.As(err, &own) {
		return err
	}
	s, ok := status.FromError(err)
	if !ok {
		return err
	}
	if s.Code() == codes.Unavailable || errors.Is(err, io.ErrUnexpectedEOF) {
		// The connection breaks a moment before the process is seen to be gone.
		if exit := r.process.Exit(exitWait); exit != "" {
			return &Error{Kind: KindCrash, Err: errors.New(exit), Log: r.log.Last()}
		}
		return &Error{Kind: KindCrash, Err: fmt.Errorf("the connection broke: %s", s.Message()), Log: r.log.Last()}
	}
	switch s.Code() {
	case codes.Canceled:
		return context.Canceled
	case codes.DeadlineExceeded:
		return context.DeadlineExceeded
	case codes.InvalidArgument, codes.FailedPrecondition, codes.Unimplemented:
		return &Error{Kind: KindRefused, Err: errors.New(s.Message())}
	}
	return &Error{Kind: KindFailed, Err: errors.New(s.Message())}
}

func (r *remote) describe(ctx context.Context) (policy.Description, error) {
	m, err := r.rpc.Describe(ctx, &pb.DescribeRequest{})
	if err != nil {
		return policy.Description{}, r.broken(err)
	}
	return wire.DecodeDescription(m), nil
}

func (r *remote) configure(ctx context.Context, s policy.Setup) error {
	_, err := r.rpc.Configure(ctx, wire.EncodeSetup(&s))
	return r.broken(err)
}
