package forecast

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

var nan = float32(math.NaN())

// pair is a split of two models: scores and costs row by row, NaN for no outcome.
func pair(scores, costs []float32) *policy.Split {
	s := new(policy.Split)
	o := &s.Outcomes
	o.Models, o.Figures[policy.Quality], o.Figures[policy.Cost] = 2, scores, costs
	for i, x := range scores {
		o.Present = append(o.Present, x == x)
		if i%2 == 0 {
			s.Prompts.ID = append(s.Prompts.ID, fmt.Sprint(i/2))
		}
	}
	return s
}

func TestMeansGolden(t *testing.T) {
	s := pair([]float32{1, 0, 0, nan, 1, 1}, []float32{2, 4, 4, nan, nan, 8})
	overall := Overall(2, s, nil)
	// Both answered the first prompt and the last, of which model 0 has no cost: model 1 takes twice as much.
	if got, want := fmt.Sprint(overall.Value), "[[1 0.5] [3 6] [] [NaN NaN] [NaN NaN] [NaN NaN]]"; got != want {
		t.Errorf("overall means %s, want %s", got, want)
	}
	m := NewMeans(2, 2)
	m.Add(0, &s.Outcomes, 1) // one prompt in group 0, none in group 1
	got := m.Expected(overall, 2)
	// (0 + 2·1)/3, nothing of model 1, so its overall mean; cost (4 + 2·3)/3.
	if got, want := fmt.Sprint(got.Value[:2]), "[[0.6666667 0.5 1 0.5] [3.3333333 6 3 6]]"; got != want {
		t.Errorf("shrunk means %s, want %s", got, want)
	}
}

func TestChooseGolden(t *testing.T) {
	e := NewExpected(1, 4)
	copy(e.Value[policy.Quality], []float32{0.9, 0.8, 0.8, nan})
	copy(e.Value[policy.Cost], []float32{3, 2, 1, 0})
	for _, c := range []struct {
		lambda float64
		want   int
	}{{0, 0}, {0.05, 2}, {0.04, 0}, {1000, 2}} {
		if got := e.Choose(0, policy.Preference{policy.Cost: c.lambda}); got != c.want {
			t.Errorf("λ_cost %v: model %d, want %d", c.lambda, got, c.want)
		}
	}
	e.Value[policy.Quality][0] = 0.8
	if got := e.Choose(0, policy.Preference{}); got != 2 {
		t.Errorf("of three equals model %d, want the cheapest, 2", got)
	}
	if got := e.Choose(0, policy.Preference{policy.Carbon: 1}); got != -1 {
		t.Errorf("model %d of none whose carbon is known", got)
	}
}

func TestCheckSaysWhatIsMissing(t *testing.T) {
	models := []policy.Model{policy.NewModel("a"), policy.NewModel("b")}
	e := Overall(2, pair([]float32{1, 0}, []float32{1, nan}))
	for _, c := range []struct {
		preference policy.Preference
		want       string
	}{
		{policy.Preference{}, ""},
		{policy.Preference{policy.Cost: 2}, `no training outcome of model "b" has a known cost: give the model's prices`},
		{policy.Preference{policy.Latency: 2}, `model "a" has a known latency`},
	} {
		err := e.Check(c.preference, models)
		if (c.want == "") != (err == nil) || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: error %v, want %q", c.preference, err, c.want)
		}
	}
}

func TestRoutingErrorGolden(t *testing.T) {
	s := pair([]float32{1, 0, 1, nan}, nil)
	e := NewExpected(2, 2)
	copy(e.Value[policy.Quality], []float32{0.4, 0.2, 0.5, 0})
	// Differences ±0.1 against ±0.5, twice 0.4²; then a single model, 0.5².
	if got, want := RoutingError(e, s), (0.16+0.16+0.25)/3; math.Abs(got-want) > 1e-6 {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := RoutingError(NewExpected(0, 2), pair(nil, nil)); !math.IsInf(got, 1) {
		t.Errorf("error %v of nothing, want +Inf", got)
	}
}

func TestBlendFindsTheMixture(t *testing.T) {
	r := policy.Stream(1, "blend")
	const n, models = 300, 4
	a, b, junk := NewExpected(n, models), NewExpected(n, models), NewExpected(n, models)
	o := &policy.Outcomes{Models: models, Present: make([]bool, n*models), Figures: policy.NewMatrix(n*models, policy.Quality)}
	for i := range o.Figures[policy.Quality] {
		a.Value[policy.Quality][i], b.Value[policy.Quality][i], junk.Value[policy.Quality][i] = r.Float32(), r.Float32(), r.Float32()
		o.Figures[policy.Quality][i] = 0.3*a.Value[policy.Quality][i] + 0.7*b.Value[policy.Quality][i] + float32(i/models) // what is shared must not matter
		o.Present[i] = r.Float64() < 0.9
	}
	w := Blend([]*Expected{junk, a, b}, o)
	if math.Abs(w[0]) > 1e-9 || math.Abs(w[1]-0.3) > 1e-9 || math.Abs(w[2]-0.7) > 1e-9 {
		t.Errorf("weights %v, want 0, 0.3, 0.7", w)
	}
	if w := Blend([]*Expected{a, b}, &policy.Outcomes{Models: models, Present: make([]bool, n*models), Figures: o.Figures}); w[0] != 1 {
		t.Errorf("weights %v where nothing can be compared, want the first alone", w)
	}
}

func TestClusterFindsGroups(t *testing.T) {
	r := policy.Stream(1, "cluster")
	const n, dim = 300, 6
	x := make([]float32, n*dim)
	for i := range n {
		for j := range dim {
			x[i*dim+j] = float32(0.2 * r.NormFloat64())
		}
		x[i*dim+i%3] += 2
	}
	group, groups, err := Cluster(context.Background(), Unit(x, dim), dim, 3, 50, policy.Stream(2, "k"))
	if err != nil || groups != 3 {
		t.Fatal(groups, err)
	}
	for i := range n {
		if group[i] != group[i%3] {
			t.Fatalf("row %d is in group %d, those like it in %d", i, group[i], group[i%3])
		}
	}
	// More clusters than distinct rows.
	_, groups, err = Cluster(context.Background(), []float32{1, 0, 1, 0, 0, 1}, 2, 5, 50, policy.Stream(2, "k"))
	if err != nil || groups != 2 {
		t.Errorf("%d groups of two distinct rows (%v)", groups, err)
	}
}

func TestStateRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		bits := rapid.SliceOf(rapid.Uint32()).Draw(t, "bits")
		want := make(checkpoint.F32s, len(bits))
		for i, b := range bits {
			want[i] = math.Float32frombits(b)
		}
		data, err := checkpoint.Save("x/1", want)
		if err != nil {
			t.Fatal(err)
		}
		var got checkpoint.F32s
		if err := checkpoint.Load("x/1", data, &got); err != nil || len(got) != len(want) {
			t.Fatal(got, err)
		}
		for i, b := range bits {
			if math.Float32bits(got[i]) != b {
				t.Fatalf("number %d has bits %x, want %x", i, math.Float32bits(got[i]), b)
			}
		}
	})
}

func FuzzLoadState(f *testing.F) {
	good, _ := checkpoint.Save("memory/1", &Memory{Dim: 1, Unit: checkpoint.F32s{1}, Outcome: NewExpected(1, 1), Overall: NewExpected(1, 1)})
	f.Add(good)
	f.Add([]byte(`{"kind":"memory/1","state":{"unit":"AAA="}}`))
	f.Add([]byte(`{"kind":"memory/1","state":null}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := new(Memory)
		if err := checkpoint.Load("memory/1", data, m); err != nil || m.CheckShape(1) != nil {
			return
		}
		// What is accepted must be usable.
		if _, err := m.Expect(context.Background(), make([]float32, m.Dim), m.Dim, []int{3}, nil); err != nil {
			t.Error(err)
		}
		if _, err := json.Marshal(m); err != nil {
			t.Error(err)
		}
	})
}
