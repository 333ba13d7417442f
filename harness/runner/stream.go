package runner

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/trilemma-bench/trilemma/harness/dataset"
	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/replay"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/plugins/host"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// streams lets an online policy meet the prompts as a live system would: in an order, batch by batch, and after each batch
// it is shown what its own decisions came to. Every preference is a stream of its own, and every stream begins in the
// state that Fit left, so that none learns from another and the selection prompts teach nothing to the test.
func (r *router) streams(ctx context.Context) ([]host.Routed, time.Duration, error) {
	var took time.Duration
	out := make([]host.Routed, len(r.cell.Preferences))
	order := r.order()
	for j := range out {
		if err := r.restart(ctx); err != nil {
			return nil, 0, fmt.Errorf("beginning a stream: %w", err)
		}
		g := newGathered(len(r.rows))
		s := r.stream(ctx, r.cell.Preferences[j], order, g, &took)
		if err := s.Play(); err != nil {
			return nil, 0, err
		}
		out[j] = g.routed()
	}
	return out, took, nil
}

// restart puts the policy into the state that Fit left.
func (r *router) restart(ctx context.Context) error {
	if err := r.configure(ctx, r.inst); err != nil {
		return err
	}
	switch {
	case r.about.Saves:
		return r.inst.Load(ctx, r.fitted)
	case r.about.Learns:
		return r.inst.Fit(ctx, r.task, nil)
	}
	return nil
}

// stream is one preference's. Rows are places in the router's rows.
func (r *router) stream(ctx context.Context, preference experiment.Labelled, order []int, g *gathered, took *time.Duration) *replay.Stream {
	view := r.feed.View()
	prompts := func(rows []int) []int {
		out := make([]int, len(rows))
		for i, row := range rows {
			out[i] = r.rows[row]
		}
		return out
	}
	return &replay.Stream{
		Order: order, Batch: r.Spec.Stream.Batch,
		Uniform: func(row int) float64 {
			return policy.Stream(r.cell.Seed, "stream", "draw", fmt.Sprint(r.Spec.Stream.Seed), preference.Label, r.data.IDs[r.rows[row]]).Float64()
		},
		Route: func(rows []int) (*replay.Decisions, error) {
			some := r.feed.Prompts(prompts(rows), policy.NeedLiveCategory)
			started := time.Now()
			routed, err := r.inst.RouteAll(ctx, &some, []policy.Preference{preference.Preference}, r.reveal(rows))
			*took += time.Since(started)
			if err != nil {
				return nil, err
			}
			g.take(&routed[0], rows)
			return decided(&routed[0]), nil
		},
		Outcome: func(rows []int, d *replay.Decisions, into []replay.Result) error {
			_, err := replay.Replay(view, prompts(rows), d, into)
			return err
		},
		Observe: func(c *replay.Came) error {
			if len(c.Row) == 0 {
				return nil
			}
			some := r.feed.Prompts(prompts(c.Row), policy.NeedLiveCategory)
			f := &policy.Feedback{Prompts: &some, Model: c.Model, Propensity: c.Propensity}
			for i := range c.Result {
				x := &c.Result[i]
				f.Preference = append(f.Preference, preference.Preference)
				for q, figure := range r.feed.Shown(x.Central()) {
					f.Figures[q] = append(f.Figures[q], float32(figure))
				}
			}
			return r.inst.Observe(ctx, f)
		},
	}
}

// order is that in which the prompts come, as places in the router's rows: by their times of arrival where all have one,
// else shuffled.
func (r *router) order() []int {
	order := dataset.UpTo(len(r.rows))
	at := r.data.Trace.Prompts.ArrivedAt
	if r.timed(r.rows) {
		// The rows are in a blind order, which is that of prompts that come at the same moment.
		slices.SortStableFunc(order, func(a, b int) int { return at[r.rows[a]].Compare(at[r.rows[b]]) })
		return order
	}
	policy.Stream(r.cell.Seed, "stream", "order", fmt.Sprint(r.Spec.Stream.Seed)).
		Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	return order
}

// streamed says how an online policy meets the test prompts.
func (w *work) streamed() *store.Stream {
	s := &store.Stream{Order: "shuffled", Batch: w.Spec.Stream.Batch}
	if w.timed(w.test) {
		s.Order = "arrival"
	} else {
		s.Seed = w.Spec.Stream.Seed
	}
	return s
}

// timed tells whether all of some prompts have a time of arrival.
func (p *Plan) timed(rows []int) bool {
	at := p.data.Trace.Prompts.ArrivedAt
	return at != nil && !slices.ContainsFunc(rows, func(row int) bool { return at[row].IsZero() })
}
