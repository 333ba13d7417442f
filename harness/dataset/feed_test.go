package dataset

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/billing"
	"github.com/trilemma-bench/trilemma/harness/encode"
	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/synth"
	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
	"github.com/trilemma-bench/trilemma/harness/trace/split"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// simulated writes a trace of 240 prompts × 4 models that change may alter, with vectors of 2 figures that hold the
// number of their prompt.
func simulated(t *testing.T, seed uint64, change func(*trace.Trace)) (*synth.Simulated, string) {
	t.Helper()
	p := synth.Default()
	p.Prompts, p.Models, p.Seed, p.Responses, p.MissingRate = 240, 4, seed, "short", 0.03
	s, err := synth.Generate(p)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(s.Trace)
	}
	dir := filepath.Join(t.TempDir(), "trace")
	if err := file.Write(dir, s.Trace, s.Response); err != nil {
		t.Fatal(err)
	}
	var vectors []float32
	for i := range s.Trace.Prompts.ID {
		vectors = append(vectors, float32(i), float32(seed))
	}
	if err := encode.WritePrecomputed(filepath.Join(dir, "vectors.parquet"), s.Trace.Prompts.ID, vectors, 2, nil); err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func loaded(t *testing.T, data string) (*Dataset, *experiment.Spec) {
	t.Helper()
	text := "name: test\nencoder: {name: v, precomputed: vectors.parquet}\npolicies: [random]\ndata: " + data + "\n"
	spec, _, err := experiment.Parse([]byte(text), filepath.Join(t.TempDir(), "test.yaml"), nil, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	d, err := Load(t.Context(), spec, billing.DefaultAccounting())
	if err != nil {
		t.Fatal(err)
	}
	return d, spec
}

// feed is that of all models, for a policy with some needs.
func (d *Dataset) feed(t *testing.T, spec *experiment.Spec, needs ...policy.Need) *Feed {
	t.Helper()
	v, err := d.Encode(t.Context(), spec.Encoders[0], "")
	if err != nil {
		t.Fatal(err)
	}
	f := d.Feed(UpTo(len(d.Trace.Models)), v, nil)
	f.Needs = &policy.Description{Needs: needs}
	return f
}

// No label leaves for a prompt that is still to be routed, alone or among others.
func TestFeedKeepsTestOutcomes(t *testing.T) {
	_, dir := simulated(t, 3, nil)
	d, spec := loaded(t, fmt.Sprintf("{trace: %s}", dir))
	d.Part[d.Rows(split.Test)[0]] = split.None // as a leak is
	f := d.feed(t, spec)
	train := d.Rows(split.Train)
	for _, part := range []split.Part{split.None, split.Selection, split.Test} {
		rows := d.Rows(part)
		if len(rows) == 0 {
			t.Fatalf("no prompt is of part %s", part)
		}
		if s, err := f.Split(t.Context(), append(slices.Clone(train), rows[0])); err == nil || s != nil || !strings.Contains(err.Error(), part.String()) {
			t.Errorf("a prompt of part %s is given with its outcomes: %v", part, err)
		}
	}
	for _, part := range []split.Part{split.Train, split.Validation} {
		s, err := f.Split(t.Context(), d.Rows(part))
		if err != nil || s.Len() != len(d.Rows(part)) {
			t.Errorf("part %s: %v", part, err)
		}
	}
}

// Every column is there for those who declared it, and only then; each holds what the trace has of that prompt.
func TestFeedGivesWhatIsNeeded(t *testing.T) {
	sim, dir := simulated(t, 3, nil)
	d, spec := loaded(t, fmt.Sprintf("{trace: %s}", dir))
	number := map[string]int{} // of the simulator
	for i, id := range sim.Trace.Prompts.ID {
		number[id] = i
	}
	known := map[string]int{} // rows by the ids that policies see
	for i, id := range d.IDs {
		known[id] = i
	}
	rows := d.Rows(split.Train)
	all := []policy.Need{policy.NeedText, policy.NeedCategory, policy.NeedVector, policy.NeedGrid, policy.NeedAnswer, policy.NeedResponse}
	for _, needs := range append([][]policy.Need{nil, all}, slices.Collect(slices.Chunk(all, 1))...) {
		s, err := d.feed(t, spec, needs...).Split(t.Context(), rows)
		if err != nil {
			t.Fatal(err)
		}
		for need, there := range map[policy.Need]bool{
			policy.NeedText: s.Prompts.Text != nil, policy.NeedCategory: s.Prompts.Category != nil, policy.NeedVector: s.Prompts.Vector != nil,
			policy.NeedGrid: s.Prompts.GridGPerKWh != nil, policy.NeedAnswer: s.Outcomes.Answer != nil, policy.NeedResponse: s.Outcomes.Response != nil,
		} {
			if there != slices.Contains(needs, need) {
				t.Errorf("needs %v: column of %v is there: %v", needs, need, there)
			}
		}
		if len(needs) < len(all) {
			continue
		}
		m := len(sim.Trace.Models)
		for i, id := range s.Prompts.ID {
			row := known[id]
			p := number[d.Trace.Prompts.ID[row]]
			if s.Prompts.Text[i] != sim.Trace.Prompts.Text[p] || s.Prompts.Category[i] != sim.Trace.Prompts.Category[p] || s.Prompts.Row(i)[0] != float32(p) {
				t.Fatalf("prompt %d has the columns of another", p)
			}
			for j, model := range d.Trace.Models {
				k := slices.IndexFunc(sim.Trace.Models, func(x policy.Model) bool { return x.ID == model.ID })
				at := sim.Trace.Outcomes.At(p, k)
				present := sim.Trace.Outcomes.Present.Has(at)
				o := &s.Outcomes
				if o.Present[i*m+j] != present {
					t.Fatalf("outcome (%d, %d) is there: %v", p, k, !present)
				}
				if !present {
					continue
				}
				if q := o.Figures[policy.Quality][i*m+j]; q != sim.Trace.Outcomes.Logged[policy.Quality][at] {
					t.Fatalf("outcome (%d, %d) has score %v, want %v", p, k, q, sim.Trace.Outcomes.Logged[policy.Quality][at])
				}
				if o.Response[i*m+j] != sim.Response(p, k) || o.OutputTokens[i*m+j] != sim.Trace.Outcomes.OutputTokens[at] {
					t.Fatalf("outcome (%d, %d) has the response or tokens of another", p, k)
				}
			}
		}
	}
}

// What is asked for is shown without the score, and without the answer to those who did not declare that they read it.
func TestRevealHidesTheScore(t *testing.T) {
	_, dir := simulated(t, 3, nil)
	d, spec := loaded(t, fmt.Sprintf("{trace: %s}", dir))
	blind, reader := d.feed(t, spec), d.feed(t, spec, policy.NeedAnswer)
	answers, missing := 0, 0
	for _, p := range d.Rows(split.Test) {
		for m := range d.Trace.Models {
			at := d.Trace.Outcomes.At(p, m)
			a, ok := blind.Reveal(p, m)
			b, _ := reader.Reveal(p, m)
			if ok != d.Trace.Outcomes.Present.Has(at) {
				t.Fatalf("outcome (%d, %d) is revealed: %v", p, m, ok)
			}
			if !ok {
				missing++
				continue
			}
			if q := a.Figures[policy.Quality]; q == q || a.Answer != "" {
				t.Fatalf("score %v and answer %q are shown", q, a.Answer)
			}
			if a.Figures[policy.Cost] != d.Table.At(p, m).Central()[policy.Cost] || a.OutputTokens != d.Trace.Outcomes.OutputTokens[at] {
				t.Fatalf("outcome (%d, %d) is shown as %+v", p, m, a)
			}
			if d.Trace.Outcomes.Answer != nil && b.Answer != "" {
				answers++
			}
		}
	}
	if missing == 0 || d.Trace.Outcomes.Answer != nil && answers == 0 {
		t.Errorf("%d outcomes were missing, %d answers shown: the test shows nothing", missing, answers)
	}
}

// What a policy is called by prompts, and their order, tell nothing: ids are hashes, and neighbours in the trace are not
// neighbours in a batch.
func TestIdsAndOrderTellNothing(t *testing.T) {
	_, dir := simulated(t, 3, nil)
	d, spec := loaded(t, fmt.Sprintf("{trace: %s}", dir))
	f := d.feed(t, spec, policy.NeedCategory)
	seen := map[string]bool{}
	for i, id := range d.IDs {
		if real := d.Trace.Prompts.ID[i]; len(id) != 32 || seen[id] || strings.Contains(id, real) {
			t.Fatalf("prompt %s is called %q", real, id)
		}
		seen[id] = true
	}
	// Rows of one category stand together here; in what the policy is given they do so by chance alone.
	sorted := d.Rows(split.Train)
	category := d.Trace.Prompts.Category
	slices.SortStableFunc(sorted, func(a, b int) int { return strings.Compare(category[a], category[b]) })
	s, err := f.Split(t.Context(), sorted)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(s.Prompts.ID) {
		t.Error("the prompts do not come in the order of their ids")
	}
	alike, count := 0.0, map[string]float64{}
	for i, c := range s.Prompts.Category {
		count[c]++
		if i > 0 && c == s.Prompts.Category[i-1] {
			alike++
		}
	}
	n, chance := float64(len(sorted)), 0.0
	for _, k := range count {
		chance += k / n * k / n
	}
	if share := alike / (n - 1); share > chance+0.1 {
		t.Errorf("%.2f of neighbours have one category, want about %.2f by chance", share, chance)
	}
	if live := f.Prompts(d.Rows(split.Test), policy.NeedLiveCategory); live.Category != nil {
		t.Error("the category is there when routing")
	}
	// Another division is another key: who knows the ids of a public data set cannot look the hashes up.
	if other, _ := loaded(t, fmt.Sprintf("{trace: %s, split: {seed: 2}}", dir)); other.IDs[0] == d.IDs[0] {
		t.Error("another split hashes the ids alike")
	}
}

// A test trace of its own stands below the train trace: for the models that both know, with its own outcomes, responses and
// vectors, and nothing nearly the same is left to train on.
func TestJoinedTraces(t *testing.T) {
	train, trainDir := simulated(t, 3, nil)
	test, testDir := simulated(t, 4, func(tr *trace.Trace) {
		for i := range tr.Prompts.ID {
			tr.Prompts.ID[i] = "test-" + tr.Prompts.ID[i]
		}
		copy(tr.Models, train.Trace.Models)
		tr.Models[3].ID = "another"
		tr.Prompts.Text[9] = train.Trace.Prompts.Text[5] + " please"
	})
	d, spec := loaded(t, fmt.Sprintf("{train: %s, test: %s}", trainDir, testDir))
	if len(d.Trace.Models) != 3 || len(d.Tested()) != 240 || len(d.Rows(split.Test)) != 240 {
		t.Fatalf("%d models, %d prompts tested, %d of them test prompts", len(d.Trace.Models), len(d.Tested()), len(d.Rows(split.Test)))
	}
	notes := strings.Join(d.Notices, "\n")
	for _, want := range []string{"not in the test trace", "left out another: not in the train trace", "near-duplicates of test prompts"} {
		if !strings.Contains(notes, want) {
			t.Errorf("nothing says %q: %s", want, notes)
		}
	}
	f := d.feed(t, spec)
	rows := UpTo(len(d.IDs))
	responses, err := f.Responses(context.Background(), rows)
	if err != nil {
		t.Fatal(err)
	}
	leaked := false
	for row, id := range d.Trace.Prompts.ID {
		from, seed := train, float32(3)
		if strings.HasPrefix(id, "test-") {
			from, seed = test, 4
		}
		p := slices.Index(from.Trace.Prompts.ID, id)
		if v := f.Vectors.Data[2*row : 2*row+2]; v[0] != float32(p) || v[1] != seed {
			t.Fatalf("prompt %s has the vector %v, want %d and %v", id, v, p, seed)
		}
		if from == train && p == 5 {
			leaked = d.Part[row] == split.None
		}
		for m, model := range d.Trace.Models {
			k := slices.IndexFunc(from.Trace.Models, func(x policy.Model) bool { return x.ID == model.ID })
			at := from.Trace.Outcomes.At(p, k)
			present := from.Trace.Outcomes.Present.Has(at)
			want := ""
			if present {
				want = from.Response(p, k)
			}
			if got := responses[row*3+m]; got != want || d.Table.At(row, m).Present() != present {
				t.Fatalf("%s of %s: response %q, want %q", model.ID, id, got, want)
			}
			if present && d.Table.At(row, m).At(policy.Quality) != from.Trace.Outcomes.Logged[policy.Quality][at] {
				t.Fatalf("%s of %s has the score of another", model.ID, id)
			}
		}
	}
	if !leaked {
		t.Error("a training prompt whose near-duplicate is a test prompt is not left out")
	}
}

// Where and when prompts arrive belongs to the fingerprint of the outcomes, how they are divided to that of the split.
func TestFingerprints(t *testing.T) {
	_, dir := simulated(t, 3, nil)
	outcomes, parts := map[string]bool{}, map[string]bool{}
	for _, data := range []string{"", ", split: {seed: 2}", ", regions: [{models: ['*'], zones: [FRA]}]", ", regions: [{models: ['*'], zones: [POL]}]",
		", arrivals: {from: 2024-06-01T00:00:00Z, span: 48h, replace: true}"} {
		d, _ := loaded(t, fmt.Sprintf("{trace: %s%s}", dir, data))
		a, b := d.Fingerprints()
		outcomes[a], parts[b] = true, true
	}
	if len(outcomes) != 4 || len(parts) != 2 {
		t.Errorf("%d fingerprints of outcomes and %d of splits, want 4 and 2", len(outcomes), len(parts))
	}
}

// Water is given to policies where a preference of the run weighs it, and to no others: their bits do not change by it.
func TestFeedGivesWaterWhereItIsWeighed(t *testing.T) {
	_, dir := simulated(t, 3, nil)
	d, _ := loaded(t, fmt.Sprintf("{trace: %s}", dir))
	litres := 2.0
	acc := billing.DefaultAccounting()
	acc.WaterLPerKWh = &litres
	var err error
	if d.Table, err = d.Bill(acc); err != nil {
		t.Fatal(err)
	}
	pool, rows := UpTo(len(d.Trace.Models)), d.Rows(split.Train)
	for _, weight := range []float64{0, 0.1} {
		f := d.Feed(pool, Vectors{}, []experiment.Labelled{{Preference: policy.Preference{policy.Water: weight}}})
		f.Needs = &policy.Description{}
		s, err := f.Split(t.Context(), rows)
		if err != nil {
			t.Fatal(err)
		}
		shown := f.Shown(d.Table.At(rows[0], 0).Central())
		if given := s.Outcomes.Figures[policy.Water] != nil; given != (weight != 0) || given != (shown[policy.Water] > 0) {
			t.Errorf("with a weight of %v water is given to learn from: %v; %v is shown", weight, given, shown[policy.Water])
		}
	}
}
