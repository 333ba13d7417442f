package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/event"
	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/plugins/host"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// prepared is a small experiment whose one policy, random, is played by another.
func prepared(t *testing.T, def policy.Definition, sets ...string) *work {
	t.Helper()
	text := `
name: stream
data: {synth: {prompts: 600, models: 4}, split: {method: stratified, train: 0.3, validation: 0.2, test: 0.5}}
encoder: none
policies: [random]
preferences: {lambda_cost: {auto: 2}}
stream: {batch: 10}
plots: {formats: []}
`
	spec, _, err := experiment.Parse([]byte(text), t.TempDir(), sets, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	p, err := Prepare(t.Context(), spec, Options{InProcess: true})
	if err != nil {
		t.Fatal(err)
	}
	cell := &p.Cells[0]
	p.sources["random\x00"] = host.InProcess(def)
	cell.Facts.Description = def.Description
	cell.Preferences = p.prefs[cell.Pool]
	return &work{Plan: p, cell: cell, feed: p.feedOf(cell), test: p.test[cell.Pool], log: io.Discard, send: func(event.Event) {}}
}

func (w *work) done(t *testing.T) *store.CellResult {
	t.Helper()
	result, err := w.execute(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// bandit asks every model a few times, then the best so far. It keeps a diary of all instances.
type bandit struct {
	sum, count []float64
	diary      *[]day
}

// day is one call of a bandit.
type day struct {
	fresh  bool // the first call of an instance
	id     []string
	score  []float32 // of what was observed; nil where it routed
	prompt *policy.Prompts
	pref   policy.Preference
}

func (b *bandit) Route(_ context.Context, x *policy.Batch) (*policy.Decisions, error) {
	d := policy.NewDecisions(x.Rows())
	for r := range x.Rows() {
		best := 0
		for m, n := range b.count {
			if n < 3 {
				best = m
				break
			}
			if b.sum[m]/n > b.sum[best]/b.count[best] {
				best = m
			}
		}
		if other := (best + 1) % len(b.count); r%5 == 0 {
			d.Append(policy.Select, []int32{int32(best), int32(other)}, []float32{0.75, 0.25})
		} else {
			d.AppendOne(policy.Select, best)
		}
	}
	fresh := slices.Max(b.count) == 0
	*b.diary = append(*b.diary, day{fresh: fresh, id: slices.Clone(x.Prompts.ID), prompt: x.Prompts, pref: x.Preferences[0]})
	return d, nil
}

func (b *bandit) Observe(_ context.Context, f *policy.Feedback) error {
	for i, m := range f.Model {
		b.sum[m] += float64(f.Figures[policy.Quality][i])
		b.count[m]++
	}
	*b.diary = append(*b.diary, day{id: slices.Clone(f.Prompts.ID), score: slices.Clone(f.Figures[policy.Quality]), prompt: f.Prompts, pref: f.Preference[0]})
	return nil
}

func banditOf(diary *[]day) policy.Definition {
	return policy.Definition{
		Description: policy.Description{
			Name: "bandit", Version: "1", Summary: "a test", Preference: policy.PreferenceInput, Online: true, Stochastic: true,
			ParamsSchema: json.RawMessage(`{"type":"object"}`), Needs: []policy.Need{policy.NeedText, policy.NeedCategory},
		},
		New: func(s policy.Setup) (policy.Policy, error) {
			return &bandit{make([]float64, len(s.Models)), make([]float64, len(s.Models)), diary}, nil
		},
	}
}

// An online policy learns from what its own decisions came to, batch by batch, and from nothing else: no stream begins with
// what another taught.
func TestAnOnlinePolicyLearnsAlongItsStream(t *testing.T) {
	var diary []day
	w := prepared(t, banditOf(&diary))
	result := w.done(t)
	n, selection := len(w.test), len(w.selectionRows(w.cell.Pool))
	if n < 200 || selection < 20 || len(w.cell.Preferences) < 3 {
		t.Fatalf("%d test prompts, %d of selection, %d preferences: too few to test anything", n, selection, len(w.cell.Preferences))
	}
	var streams [][]float32
	var seen map[string]bool
	for i, d := range diary {
		if i%2 == 0 != (d.score == nil) {
			t.Fatalf("call %d: routing and observing do not take turns", i)
		}
		if d.prompt.Category != nil {
			t.Errorf("call %d shows the category", i)
		}
		if d.score == nil {
			if len(d.id) > 10 {
				t.Errorf("a batch of %d, want at most 10", len(d.id))
			}
			if d.fresh {
				streams, seen = append(streams, nil), map[string]bool{}
			}
			continue
		}
		if !slices.Equal(d.id, diary[i-1].id) || d.pref != diary[i-1].pref {
			t.Errorf("call %d observes other prompts than were routed, or another preference", i)
		}
		for _, id := range d.id {
			if seen[id] {
				t.Errorf("prompt %s comes twice in a stream", id)
			}
			seen[id] = true
		}
		last := len(streams) - 1
		streams[last] = append(streams[last], d.score...)
	}
	if want := 2 * len(w.cell.Preferences); len(streams) != want {
		t.Fatalf("%d streams, want %d: one for each preference of test and of selection", len(streams), want)
	}
	mean := func(x []float32) (sum float64) {
		for _, v := range x {
			sum += float64(v) / float64(len(x))
		}
		return sum
	}
	for i, s := range streams[:len(w.cell.Preferences)] {
		if len(s) != n {
			t.Errorf("stream %d shows %d outcomes of %d prompts", i, len(s), n)
		}
		if early, late := mean(s[:20]), mean(s[n/2:]); late < early+0.05 {
			t.Errorf("stream %d: a mean score of %.3f at first and %.3f later: it does not learn", i, early, late)
		}
	}
	if result.Stream == nil || result.Stream.Order != "arrival" || result.Stream.Batch != 10 {
		t.Errorf("the cell says of its stream %+v", result.Stream)
	}
	// The same again, and the decisions stand beside the prompts that they are for.
	want := fmt.Sprintf("%+v", result.Points)
	if again := w.done(t); fmt.Sprintf("%+v", again.Points) != want {
		t.Error("a second time it comes to other points")
	}
}

// Prompts arrive in order of time; without times they are shuffled, each seed otherwise.
func TestTheOrderOfAStream(t *testing.T) {
	order := func(change func(*work)) []string {
		var diary []day
		w := prepared(t, banditOf(&diary))
		change(w)
		w.done(t)
		var ids []string
		for _, d := range diary {
			if d.score == nil && len(ids) < len(w.test) {
				ids = append(ids, d.id...)
			}
		}
		return ids
	}
	byID := map[string]int{}
	w := prepared(t, banditOf(&[]day{}))
	for i, id := range w.data.IDs {
		byID[id] = i
	}
	at := w.data.Trace.Prompts.ArrivedAt
	timed := order(func(*work) {})
	if !slices.IsSortedFunc(timed, func(a, b string) int { return at[byID[a]].Compare(at[byID[b]]) }) {
		t.Error("prompts with times do not come in their order")
	}
	untimed := func(seed uint64) func(*work) {
		return func(w *work) {
			w.data.Trace.Prompts.ArrivedAt = nil
			w.Spec.Stream.Seed = seed
		}
	}
	first, again, other := order(untimed(1)), order(untimed(1)), order(untimed(2))
	if !slices.Equal(first, again) || slices.Equal(first, other) || slices.IsSorted(first) {
		t.Error("prompts without times are not shuffled by the seed")
	}
	if a, b := slices.Sorted(slices.Values(first)), slices.Sorted(slices.Values(timed)); !slices.Equal(a, b) {
		t.Error("the orders are not of the same prompts")
	}
}
