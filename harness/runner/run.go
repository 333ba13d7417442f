// Package runner carries an experiment out. The way of the data:
//
//  1. [Prepare] has package dataset load, split and bill the data and encode the prompts, finds the policies and expands the
//     experiment into cells. Whatever is wrong with the input shows here, before anything runs.
//  2. [Plan.Run] executes the cells, several at a time, and stores each as it is done. A cell whose policy crashes, hangs
//     or answers nonsense fails alone, with its reason; finished cells of an earlier attempt are not run again.
//  3. When all have ended it computes references, metrics and savings (packages metrics and savings) from the stored
//     decisions, and writes points, tables and manifest.
//  4. [Plan.Verify] computes every number of a finished run again.
package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trilemma-bench/trilemma/harness/carbon"
	"github.com/trilemma-bench/trilemma/harness/event"
	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/provenance"
	"github.com/trilemma-bench/trilemma/harness/selfmeter"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// Options say how a run is carried out; none of them reaches a result.
type Options struct {
	Results   string // folder of all results
	Jobs      int    // cells at a time; 0 means as many as there are processors
	InProcess bool   // bundled policies without a process of their own
	FailFast  bool   // stop at the first failed cell
	Fresh     bool   // run finished cells again
	// Shard and Shards run every Shards-th cell, from Shard (counted from 1); 0 shards run all.
	Shard, Shards int
	Events        event.Sink
	// Encoding, where it is set, is told how many of the prompts that no cache has are encoded: 0 before the first.
	Encoding func(encoder string, done, total int)
	// PluginDirs are searched for outside policies.
	PluginDirs []string
}

// Outcome is how a run ended.
type Outcome struct {
	Run                  *store.Run
	Done, Cached, Failed int
	Failures             []store.Status
	// Partial tells that cells of other shards are missing, so that no tables were written.
	Partial bool
	// Unmeasured says why the run has no metric at all; "" where it has some.
	Unmeasured string
}

// Run executes the cells that are not done and finishes the run. An error means that the run could not be carried out;
// failed cells are told in the outcome.
func (p *Plan) Run(ctx context.Context, opt Options) (*Outcome, error) {
	started := time.Now()
	run, err := store.Open(opt.Results, p.Spec.Name, p.ID)
	if err != nil {
		return nil, err
	}
	out, err := p.runIn(ctx, run, opt, started)
	return out, errors.Join(err, run.Close())
}

// runIn executes the plan in the folder of its run.
func (p *Plan) runIn(ctx context.Context, run *store.Run, opt Options, started time.Time) (_ *Outcome, err error) {
	out := &Outcome{Run: run}
	sampler := selfmeter.Start()
	defer sampler.Stop()
	var before selfmeter.Usage
	if earlier, err := run.Manifest(); err == nil && !opt.Fresh {
		before = earlier.Own
	}
	if err := run.WritePlan(p.refs()); err != nil {
		return nil, err
	}
	manifest := p.manifest(started)
	manifest.Own = before
	taken := func() selfmeter.Usage {
		own := sampler.Stop()
		own.CarbonG = carbon.UsageG(own.EnergyWh, p.acc.GridGPerKWh)
		return before.Add(own)
	}
	if err := run.WriteManifest(manifest); err != nil {
		return nil, err
	}
	events, err := event.AppendJSONLines(run.Path(store.EventsFile))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, events.Close()) }()
	sink := event.Tee(events, opt.Events)

	todo, cached := p.todo(run, opt)
	if opt.Fresh {
		for _, c := range todo {
			if err := run.DropSnapshot(c.ID); err != nil {
				return nil, err
			}
		}
		if err := run.DropMemo(); err != nil {
			return nil, err
		}
	}
	if err := p.fill(ctx, todo, opt); err != nil {
		return nil, err
	}
	out.Cached = len(cached)
	waiting := map[string]int{}
	for _, c := range todo {
		waiting[event.KindOf(refOf(c).Name())]++
	}
	sink.Send(event.Event{
		Kind: event.RunStarted, Run: run.Dir, Total: len(todo) + out.Cached, Jobs: opt.Jobs, Waiting: waiting, Earlier: p.earlier(opt.Results),
	})
	for _, n := range p.Notices {
		sink.Send(event.Event{Kind: event.Notice, Text: n})
	}
	for _, c := range cached {
		sink.Send(event.Event{Kind: event.CellCached, Cell: c.ID, Label: refOf(c).Name(), Pool: c.Pool})
	}
	if err = p.executeAll(ctx, run, todo, opt, out, sink); err == nil {
		points, missing := run.Gather(p.refs())
		if out.Partial = len(missing) > out.Failed; !out.Partial {
			for _, n := range thin(points) {
				manifest.Notices = append(slices.Clip(manifest.Notices), n)
				sink.Send(event.Event{Kind: event.Notice, Text: n})
			}
			if err = p.finish(run, points, manifest, out, sink, taken); err == nil {
				out.Unmeasured, err = p.unmeasured(run)
				err = errors.Join(err, run.DropMemo())
			}
		}
	}
	if err != nil || out.Partial {
		// What was computed is kept, and so is what it took.
		manifest.Own = taken()
		err = errors.Join(err, run.WriteManifest(manifest))
	}
	sink.Send(event.Event{Kind: event.RunFinished, Done: out.Done, Cached: out.Cached, Failed: out.Failed})
	return out, err
}

// earlier is what cells took in the last other run of the experiment, by kind: how long this one may take. Nothing where
// there is none: an estimate is not worth a failure.
func (p *Plan) earlier(results string) map[string]float64 {
	runs, err := store.List(results)
	if err != nil {
		return nil
	}
	var last event.Progress
	for _, r := range runs {
		if r.Experiment != p.Spec.Name || r.ID == p.ID {
			continue
		}
		if progress, err := event.FoldFile(r.Path(store.EventsFile)); err == nil && progress.Last.After(last.Last) && len(progress.Took()) > 0 {
			last = progress
		}
	}
	return last.Took()
}

func (p *Plan) refs() []store.Ref {
	refs := make([]store.Ref, len(p.Cells))
	for i := range p.Cells {
		refs[i] = refOf(&p.Cells[i])
	}
	return refs
}

// mine tells whether a cell belongs to this shard.
func (o *Options) mine(index int) bool { return o.Shards <= 1 || index%o.Shards == o.Shard-1 }

// todo are the cells of this shard: those to execute, and those that are done.
func (p *Plan) todo(run *store.Run, opt Options) (todo, cached []*experiment.Cell) {
	for i := range p.Cells {
		switch {
		case !opt.mine(i):
		case !opt.Fresh && run.IsDone(p.Cells[i].ID):
			cached = append(cached, &p.Cells[i])
		default:
			todo = append(todo, &p.Cells[i])
		}
	}
	return todo, cached
}

// longestFirst puts the cells that are likely to take longest first, so that none of them is left over when everything else is
// done: policies that act in rounds, then others that learn, each in the order of the experiment.
func longestFirst(cells []*experiment.Cell) []*experiment.Cell {
	rank := func(c *experiment.Cell) int {
		switch {
		case c.Facts.Learns && c.Facts.Sequential:
			return 0
		case c.Facts.Learns:
			return 1
		}
		return 2
	}
	cells = slices.Clone(cells)
	slices.SortStableFunc(cells, func(a, b *experiment.Cell) int { return rank(a) - rank(b) })
	return cells
}

// errFailFast stops the other cells.
var errFailFast = errors.New("a cell failed and --fail-fast is set")

func (p *Plan) executeAll(ctx context.Context, run *store.Run, todo []*experiment.Cell, opt Options, out *Outcome, sink event.Sink) error {
	var g errgroup.Group
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	g.SetLimit(max(1, opt.Jobs))
	var mu sync.Mutex
	var done, failed atomic.Int64
	var broken error
	for _, c := range longestFirst(todo) {
		g.Go(func() error {
			if context.Cause(ctx) != nil {
				return nil //nolint:nilerr // Interrupted before it began: the caller asks the context.
			}
			status, err := p.executeOne(ctx, run, c, sink)
			switch {
			case err != nil:
				// The disk is full, say: no other cell could be stored either.
				mu.Lock()
				broken = errors.Join(broken, err)
				mu.Unlock()
				cancel(err)
			case status == nil: // interrupted
			case status.State == store.Failed:
				failed.Add(1)
				mu.Lock()
				out.Failures = append(out.Failures, *status)
				mu.Unlock()
				if opt.FailFast {
					cancel(errFailFast)
				}
			default:
				done.Add(1)
			}
			return nil
		})
	}
	_ = g.Wait() // every error is in broken or in the context's cause
	out.Done, out.Failed = int(done.Load()), int(failed.Load())
	if broken != nil {
		return broken
	}
	return context.Cause(ctx)
}

// executeOne runs one cell and stores what came of it. It returns nothing where it was interrupted.
func (p *Plan) executeOne(ctx context.Context, run *store.Run, c *experiment.Cell, sink event.Sink) (*store.Status, error) {
	started := time.Now()
	ref := refOf(c)
	sink.Send(event.Event{Kind: event.CellStarted, Cell: c.ID, Label: ref.Name(), Pool: c.Pool})
	log, err := run.Log(c.ID)
	if err != nil {
		return nil, err
	}
	memo, err := run.Memo()
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	w := &work{Plan: p, cell: c, run: run, memo: memo, feed: p.feedOf(c), test: p.test[c.Pool], log: log, send: sink.Send}
	result, reason := w.safely(ctx, c.Timeout)
	if closed := log.Close(); closed != nil && reason == nil {
		reason = fmt.Errorf("writing the log of %s: %w", ref.Name(), closed)
	}
	if ctx.Err() != nil {
		return nil, nil //nolint:nilerr // an interrupted cell has neither failed nor finished
	}
	if reason != nil {
		if err := run.FailCell(ref, time.Since(started), reason); err != nil {
			return nil, err
		}
		sink.Send(event.Event{Kind: event.CellFailed, Cell: c.ID, Label: ref.Name(), Pool: c.Pool, Reason: reason.Error(), WallSec: time.Since(started).Seconds()})
		status, _ := run.Cell(c.ID)
		return &status, nil
	}
	if err := run.SaveCell(*result); err != nil {
		return nil, err
	}
	for _, n := range result.Notices {
		sink.Send(event.Event{Kind: event.Notice, Text: ref.Name() + ": " + n})
	}
	sink.Send(event.Event{Kind: event.CellDone, Cell: c.ID, Label: ref.Name(), Pool: c.Pool, WallSec: time.Since(started).Seconds()})
	status, _ := run.Cell(c.ID)
	return &status, nil
}

// safely executes the cell within its time.
func (w *work) safely(ctx context.Context, timeout time.Duration) (*store.CellResult, error) {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, fmt.Errorf("the cell took longer than %v: raise timeout in the experiment", timeout))
		defer cancel()
	}
	result, err := w.execute(ctx)
	if ctx.Err() != nil {
		// An answer that came too late is none: whether it slips in must not depend on the machine's load.
		return nil, context.Cause(ctx)
	}
	return result, err
}

// manifest is what is known when a run starts.
func (p *Plan) manifest(started time.Time) store.Manifest {
	return store.Manifest{
		File: p.Spec.File, Sets: p.Spec.Sets, Config: p.canonical, Build: provenance.Build(), Host: provenance.Host(),
		Call: provenance.Call(started), Backend: p.Spec.Backend, Seeds: p.Spec.Seeds, Data: p.about, Inputs: p.inputs,
		Plugins: p.plugins, Notices: p.Notices, Started: started, Cells: len(p.Cells),
	}
}
