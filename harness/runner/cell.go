package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/trilemma-bench/trilemma/harness/dataset"
	"github.com/trilemma-bench/trilemma/harness/event"
	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/replay"
	"github.com/trilemma-bench/trilemma/harness/stats"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/harness/trace/split"
	"github.com/trilemma-bench/trilemma/plugins/host"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// work is one cell on its way.
type work struct {
	*Plan
	cell *experiment.Cell
	run  *store.Run
	memo string // where the run's policies share trainings; "" for nowhere
	feed *dataset.Feed
	test []int // test prompts of the cell's pool
	log  io.Writer
	send func(event.Event)

	task   *policy.Task // what Fit was given
	fitted []byte       // the state that it left, of a policy that saves
}

// configure makes the instance.
func (w *work) configure(ctx context.Context, inst *host.Instance) error {
	return inst.Configure(ctx, policy.Setup{Models: w.feed.Models(), Params: w.cell.Params, Seed: w.cell.Seed, Backend: w.Spec.Backend, Memo: w.memo})
}

// execute fits and routes one cell and replays its decisions.
func (w *work) execute(ctx context.Context) (*store.CellResult, error) {
	started := time.Now()
	inst, err := host.Start(ctx, w.source(w.cell), host.Options{
		Log: w.log, FitTimeout: w.cell.Timeout, CallTimeout: w.cell.Timeout, BatchRows: w.Spec.Batch,
	})
	if err != nil {
		return nil, err
	}
	defer inst.Close()
	about := inst.Description()
	w.feed.Needs = &about
	if about.Wants(policy.NeedVector) && w.feed.Vectors.Data == nil {
		return nil, errors.New("the policy needs prompt vectors: set encoder in the experiment")
	}
	if err = w.configure(ctx, inst); err != nil {
		return nil, err
	}
	result := &store.CellResult{Ref: w.ref(), Cost: map[string]float64{}, Fit: map[string]float64{}, Params: w.cell.Params}
	if about.Learns {
		spared, err := w.fit(ctx, inst, result)
		if err != nil {
			return nil, err
		}
		// What another cell had trained already is charged to both: each could be deployed without the other.
		result.Cost["fit_s"] = time.Since(started).Seconds() + spared
	}
	if about.Saves {
		if w.fitted, err = inst.Save(ctx); err != nil {
			return nil, err
		}
		result.Checkpoint = w.fitted
	}
	if about.Online {
		result.Stream = w.streamed()
	}
	routed, took, err := w.route(ctx, inst, about, w.test)
	if err != nil {
		return nil, err
	}
	result.Cost["route_s"], result.Cost["decisions"] = took.Seconds(), float64(len(w.test)*len(w.cell.Preferences))
	if sec := w.feed.Vectors.SecEach; sec > 0 && about.Wants(policy.NeedVector) {
		result.Cost["encode_s"] = sec // for a prompt
	}
	if result.Selection, result.Halves, err = w.selection(ctx, inst, about); err != nil {
		return nil, err
	}
	if result.Points, result.Decisions, err = w.replay(routed); err != nil {
		return nil, err
	}
	for i := range routed {
		result.Usage = append(result.Usage, w.saver.Usage(w.cell.Models, w.test, w.cell.Preferences[i].Label, decided(&routed[i])))
	}
	if covered(result.Points) == 0 {
		result.Notices = append(result.Notices, "covers no test prompt: every decision names a model without an outcome")
	}
	result.Wall = time.Since(started)
	return result, nil
}

func covered(points []store.Point) (n float64) {
	for _, p := range points {
		n += p.Coverage
	}
	return n
}

func (w *work) ref() store.Ref { return refOf(w.cell) }

// selection routes the prompts that settings are chosen by: the policy has seen nothing of them, and they are not the test.
func (w *work) selection(ctx context.Context, inst *host.Instance, about policy.Description) ([]store.Point, []store.Halves, error) {
	rows := w.selectionRows(w.cell.Pool)
	if len(rows) == 0 {
		return nil, nil, nil
	}
	routed, _, err := w.route(ctx, inst, about, rows)
	if err != nil {
		return nil, nil, fmt.Errorf("routing the selection prompts: %w", err)
	}
	points, halves := make([]store.Point, len(routed)), make([]store.Halves, len(routed))
	results := make([]replay.Result, len(rows))
	first := w.firstHalf(rows)
	for i := range routed {
		mean, err := replay.Replay(w.feed.View(), rows, decided(&routed[i]), results)
		if err != nil {
			return nil, nil, err
		}
		points[i] = w.point(w.cell.Preferences[i], mean)
		halves[i] = store.Halves{
			Preference: points[i].Preference,
			Order:      momentsOf(results, func(r int) bool { return first[r] }),
			Check:      momentsOf(results, func(r int) bool { return !first[r] }),
		}
	}
	return points, halves, nil
}

// fit has the policy learn. spared are the seconds of training that it took over from other cells of the run.
func (w *work) fit(ctx context.Context, inst *host.Instance, result *store.CellResult) (spared float64, err error) {
	train, err := w.feed.Split(ctx, w.rows(w.cell.Pool, split.Train))
	if err != nil {
		return 0, err
	}
	validation, err := w.feed.Split(ctx, w.rows(w.cell.Pool, split.Validation))
	if err != nil {
		return 0, err
	}
	task := &policy.Task{Train: train, Validation: validation, Preferences: w.preferences()}
	w.task = &policy.Task{Train: train, Validation: validation, Preferences: task.Preferences}
	if task.Snapshot, err = w.run.Snapshot(w.cell.ID); err != nil {
		return 0, err
	}
	var curves store.Curves
	defer func() { result.Curves = curves.All() }()
	err = inst.Fit(ctx, task, func(p policy.Progress) {
		spared += p.SparedSec
		e := event.Event{Kind: event.CellProgress, Cell: w.cell.ID, Label: w.ref().Name(), Stage: p.Stage, Step: p.Step, Total: p.Total}
		for _, m := range p.Metrics {
			e.Metrics = append(e.Metrics, event.Metric(m))
			if !math.IsNaN(m.Value) && !math.IsInf(m.Value, 0) {
				result.Fit[m.Name] = m.Value
			}
			curves.Add(p.Stage, m.Name, p.Step, m.Value)
		}
		w.send(e)
		if p.Snapshot != nil {
			// Without it an interruption costs time, no result: that is no reason to fail.
			if err := w.run.SaveSnapshot(w.cell.ID, p.Snapshot); err != nil {
				w.send(event.Event{Kind: event.Notice, Text: w.ref().Name() + ": " + err.Error()})
			}
		}
	})
	return spared, err
}

func (w *work) preferences() []policy.Preference {
	out := make([]policy.Preference, len(w.cell.Preferences))
	for i, p := range w.cell.Preferences {
		out[i] = p.Preference
	}
	return out
}

// replay looks up what the decisions led to.
func (w *work) replay(routed []host.Routed) ([]store.Point, iter.Seq[store.Decision], error) {
	view := w.feed.View()
	prompts := w.test
	results := make([][]replay.Result, len(routed))
	points := make([]store.Point, len(routed))
	for i := range routed {
		results[i] = make([]replay.Result, len(prompts))
		d := decided(&routed[i])
		mean, err := replay.Replay(view, prompts, d, results[i])
		if err != nil {
			return nil, nil, err
		}
		points[i] = w.point(w.cell.Preferences[i], mean)
		points[i].Shares = shares(w.feed.Models(), d)
	}
	return points, w.decisions(routed, results), nil
}

func (w *work) point(p experiment.Labelled, mean replay.Mean) store.Point {
	return pointOf(store.Point{
		Pool: w.cell.Pool, Policy: w.cell.Label, Family: w.cell.Family, Seed: w.cell.Seed,
		Preference: p.Label, Lambda: p.Preference, Encoder: w.cell.Encoder, Cell: w.cell.ID,
	}, mean)
}

// pointOf fills the means into a point. The interval of quality is normal: n is hundreds of prompts.
func pointOf(p store.Point, mean replay.Mean) store.Point {
	p.N, p.Coverage = mean.N, mean.Coverage()
	p.Figures, p.Low, p.High = mean.Figures, mean.Low, mean.High
	for _, q := range []policy.Quantity{policy.Cost, policy.Latency} {
		p.Low[q], p.High[q] = math.NaN(), math.NaN() // no size is assumed for them
	}
	quality := mean.Figures[policy.Quality]
	p.Low[policy.Quality], p.High[policy.Quality] = max(0, quality-stats.Z95*mean.QualitySE), min(1, quality+stats.Z95*mean.QualitySE)
	return p
}

// shares are the parts of the prompts that went to each model: the probability of being selected, the weight in a vote,
// or one each where it was asked on the way.
func shares(models []policy.Model, d *replay.Decisions) []store.Share {
	sum := make([]float64, len(models))
	for r := range d.Rows() {
		use, named, weights := d.Final.Row(r)
		for i, m := range named {
			if use == policy.Combine {
				sum[m]++ // it runs, whatever its weight
			} else {
				sum[m] += float64(weights[i])
			}
		}
		if d.AskedOffset == nil {
			continue
		}
		for _, m := range d.AskedModel[d.AskedOffset[r]:d.AskedOffset[r+1]] {
			if !slices.Contains(named, m) {
				sum[m]++
			}
		}
	}
	var out []store.Share
	for m, s := range sum {
		if s > 0 {
			out = append(out, store.Share{Model: models[m].ID, Share: s / float64(d.Rows())})
		}
	}
	return out
}

// decisions are the rows to be stored, preference by preference, prompts in trace order.
func (w *work) decisions(routed []host.Routed, results [][]replay.Result) iter.Seq[store.Decision] {
	models := w.feed.Models()
	ids := w.data.Trace.Prompts.ID
	return func(yield func(store.Decision) bool) {
		for i := range routed {
			rt := &routed[i]
			for r, p := range w.test {
				use, named, weights := rt.Final.Row(r)
				d := store.Decision{
					PromptID: ids[p], Preference: w.cell.Preferences[i].Label, Use: use.String(), Weights: weights,
				}
				d.SetFigures(results[i][r].Central())
				for k, m := range named {
					d.Models = append(d.Models, models[m].ID)
					if weights[k] > d.Probability {
						d.Model, d.Probability = models[m].ID, weights[k]
					}
				}
				if rt.AskedOffset != nil {
					lo, hi := rt.AskedOffset[r], rt.AskedOffset[r+1]
					for _, m := range rt.AskedModel[lo:hi] {
						d.Asked = append(d.Asked, models[m].ID)
					}
					d.AskedRound = rt.AskedRound[lo:hi]
				}
				if !yield(d) {
					return
				}
			}
		}
	}
}

// refOf names a cell as the store does.
func refOf(c *experiment.Cell) store.Ref {
	ref := store.Ref{
		ID: c.ID, Pool: c.Pool, Policy: c.Label, Family: c.Family, Encoder: c.Encoder, Seed: c.Seed,
		Labelled: c.Facts.Wants(policy.NeedLiveCategory),
	}
	if c.Shared {
		ref.Preference = c.Preferences[0].Label
	}
	return ref
}
