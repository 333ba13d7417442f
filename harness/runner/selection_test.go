package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/event"
	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/replay"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/harness/trace/split"
	"github.com/trilemma-bench/trilemma/plugins/host"
	"github.com/trilemma-bench/trilemma/plugins/serve"
	"github.com/trilemma-bench/trilemma/plugins/wire"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// The test binary is a plugin where the host starts it as one.
func init() {
	if os.Getenv(wire.Handshake.MagicCookieKey) == wire.Handshake.MagicCookieValue {
		serve.Policy(memoDefinition())
	}
}

// memo knows every prompt that it was given in Fit by heart, with the model that did best on it.
type memo struct {
	models int
	best   map[string]int
}

func memoDefinition() policy.Definition {
	return policy.Definition{
		Description: policy.Description{
			Name: "memo", Version: "1", Summary: "knows prompts by heart", ParamsSchema: json.RawMessage(`{"type":"object"}`),
			Preference: policy.PreferenceIgnored, Needs: []policy.Need{policy.NeedText}, Learns: true,
		},
		New: func(s policy.Setup) (policy.Policy, error) { return &memo{len(s.Models), map[string]int{}}, nil },
	}
}

func (p *memo) Fit(_ context.Context, t *policy.Task, _ func(policy.Progress)) error {
	for _, s := range []*policy.Split{t.Train, t.Validation} {
		for i, text := range s.Prompts.Text {
			for m := range p.models {
				if s.Outcomes.Figures[policy.Quality][i*p.models+m] > s.Outcomes.Figures[policy.Quality][i*p.models+p.best[text]] {
					p.best[text] = m
				}
			}
		}
	}
	return nil
}

func (p *memo) Route(_ context.Context, b *policy.Batch) (*policy.Decisions, error) {
	d := policy.NewDecisions(b.Rows())
	for _, i := range b.Prompt {
		d.AppendOne(policy.Select, p.best[b.Prompts.Text[i]])
	}
	return d, nil
}

// noise is a world where nothing can be learned: all models are equally able at everything, and how hard a prompt is cannot be
// told from its words.
const noise = `
name: noise
data:
  synth: {prompts: 2000, models: 4, size_effect: 0, topic_spread: 0, field_spread: 0, difficulty_shown: 0, luck: 1}
  split: {method: stratified}
encoder: {name: hash, dim: 16, features: 1024}
preferences: {lambda_cost: {auto: 2}}
metrics: {baseline: best-single, resamples: 100}
plots: {formats: []}
policies:
  - best-single
  - {name: memo, plugin: %q}
  - category-best
  - {name: knn, params: {k: 5}}
  - {name: static, params: {epochs: 8, learning_rate: 0.01}}
  - agreement
  - {name: predict, params: {epochs: 4, members: 2, hidden: 16, cost_hidden: 8, learning_rate: 0.005, neighbours: 10}}
  - {name: moe, params: {epochs: 4, members: 2, width: 16, cost_hidden: 8, learning_rate: 0.005}}
  - {name: reinforce, params: {steps: 4096, slots: 32, horizon: 16, checks: 2, hidden: 16, scorer: 8}}
  - {name: ppo, params: {warm_start: none, steps: 4096, slots: 32, horizon: 16, checks: 2, hidden: 16, scorer: 8}}
  - carbon
`

// Settings and policies are chosen by selection figures. Those of a policy that knows by heart what it was fitted on are as
// good as its test figures, and so are those of all bundled policies: nobody is given a selection prompt before it is asked
// about it.
func TestSelectionIsNotOptimistic(t *testing.T) {
	ctx := context.Background()
	file := filepath.Join(t.TempDir(), "noise.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, noise, os.Args[0]), 0o644); err != nil {
		t.Fatal(err)
	}
	spec, _, err := experiment.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	opt := Options{Results: t.TempDir(), InProcess: true, Events: event.Discard}
	plan, err := Prepare(ctx, spec, opt)
	if err != nil {
		t.Fatal(err)
	}
	out, err := plan.Run(ctx, opt)
	if err != nil {
		t.Fatal(err)
	}
	if out.Failed > 0 {
		t.Fatalf("%d cells failed: %+v", out.Failed, out.Failures[0].Reason)
	}
	for i := range plan.Cells {
		c := &plan.Cells[i]
		st, _ := out.Run.Cell(c.ID)
		if len(st.Selection) != len(st.Points) || len(st.Halves) != len(st.Points) {
			t.Errorf("%s: %d points, of selection %d and %d", c.Name(), len(st.Points), len(st.Selection), len(st.Halves))
			continue
		}
		for k, sel := range st.Selection {
			test, h := st.Points[k], st.Halves[k]
			score := h.Order[policy.Quality].Join(h.Check[policy.Quality])
			if d := h.Order[policy.Quality].N - h.Check[policy.Quality].N; h.Preference != sel.Preference || score.N != sel.N || d < -1 || d > 1 || math.Abs(score.Mean-sel.Figures[policy.Quality]) > 1e-6 {
				t.Errorf("%s at %s: halves of %d and %d prompts with a mean of %v, selection has %d with %v", c.Name(), sel.Preference,
					h.Order[policy.Quality].N, h.Check[policy.Quality].N, score.Mean, sel.N, sel.Figures[policy.Quality])
			}
			se := standardError(&sel, &test)
			t.Logf("%s at %s: selection %.3f, test %.3f, standard error of the difference %.3f", c.Name(), sel.Preference, sel.Figures[policy.Quality], test.Figures[policy.Quality], se)
			if math.Abs(sel.Figures[policy.Quality]-test.Figures[policy.Quality]) > 3*se {
				t.Errorf("%s at %s: %.3f on selection, %.3f on test, more than 3 standard errors of %.3f apart", c.Name(), sel.Preference, sel.Figures[policy.Quality], test.Figures[policy.Quality], se)
			}
		}
		if c.Policy == "memo" {
			checkPower(ctx, t, plan, c, out.Run, &st.Points[0])
		}
	}
}

func standardError(a, b *store.Point) float64 {
	q := (a.Figures[policy.Quality]*float64(a.N) + b.Figures[policy.Quality]*float64(b.N)) / float64(a.N+b.N)
	return math.Sqrt(q * (1 - q) * (1/float64(a.N) + 1/float64(b.N)))
}

// checkPower asks the memorising policy about its own validation prompts: had it been chosen by them, it would show.
func checkPower(ctx context.Context, t *testing.T, plan *Plan, c *experiment.Cell, run *store.Run, test *store.Point) {
	t.Helper()
	w := &work{Plan: plan, cell: c, run: run, feed: plan.feedOf(c)}
	inst, err := host.Start(ctx, host.InProcess(memoDefinition()), host.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer inst.Close()
	about := inst.Description()
	w.feed.Needs = &about
	if err := w.configure(ctx, inst); err != nil {
		t.Fatal(err)
	}
	if _, err := w.fit(ctx, inst, &store.CellResult{Fit: map[string]float64{}}); err != nil {
		t.Fatal(err)
	}
	rows := plan.rows(c.Pool, split.Validation)
	routed, _, err := w.route(ctx, inst, about, rows)
	if err != nil {
		t.Fatal(err)
	}
	mean, err := replay.Replay(w.feed.View(), rows, decided(&routed[0]), nil)
	if err != nil {
		t.Fatal(err)
	}
	own := w.point(c.Preferences[0], mean)
	if se := standardError(&own, test); own.Figures[policy.Quality] < test.Figures[policy.Quality]+4*se {
		t.Errorf("on its own validation prompts the policy has %.3f, on test %.3f (standard error %.3f): the test has no power", own.Figures[policy.Quality], test.Figures[policy.Quality], se)
	} else {
		t.Logf("memo on its own validation prompts: %.3f, on test %.3f", own.Figures[policy.Quality], test.Figures[policy.Quality])
	}
}
