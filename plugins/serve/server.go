package serve

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "github.com/trilemma-bench/trilemma/plugins/proto/policyv2"
	"github.com/trilemma-bench/trilemma/plugins/wire"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// heartbeat is how often a running Fit shows that the process is alive.
const heartbeat = 2 * time.Second

// maxErrorBytes bounds an error text, which travels in a header.
const maxErrorBytes = 8 << 10

// server answers for one instance of one policy.
type server struct {
	pb.UnimplementedPolicyServer
	def     policy.Definition
	started func()
	once    sync.Once
	// busy holds a token while a call is in the policy's code. A policy is never called twice at once, not even when
	// the host gave up on a call whose policy has not noticed yet.
	busy     chan struct{}
	instance policy.Policy // nil before Configure
}

func newServer(def policy.Definition) *server {
	return &server{def: def, busy: make(chan struct{}, 1), started: func() {}}
}

// lock waits until the policy is free; unlock must follow.
func (s *server) lock(ctx context.Context) error {
	select {
	case s.busy <- struct{}{}:
		return nil
	case <-ctx.Done():
		return status.FromContextError(ctx.Err()).Err()
	}
}

func (s *server) unlock() { <-s.busy }

// failure turns what a policy returned into an error that crosses the wire.
func failure(ctx context.Context, code codes.Code, err error) error {
	if ctx.Err() != nil {
		code = status.FromContextError(ctx.Err()).Code()
	}
	text := strings.ToValidUTF8(err.Error(), "\uFFFD")
	if len(text) > maxErrorBytes {
		text = strings.ToValidUTF8(text[:maxErrorBytes], "") + " …"
	}
	return status.Error(code, text)
}

// recoverAs makes a panic of the policy's code an error, and logs the stack.
func recoverAs(op string, err *error) {
	if p := recover(); p != nil {
		fmt.Fprintf(os.Stderr, "panic in %s: %v\n%s", op, p, debug.Stack())
		*err = failure(context.Background(), codes.Internal, fmt.Errorf("the policy panicked: %v", p))
	}
}

// withInstance runs f with the configured instance, alone.
func (s *server) withInstance(ctx context.Context, op string, f func(policy.Policy) error) (err error) {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	if s.instance == nil {
		return status.Errorf(codes.FailedPrecondition, "%s came before Configure", op)
	}
	defer recoverAs(op, &err)
	return f(s.instance)
}

func (s *server) Describe(context.Context, *pb.DescribeRequest) (*pb.Description, error) {
	s.once.Do(s.started)
	return wire.EncodeDescription(&s.def.Description), nil
}

func (s *server) Configure(ctx context.Context, m *pb.Setup) (_ *pb.ConfigureResponse, err error) {
	setup, err := wire.DecodeSetup(m)
	if err != nil {
		return nil, failure(ctx, codes.InvalidArgument, err)
	}
	if err := s.lock(ctx); err != nil {
		return nil, err
	}
	defer s.unlock()
	defer recoverAs("Configure", &err)
	made, err := s.def.New(setup)
	if err != nil {
		return nil, failure(ctx, codes.InvalidArgument, err)
	}
	if made == nil {
		return nil, status.Error(codes.Internal, "New returned neither a policy nor an error")
	}
	s.instance = made
	return &pb.ConfigureResponse{}, nil
}

func (s *server) Fit(stream pb.Policy_FitServer) error {
	r := &reports{stream: stream}
	stop := r.beat()
	defer stop()
	task, err := wire.ReceiveTask(stream.Recv)
	if err != nil {
		return failure(stream.Context(), codes.InvalidArgument, err)
	}
	return s.withInstance(stream.Context(), "Fit", func(p policy.Policy) error {
		learner, ok := p.(policy.Learner)
		if !ok {
			return status.Error(codes.Unimplemented, "the policy does not learn")
		}
		err := learner.Fit(stream.Context(), task, func(p policy.Progress) {
			r.send(&pb.FitReport{Progress: wire.EncodeProgress(&p)})
		})
		if err != nil {
			return failure(stream.Context(), codes.Unknown, err)
		}
		return nil
	})
}

// reports is the answering side of a Fit. The policy may report from any goroutine; a report after the end is dropped.
type reports struct {
	mu     sync.Mutex
	stream pb.Policy_FitServer
	closed bool
}

func (r *reports) send(m *pb.FitReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		// A host that is gone cancels the stream's context, which is how the policy learns of it.
		_ = r.stream.Send(m)
	}
}

// beat sends heartbeats until the returned function is called, which also ends all reporting.
func (r *reports) beat() (stop func()) {
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		t := time.NewTicker(heartbeat)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				r.send(&pb.FitReport{})
			case <-done:
				return
			}
		}
	}()
	return func() {
		close(done)
		<-gone
		r.mu.Lock()
		r.closed = true
		r.mu.Unlock()
	}
}

func (s *server) Route(stream pb.Policy_RouteServer) error {
	ctx := stream.Context()
	m := new(pb.Batch)
	if err := wire.ReceiveMessage(stream.Recv, m); err != nil {
		return failure(ctx, codes.InvalidArgument, err)
	}
	batch, err := wire.DecodeBatch(m)
	if err != nil {
		return failure(ctx, codes.InvalidArgument, err)
	}
	var decided *policy.Decisions
	err = s.withInstance(ctx, "Route", func(p policy.Policy) error {
		var err error
		if decided, err = p.Route(ctx, batch); err != nil {
			return failure(ctx, codes.Unknown, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if decided == nil {
		decided = new(policy.Decisions) // an invalid answer, for the host to refuse
	}
	return wire.SendMessage(stream.Send, wire.EncodeDecisions(decided))
}

func (s *server) Observe(stream pb.Policy_ObserveServer) error {
	ctx := stream.Context()
	m := new(pb.Feedback)
	if err := wire.ReceiveMessage(stream.Recv, m); err != nil {
		return failure(ctx, codes.InvalidArgument, err)
	}
	feedback, err := wire.DecodeFeedback(m)
	if err != nil {
		return failure(ctx, codes.InvalidArgument, err)
	}
	err = s.withInstance(ctx, "Observe", func(p policy.Policy) error {
		observer, ok := p.(policy.Observer)
		if !ok {
			return status.Error(codes.Unimplemented, "the policy does not observe")
		}
		if err := observer.Observe(ctx, feedback); err != nil {
			return failure(ctx, codes.Unknown, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return stream.SendAndClose(&pb.ObserveResponse{})
}

func (s *server) Save(_ *pb.SaveRequest, stream pb.Policy_SaveServer) error {
	var state []byte
	err := s.withInstance(stream.Context(), "Save", func(p policy.Policy) error {
		saver, ok := p.(policy.Saver)
		if !ok {
			return errNoSaver
		}
		var err error
		if state, err = saver.Save(); err != nil {
			return failure(stream.Context(), codes.Unknown, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return wire.SendBytes(stream.Send, state)
}

var errNoSaver = status.Error(codes.Unimplemented, "the policy does not save its state")

func (s *server) Load(stream pb.Policy_LoadServer) error {
	state, err := wire.ReceiveBytes(stream.Recv)
	if err != nil {
		return failure(stream.Context(), codes.InvalidArgument, errors.Join(errors.New("receiving the state"), err))
	}
	err = s.withInstance(stream.Context(), "Load", func(p policy.Policy) error {
		saver, ok := p.(policy.Saver)
		if !ok {
			return errNoSaver
		}
		if err := saver.Load(state); err != nil {
			return failure(stream.Context(), codes.Unknown, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return stream.SendAndClose(&pb.LoadResponse{})
}
