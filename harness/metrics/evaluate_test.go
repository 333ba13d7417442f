package metrics

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trilemma-bench/trilemma/harness/pareto"
	"github.com/trilemma-bench/trilemma/harness/stats"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// pool makes an input: n prompts, models of rising quality and cost, and policies that know each outcome more or less.
func pool(seed uint64, n, models, policies, seeds, points int) Input {
	rng := rand.New(rand.NewPCG(seed, 1))
	o := Outcomes{Models: models}
	in := Input{Pool: "all", Resamples: 200, Seed: seed, Baseline: ZeroRouter}
	for range n {
		for m := range models {
			right := float32(0)
			if rng.Float64() < 0.3+0.5*float64(m+1)/float64(models) {
				right = 1
			}
			o.Figures[policy.Quality] = append(o.Figures[policy.Quality], right)
			c := float32(math.Exp(float64(m)/2)*(0.5+rng.Float64())) / 1e4
			o.Figures[policy.Cost], o.Figures[policy.Carbon] = append(o.Figures[policy.Cost], c), append(o.Figures[policy.Carbon], c*100*(0.5+rng.Float32()))
		}
		in.Stratum, in.Dataset = append(in.Stratum, int32(len(in.Stratum)%4)), append(in.Dataset, int32(len(in.Dataset)%4))
	}
	in.Outcomes = o
	for m := range models {
		in.Models = append(in.Models, fmt.Sprintf("m%d", m))
	}
	e := evaluation{Input: in}
	for k := range policies {
		s := Subject{Name: fmt.Sprintf("policy%d", k)}
		for seed := range seeds {
			noise := make([]float64, n*models)
			for i := range noise {
				noise[i] = rng.NormFloat64() * (0.5 + float64(k)/4)
			}
			c := Curve{Seed: uint64(seed)}
			for j := range points {
				lambda := 3000 * math.Pow(0.8, float64(j))
				if j == points-1 {
					lambda = 0
				}
				choice := make([]int32, n)
				for p := range choice {
					best := math.Inf(-1)
					for m := range models {
						i := p*models + m
						if u := float64(o.Figures[policy.Quality][i]) + noise[i] - lambda*float64(o.Figures[policy.Cost][i]); u > best {
							best, choice[p] = u, int32(m)
						}
					}
				}
				point := e.take(choice)
				point.Free = lambda == 0
				c.Points = append(c.Points, point)
			}
			s.Curves = append(s.Curves, c)
		}
		in.Subjects = append(in.Subjects, s)
	}
	return in
}

func evaluate(t testing.TB, in Input) *Table {
	t.Helper()
	table, err := Evaluate(in)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func (t *Table) row(policy, metric string) *Row {
	for i := range t.Rows {
		if t.Rows[i].Policy == policy && t.Rows[i].Metric == metric {
			return &t.Rows[i]
		}
	}
	return nil
}

var nanEqual = cmpopts.EquateNaNs()

// selectOnTest lets settings and models be chosen by the compared prompts, as if selection prompts had the same means.
func selectOnTest(in *Input) {
	e := evaluation{Input: *in, columns: stats.NewColumns(in.Outcomes.Len())}
	means := func(p PromptPoint) policy.Figures {
		t, _ := e.addPoint(p, unlike)
		return e.plainMeans(t)
	}
	for m := range in.Outcomes.Models {
		in.Known = append(in.Known, means(e.take(always(int32(m), in.Outcomes.Len()))))
	}
	in.Selection = in.Known
	for _, s := range in.Subjects {
		for _, c := range s.Curves {
			for k := range c.Points {
				of := means(c.Points[k])
				c.Points[k].Selection = &of
			}
		}
	}
}

// TestEvaluateIsTheMetricsOnMeans recomputes every value from mean points with the pure functions. Chosen by the very
// prompts they are judged on, settings have the same value as in hindsight.
func TestEvaluateIsTheMetricsOnMeans(t *testing.T) {
	in := pool(3, 400, 4, 2, 2, 7)
	in.Resamples = 50
	selectOnTest(&in)
	table := evaluate(t, in)
	mean := func(v []float32) float64 {
		var sum float64
		for _, x := range v {
			sum += float64(x)
		}
		return sum / float64(len(v))
	}
	flat := func(c Curve) (points []pareto.Point) {
		for _, p := range c.Points {
			points = append(points, pareto.Point{CostUSD: mean(p.Figures[policy.Cost]), Quality: mean(p.Figures[policy.Quality])})
		}
		return points
	}
	e := evaluation{Input: in}
	o := in.Outcomes
	var singles []pareto.Point
	for m := range in.Models {
		singles = append(singles, flat(Curve{Points: []PromptPoint{e.take(always(int32(m), o.Len()))}})[0])
	}
	best := slices.MaxFunc(singles, func(a, b pareto.Point) int { return int(math.Copysign(1, a.Quality-b.Quality)) })
	joint := slices.Clone(singles)
	maxCost := pareto.HullMaxCost(singles)
	for _, s := range in.Subjects {
		for _, c := range s.Curves {
			points := flat(c)
			joint = append(joint, points...)
			maxCost = max(maxCost, pareto.HullMaxCost(points))
		}
	}
	var scale pareto.Scale
	scale.Widen(joint)
	var lower, upper, cheapest float64
	for p := range o.Len() {
		row := o.Figures[policy.Cost][p*o.Models : (p+1)*o.Models]
		least := slices.Index(row, slices.Min(row))
		lower += float64(row[least]) / float64(o.Len())
		upper += float64(slices.Max(row)) / float64(o.Len())
		cheapest += float64(o.Figures[policy.Quality][p*o.Models+least]) / float64(o.Len())
	}
	for _, s := range in.Subjects {
		want := map[string]float64{}
		seeds := float64(len(s.Curves))
		for _, c := range s.Curves {
			points := flat(c)
			add := func(metric string, v float64, why pareto.Reason) {
				if why != "" {
					t.Fatalf("%s of %s: %s", metric, s.Name, why)
				}
				want[metric] += v / seeds
			}
			both := func(metric string, v float64, why pareto.Reason) {
				add(metric, v, why)
				add(metric+"_hindsight", v, why)
			}
			v, why := pareto.AIQ(points, maxCost)
			add("aiq_hindsight", v, why)
			anchored := append(slices.Clone(points), singles[0])
			v, why = pareto.AIQ(anchored, maxCost)
			add("aiq", v, why)
			v, why = pareto.AIQ(anchored, singles[3].CostUSD)
			add("aiq_pool", v, why)
			v, why = pareto.NAUC(append(slices.Clone(points), pareto.Point{CostUSD: lower, Quality: cheapest}), lower, upper)
			both("nauc", v, why)
			v, why = pareto.Peak(points)
			both("peak", v, why)
			both("quality_max", v, why)
			v, why = pareto.QNC(points, best)
			both("qnc", v, why)
			v, why = pareto.CostSave(points, best)
			both("costsave", v, why)
			at, _ := pareto.CheapestAtLeast(points, best.Quality)
			for _, p := range points {
				if p.CostUSD == at {
					add("costsave_quality", p.Quality-best.Quality, "")
				}
			}
			v, why = pareto.PerfGain(points, best)
			both("perfgain", v, why)
			v, why = pareto.Dist(points, joint, &scale)
			add("paretodist", v, why)
			last := c.Points[len(c.Points)-1]
			v, why = o.RCI(last.Choice)
			add("rci", v, why)
			var own, random, bestIn, oracleIn [4]float64
			oracle := o.Oracle()
			for p, q := range last.Figures[policy.Quality] {
				d := in.Dataset[p]
				own[d] += float64(q)
				for m, s := range o.Figures[policy.Quality][p*o.Models : (p+1)*o.Models] {
					random[d] += float64(s) / float64(o.Models)
					if singles[m] == best {
						bestIn[d] += float64(s)
					}
				}
				oracleIn[d] += float64(o.Figures[policy.Quality][p*o.Models+int(oracle[p])])
			}
			v, _, why = pareto.Gain(own[:], random[:])
			add("gain_r", v, why)
			v, _, why = pareto.Gain(own[:], bestIn[:])
			add("gain_b", v, why)
			v, _, why = pareto.GapO(own[:], oracleIn[:])
			add("gap_o", v, why)
		}
		for _, metric := range Names {
			row := table.row(s.Name, metric)
			if metric == "hypervolume" {
				want[metric] = row.Value // tested by itself
			}
			if math.Abs(row.Value-want[metric]) > 1e-9*(1+math.Abs(want[metric])) {
				t.Errorf("%s of %s = %v, want %v", metric, s.Name, row.Value, want[metric])
			}
			if !(row.Low <= row.Value+1e-9 && row.Value <= row.High+1e-9) && metric != "paretodist" && !strings.Contains(metric, "nauc") && !strings.Contains(metric, "_hindsight") {
				t.Errorf("%s of %s = %v, outside its interval %v to %v", metric, s.Name, row.Value, row.Low, row.High)
			}
			if base := table.row(ZeroRouter, metric); math.Abs(row.Diff-(row.Value-base.Value)) > 1e-12 {
				t.Errorf("%s of %s differs by %v from %v", metric, s.Name, row.Diff, base.Value)
			}
			if row.Baseline != ZeroRouter || row.HolmP < row.P || math.IsNaN(row.P) && !math.IsNaN(row.Diff) {
				t.Errorf("%s of %s: baseline %q, p %v, adjusted %v", metric, s.Name, row.Baseline, row.P, row.HolmP)
			}
		}
	}
	if got := table.row("policy0", "aiq").MaxCostUSD; math.Abs(got-maxCost) > 1e-15 {
		t.Errorf("AIQ is normalised at %v, want %v", got, maxCost)
	}
	near(t, "AIQ of the pool is normalised at", table.row("policy0", "aiq_pool").MaxCostUSD, singles[3].CostUSD)
	// The Zero router being the baseline here, the comparisons with mixing are those of the rows.
	if len(table.Mixing) != len(in.Subjects) {
		t.Errorf("%d comparisons with mixing, want one for each of %d policies", len(table.Mixing), len(in.Subjects))
	}
	for _, x := range table.Mixing {
		if row := table.row(x.A, "aiq_pool"); x.B != ZeroRouter || x.Diff != row.Diff || x.Low != row.DiffLow || x.High != row.DiffHigh || !(x.HolmP >= x.P) {
			t.Errorf("%s against mixing: %+v, in the rows %v [%v, %v]", x.A, x, row.Diff, row.DiffLow, row.DiffHigh)
		}
	}
	zero, _ := pareto.AIQ(singles, maxCost)
	near(t, "AIQ of the Zero router", table.row(ZeroRouter, "aiq").Value, zero)
}

// Metamorphic: what must not matter does not.
func TestWhatMustNotMatter(t *testing.T) {
	in := pool(5, 120, 3, 2, 2, 4)
	want := evaluate(t, in)
	t.Run("one goroutine", func(t *testing.T) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		if diff := cmp.Diff(want, evaluate(t, in), nanEqual); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("order of points and policies", func(t *testing.T) {
		other := in
		other.Subjects = slices.Clone(in.Subjects)
		slices.Reverse(other.Subjects)
		for i, s := range other.Subjects {
			other.Subjects[i].Curves = slices.Clone(s.Curves)
			for c := range s.Curves {
				points := slices.Clone(s.Curves[c].Points)
				slices.Reverse(points)
				other.Subjects[i].Curves[c].Points = points
			}
		}
		got := evaluate(t, other)
		for _, row := range want.Rows {
			same := got.row(row.Policy, row.Metric)
			if math.Abs(same.Value-row.Value) > 1e-9 || math.Abs(same.Low-row.Low) > 1e-6 {
				t.Errorf("%s of %s = %v, %v; before %v, %v", row.Metric, row.Policy, same.Value, same.Low, row.Value, row.Low)
			}
		}
	})
	t.Run("a power of two on costs", func(t *testing.T) {
		other := in
		double := func(v []float32) []float32 {
			out := make([]float32, len(v))
			for i := range v {
				out[i] = 4 * v[i]
			}
			return out
		}
		other.Outcomes.Figures[policy.Cost] = double(in.Outcomes.Figures[policy.Cost])
		other.Subjects = nil
		for _, s := range in.Subjects {
			scaled := Subject{Name: s.Name}
			for _, c := range s.Curves {
				curve := Curve{Seed: c.Seed}
				for _, p := range c.Points {
					p.Figures[policy.Cost] = double(p.Figures[policy.Cost])
					curve.Points = append(curve.Points, p)
				}
				scaled.Curves = append(scaled.Curves, curve)
			}
			other.Subjects = append(other.Subjects, scaled)
		}
		got := evaluate(t, other)
		for i, row := range want.Rows {
			row.MaxCostUSD *= 4
			if diff := cmp.Diff(row, got.Rows[i], nanEqual, cmpopts.EquateApprox(1e-9, 1e-12)); diff != "" {
				t.Errorf("%s of %s: %s", row.Metric, row.Policy, diff)
			}
		}
	})
}

func TestReferences(t *testing.T) {
	in := pool(7, 100, 3, 1, 1, 3)
	in.Subjects = append(in.Subjects, Subject{"single:m1", RolePolicy, []Curve{{Points: in.Subjects[0].Curves[0].Points[:1]}}})
	table := evaluate(t, in)
	var names []string
	for _, r := range table.Rows {
		if r.Metric == "aiq" {
			names = append(names, r.Policy)
		}
	}
	if want := []string{"policy0", "single:m1", "single:m0", "single:m2", ZeroRouter, Oracle}; !reflect.DeepEqual(names, want) {
		t.Errorf("rows of %v, want %v", names, want)
	}
	for metric, want := range map[string]float64{"gap_o": 0, "hypervolume": 1} {
		near(t, "oracle's "+metric, table.row(Oracle, metric).Value, want)
	}
	if r := table.row(Oracle, "paretodist"); !math.IsNaN(r.Value) || r.Reason == "" {
		t.Errorf("the oracle has a distance to the compared policies' front: %+v", r)
	}
	for metric, want := range map[string]float64{"gain_b": 0, "perfgain": 0, "qnc": 1, "costsave": 0} {
		near(t, "Zero router's "+metric, table.row(ZeroRouter, metric).Value, want)
	}
}

func TestNone(t *testing.T) {
	in := pool(9, 60, 3, 1, 1, 3)
	in.Baseline = "nobody"
	nan := float32(math.NaN())
	bad := slices.Clone(in.Subjects[0].Curves[0].Points[0].Figures[policy.Quality])
	bad[3] = nan
	good := in.Subjects[0].Curves[0].Points[0]
	mixed := good
	mixed.Choice = slices.Clone(good.Choice)
	mixed.Choice[0] = -1
	mixed.Figures[policy.Carbon] = nil
	in.Subjects = append(in.Subjects,
		Subject{Name: "covers-nothing", Curves: []Curve{{Points: []PromptPoint{{Figures: policy.Matrix{policy.Quality: bad, policy.Cost: good.Figures[policy.Cost]}, Choice: good.Choice}}}}},
		Subject{Name: "no-curve"},
		Subject{Name: "combines", Curves: []Curve{{Points: []PromptPoint{mixed}}}},
		Subject{Name: "cheapest", Curves: []Curve{{Points: []PromptPoint{in.take0()}}}},
	)
	table := evaluate(t, in)
	for _, metric := range Names {
		for _, name := range []string{"covers-nothing", "no-curve"} {
			if r := table.row(name, metric); !math.IsNaN(r.Value) || !math.IsNaN(r.Low) || r.Reason != string(pareto.NoPoints) {
				t.Errorf("%s of %s: %v, %q; want none", metric, name, r.Value, r.Reason)
			}
		}
	}
	for _, tc := range []struct {
		policy, metric string
		want           pareto.Reason
	}{
		{"combines", "rci", NoChoice}, {"combines", "hypervolume", pareto.UnknownCarbon}, {"combines", "aiq_hindsight", "one point is no curve"}, {"cheapest", "qnc", pareto.NotReached}, {"cheapest", "costsave", pareto.NotReached},
	} {
		if r := table.row(tc.policy, tc.metric); !math.IsNaN(r.Value) || r.Reason != string(tc.want) {
			t.Errorf("%s of %s: %v, %q; want %q", tc.metric, tc.policy, r.Value, r.Reason, tc.want)
		}
	}
	text := strings.Join(table.Warnings, "\n")
	for _, want := range []string{"covers-nothing: 1 of 1 points are left out", "the baseline nobody is not among"} {
		if !strings.Contains(text, want) {
			t.Errorf("warnings %q, want %q", text, want)
		}
	}
	if r := table.row("policy0", "aiq"); r.Baseline != "" || !math.IsNaN(r.Diff) {
		t.Errorf("difference to nobody: %+v", r)
	}
}

// take0 is always the first model.
func (in *Input) take0() PromptPoint {
	e := evaluation{Input: *in}
	return e.take(always(0, in.Outcomes.Len()))
}

func TestAwkwardPools(t *testing.T) {
	t.Run("one model", func(t *testing.T) {
		in := pool(1, 40, 1, 1, 1, 2)
		table := evaluate(t, in)
		for metric, want := range map[string]float64{"qnc": 1, "costsave": 0, "perfgain": 0, "gain_r": 0, "gain_b": 0, "gap_o": 0, "paretodist": 0, "rci": 0, "hypervolume": 1} {
			near(t, metric, table.row("policy0", metric).Value, want)
		}
	})
	t.Run("zero prices", func(t *testing.T) {
		in := pool(1, 40, 3, 1, 1, 2)
		clear(in.Outcomes.Figures[policy.Cost])
		for _, p := range in.Subjects[0].Curves[0].Points {
			clear(p.Figures[policy.Cost])
		}
		table := evaluate(t, in)
		near(t, "aiq", table.row("policy0", "aiq").Value, table.row("policy0", "peak").Value)
		for _, r := range table.Rows {
			if math.IsInf(r.Value, 0) || math.IsNaN(r.Value) && r.Reason == "" {
				t.Errorf("%s of %s: %v without a reason", r.Metric, r.Policy, r.Value)
			}
		}
	})
	t.Run("nobody scores", func(t *testing.T) {
		in := pool(1, 40, 3, 1, 1, 2)
		clear(in.Outcomes.Figures[policy.Quality])
		for _, p := range in.Subjects[0].Curves[0].Points {
			clear(p.Figures[policy.Quality])
		}
		table := evaluate(t, in)
		for _, metric := range []string{"aiq", "nauc", "peak", "perfgain", "gain_r"} {
			near(t, metric, table.row("policy0", metric).Value, 0)
		}
	})
	t.Run("too few prompts", func(t *testing.T) {
		table := evaluate(t, pool(1, 9, 3, 1, 1, 2))
		r := table.row("policy0", "aiq")
		if math.IsNaN(r.Value) || !math.IsNaN(r.Low) || !math.IsNaN(r.DiffLow) || math.IsNaN(r.Diff) || !strings.Contains(strings.Join(table.Warnings, "\n"), "too few prompts for an interval") {
			t.Errorf("nine prompts: %+v, warnings %q; want values without intervals", r, table.Warnings)
		}
	})
	t.Run("unknown carbon", func(t *testing.T) {
		in := pool(1, 40, 3, 1, 1, 2)
		in.Outcomes.Figures[policy.Carbon] = nil
		if r := evaluate(t, in).row("policy0", "hypervolume"); r.Reason != string(pareto.UnknownCarbon) {
			t.Errorf("hypervolume %v, %q", r.Value, r.Reason)
		}
	})
}

func TestBadInput(t *testing.T) {
	for name, change := range map[string]func(*Input){
		"no prompts":       func(in *Input) { in.Outcomes = Outcomes{Models: 3} },
		"no models":        func(in *Input) { in.Outcomes = Outcomes{} },
		"ragged":           func(in *Input) { in.Outcomes.Figures[policy.Cost] = in.Outcomes.Figures[policy.Cost][1:] },
		"unknown score":    func(in *Input) { in.Outcomes.Figures[policy.Quality][0] = float32(math.NaN()) },
		"short stratum":    func(in *Input) { in.Stratum = in.Stratum[1:] },
		"negative dataset": func(in *Input) { in.Dataset[0] = -1 },
		"short point":      func(in *Input) { in.Subjects[0].Curves[0].Points[0].Figures[policy.Quality] = nil },
		"unknown model":    func(in *Input) { in.Subjects[0].Curves[0].Points[0].Choice[0] = 3 },
		"twice":            func(in *Input) { in.Subjects = append(in.Subjects, in.Subjects[0]) },
		"resamples":        func(in *Input) { in.Resamples = -1 },
		"names":            func(in *Input) { in.Models = in.Models[1:] },
	} {
		in := pool(1, 20, 3, 1, 1, 2)
		change(&in)
		if _, err := Evaluate(in); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestWrite(t *testing.T) {
	table := evaluate(t, pool(2, 30, 2, 1, 2, 2))
	table.row("policy0", "aiq_pool").Low = math.NaN()
	var text, all bytes.Buffer
	if err := WriteCSV(&text, table.Rows); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&text).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(rows[0], ","), "pool,policy,metric,value,low,high,seeds,baseline,diff,diff_low,diff_high,n,max_cost_usd,diff_se,prompts_for_0.005,role"; got != want {
		t.Errorf("header %s, want %s", got, want)
	}
	if len(rows) != 1+len(table.Rows) || rows[2][2] != "aiq_pool" || rows[2][4] != "" || rows[2][3] == "" {
		t.Errorf("%d rows, the second %q", len(rows), rows[2])
	}
	if err := WriteJSON(&all, table); err != nil {
		t.Fatal(err)
	}
	var back struct {
		Rows []struct {
			Low     *float64
			PerSeed []float64 `json:"per_seed"`
		}
	}
	if err := json.Unmarshal(all.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if len(back.Rows) != len(table.Rows) || back.Rows[1].Low != nil || len(back.Rows[1].PerSeed) != 2 {
		t.Errorf("JSON has %d rows, the second %+v", len(back.Rows), back.Rows[1])
	}
}

// BenchmarkEvaluate is a large table: 40 policies of 5 seeds and 33 preferences, with the references.
func BenchmarkEvaluate(b *testing.B) {
	in := pool(1, 1700, 29, 40, 5, 33)
	in.Resamples = DefaultResamples
	for b.Loop() {
		evaluate(b, in)
	}
}

// BenchmarkEvaluateRun is the table of a usual run: ten policies, three seeds.
func BenchmarkEvaluateRun(b *testing.B) {
	in := pool(1, 1700, 29, 10, 3, 33)
	in.Resamples = DefaultResamples
	for b.Loop() {
		evaluate(b, in)
	}
}

func TestIQMOverSeeds(t *testing.T) {
	table := evaluate(t, pool(7, 120, 3, 2, 6, 4))
	several := 0
	for i := range table.Rows {
		r := &table.Rows[i]
		if r.Seeds == 1 {
			if !math.IsNaN(r.IQMLow) || !math.IsNaN(r.IQMHigh) {
				t.Errorf("%s of %s has one seed and the interval [%v, %v] over seeds", r.Metric, r.Policy, r.IQMLow, r.IQMHigh)
			}
			continue
		}
		if r.Metric != "aiq" || math.IsNaN(r.Value) {
			continue
		}
		several++
		sorted := slices.Clone(r.PerSeed)
		slices.Sort(sorted)
		var middle float64
		for _, x := range sorted[1:5] {
			middle += x / 4
		}
		if math.Abs(r.IQM-middle) > 1e-12 {
			t.Errorf("the IQM of %v is %v, want %v", r.PerSeed, r.IQM, middle)
		}
		if !(r.IQMLow <= r.IQM && r.IQM <= r.IQMHigh && r.IQMLow < r.IQMHigh) {
			t.Errorf("the IQM %v has the interval [%v, %v]", r.IQM, r.IQMLow, r.IQMHigh)
		}
	}
	if several == 0 {
		t.Error("nothing has several seeds")
	}
}

// Where costs are unknown the headline is by quality, and nothing is compared with mixing.
func TestHeadlineWithoutCosts(t *testing.T) {
	in := pool(5, 120, 3, 2, 2, 4)
	for i := range in.Subjects {
		for c := range in.Subjects[i].Curves {
			for k := range in.Subjects[i].Curves[c].Points {
				in.Subjects[i].Curves[c].Points[k].Selection = &policy.Figures{policy.Quality: float64(i), policy.Cost: 1}
			}
		}
	}
	in.Known = make([]policy.Figures, in.Outcomes.Models)
	in.Costless = true
	table := evaluate(t, in)
	if len(table.Mixing) != 0 || len(table.Headlines) != 1 {
		t.Fatalf("%d comparisons with mixing, %d headlines; want none and one", len(table.Mixing), len(table.Headlines))
	}
	last := in.Subjects[len(in.Subjects)-1].Name
	if h := table.Headlines[0]; h.Metric != "quality_max" || h.Best != last || h.Value != table.row(last, "quality_max").Value {
		t.Errorf("the headline is %+v, want %s by quality_max", h, last)
	}
}
