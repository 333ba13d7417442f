package runner

import (
	"context"
	"time"

	"github.com/trilemma-bench/trilemma/harness/replay"
	"github.com/trilemma-bench/trilemma/plugins/host"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// route asks for the decisions on test or selection prompts. What a sequential policy asked for is revealed here, after it
// asked; an online policy meets the prompts as a stream. Either meets them in an order that says nothing of the trace's.
func (w *work) route(ctx context.Context, inst *host.Instance, about policy.Description, rows []int) ([]host.Routed, time.Duration, error) {
	blind, place := w.feed.Blind(rows)
	var responses []string
	if about.Sequential && about.Wants(policy.NeedResponse) {
		var err error
		if responses, err = w.feed.Responses(ctx, blind); err != nil {
			return nil, 0, err
		}
	}
	r := &router{work: w, inst: inst, about: about, rows: blind, responses: responses}
	if about.Online {
		routed, took, err := r.streams(ctx)
		return inPlace(routed, place), took, err
	}
	prompts := w.feed.Prompts(blind, policy.NeedLiveCategory)
	started := time.Now()
	routed, err := inst.RouteAll(ctx, &prompts, w.preferences(), r.reveal(nil))
	return inPlace(routed, place), time.Since(started), err
}

// router is one policy on its way through some prompts.
type router struct {
	*work
	inst      *host.Instance
	about     policy.Description
	rows      []int    // prompts of the trace
	responses []string // [rows × pool]; nil unless the policy looks at any
}

// reveal looks up what a policy asked for. some are the prompts of the call, as places in the router's rows; nil for all.
func (r *router) reveal(some []int) host.Reveal {
	return func(prompt, model int) (host.Revealed, bool) {
		if some != nil {
			prompt = some[prompt]
		}
		shown, ok := r.feed.Reveal(r.rows[prompt], model)
		if ok && r.responses != nil {
			shown.Response = r.responses[prompt*len(r.feed.Pool)+model]
		}
		return shown, ok
	}
}

// inPlace puts decisions on prompts in some order back into the order of the rows: decision i is that of row place[i].
func inPlace(routed []host.Routed, place []int) []host.Routed {
	out := make([]host.Routed, len(routed))
	for j := range routed {
		g := newGathered(len(place))
		g.take(&routed[j], place)
		out[j] = g.routed()
	}
	return out
}

// gathered are decisions of several calls, by row.
type gathered struct {
	from []*host.Routed
	at   []int
}

func newGathered(rows int) *gathered {
	return &gathered{from: make([]*host.Routed, rows), at: make([]int, rows)}
}

// take notes that decision i of a call is that of row place[i].
func (g *gathered) take(r *host.Routed, place []int) {
	for i, row := range place {
		g.from[row], g.at[row] = r, i
	}
}

// routed are the decisions of all rows, in their order.
func (g *gathered) routed() host.Routed {
	out := host.Routed{Final: policy.NewDecisions(len(g.at))}
	for _, r := range g.from {
		if r.AskedOffset != nil {
			out.AskedOffset = make([]int32, 1, len(g.at)+1)
			break
		}
	}
	for row, r := range g.from {
		i := g.at[row]
		out.Final.Append(r.Final.Row(i))
		if out.AskedOffset == nil {
			continue
		}
		if r.AskedOffset != nil {
			lo, hi := r.AskedOffset[i], r.AskedOffset[i+1]
			out.AskedModel = append(out.AskedModel, r.AskedModel[lo:hi]...)
			out.AskedRound = append(out.AskedRound, r.AskedRound[lo:hi]...)
		}
		out.AskedOffset = append(out.AskedOffset, int32(len(out.AskedModel)))
	}
	return out
}

// decided are a host's answers as replay takes them.
func decided(r *host.Routed) *replay.Decisions {
	return &replay.Decisions{Final: r.Final, AskedOffset: r.AskedOffset, AskedModel: r.AskedModel, AskedRound: r.AskedRound}
}
