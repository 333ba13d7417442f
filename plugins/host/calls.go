package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	pb "github.com/trilemma-bench/trilemma/plugins/proto/policyv2"
	"github.com/trilemma-bench/trilemma/plugins/wire"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// errSilent is the cause for which a Fit without a sign of life is cancelled.
var errSilent = errors.New("no sign of life")

// fit sends the task and passes reports on until the policy is done.
func (r *remote) fit(ctx context.Context, t *policy.Task, report func(policy.Progress)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stream, err := r.rpc.Fit(ctx)
	if err != nil {
		return r.broken(err)
	}
	silence := time.AfterFunc(r.opt.SilenceTimeout, func() { cancel(errSilent) })
	defer silence.Stop()

	sent := make(chan struct{})
	go func() {
		defer close(sent)
		err := wire.SendTask(func(c *pb.Chunk) error {
			silence.Reset(r.opt.SilenceTimeout)
			return stream.Send(c)
		}, t)
		// io.EOF means that the policy answered before it had read all; what it answered is received below.
		if err != nil && !errors.Is(err, io.EOF) {
			cancel(err)
			return
		}
		_ = stream.CloseSend()
	}()
	defer func() { <-sent }()
	for {
		m, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			cancel(nil) // ends the sending too
			if cause := context.Cause(ctx); errors.Is(cause, errSilent) {
				return fmt.Errorf("%w for %v", errSilent, r.opt.SilenceTimeout)
			}
			return r.broken(err)
		}
		silence.Reset(r.opt.SilenceTimeout)
		if m.GetProgress() != nil {
			report(wire.DecodeProgress(m.GetProgress()))
		}
	}
}

func (r *remote) route(ctx context.Context, b *policy.Batch) (*policy.Decisions, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := r.rpc.Route(ctx)
	if err != nil {
		return nil, r.broken(err)
	}
	if err := r.sent(wire.SendMessage(stream.Send, wire.EncodeBatch(b))); err != nil {
		return nil, err
	}
	if err := stream.CloseSend(); err != nil {
		return nil, r.broken(err)
	}
	m := new(pb.Decisions)
	if err := wire.ReceiveMessage(stream.Recv, m); err != nil {
		return nil, r.answered(err)
	}
	d, err := wire.DecodeDecisions(m)
	if err != nil {
		return nil, &Error{Kind: KindInvalid, Err: err}
	}
	return d, nil
}

// sent looks at an error of sending. The end of the stream is no error here: the policy answered before it had read
// all, and what it answered is received next.
func (r *remote) sent(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	return r.broken(err)
}

// answered looks at an error of receiving, where an end of the stream is an answer that did not come.
func (r *remote) answered(err error) error {
	if errors.Is(err, io.EOF) {
		return &Error{Kind: KindInvalid, Err: errors.New("it ended the call without an answer")}
	}
	return r.broken(err)
}

func (r *remote) observe(ctx context.Context, f *policy.Feedback) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := r.rpc.Observe(ctx)
	if err != nil {
		return r.broken(err)
	}
	if err := r.sent(wire.SendMessage(stream.Send, wire.EncodeFeedback(f))); err != nil {
		return err
	}
	_, err = stream.CloseAndRecv()
	return r.broken(err)
}

func (r *remote) save(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := r.rpc.Save(ctx, &pb.SaveRequest{})
	if err != nil {
		return nil, r.broken(err)
	}
	state, err := wire.ReceiveBytes(stream.Recv)
	if err != nil {
		return nil, r.answered(err)
	}
	return state, nil
}

func (r *remote) load(ctx context.Context, state []byte) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := r.rpc.Load(ctx)
	if err != nil {
		return r.broken(err)
	}
	if err := r.sent(wire.SendBytes(stream.Send, state)); err != nil {
		return err
	}
	_, err = stream.CloseAndRecv()
	return r.broken(err)
}
