package metrics

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/trilemma-bench/trilemma/harness/pareto"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// drawOutcomes draws a small world on coarse grids, so that ties are common.
func drawOutcomes(t *rapid.T) Outcomes {
	o := Outcomes{Models: rapid.IntRange(1, 5).Draw(t, "models")}
	binary := rapid.Bool().Draw(t, "binary")
	price := make([]float32, o.Models)
	for m := range price {
		price[m] = float32(rapid.IntRange(0, 6).Draw(t, "price")) / 4
	}
	for range rapid.IntRange(1, 30).Draw(t, "prompts") {
		for m := range o.Models {
			score := float32(rapid.IntRange(0, 4).Draw(t, "score")) / 4
			if binary {
				score = float32(math.Round(float64(score)))
			}
			o.Figures[policy.Quality] = append(o.Figures[policy.Quality], score)
			o.Figures[policy.Cost] = append(o.Figures[policy.Cost], price[m]*float32(rapid.IntRange(1, 3).Draw(t, "length")))
			o.Figures[policy.Carbon] = append(o.Figures[policy.Carbon], float32(rapid.IntRange(0, 5).Draw(t, "carbon")))
		}
	}
	return o
}

// No policy that asks one model a prompt exceeds the oracle on any metric of a curve, whatever it chose and by whatever it
// was chosen: a policy of random choices, one that knows every outcome, single models and their mixtures.
func TestNobodyExceedsTheOracle(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := Input{Pool: "all", Outcomes: drawOutcomes(t), Resamples: 20, Seed: rapid.Uint64().Draw(t, "seed")}
		o := &in.Outcomes
		e := evaluation{Input: in}
		for m := range o.Models {
			in.Models = append(in.Models, string(rune('a'+m)))
			in.Known = append(in.Known, policy.Figures{policy.Quality: rapid.Float64Range(0, 1).Draw(t, "known quality"), policy.Cost: rapid.Float64Range(0, 2).Draw(t, "known cost"), policy.Carbon: 1})
		}
		for range rapid.IntRange(1, 3).Draw(t, "policies") {
			s := Subject{Name: string(rune('A' + len(in.Subjects)))}
			var c Curve
			for range rapid.IntRange(1, 6).Draw(t, "settings") {
				choice := make([]int32, o.Len())
				lambda := rapid.Float64Range(0, 3).Draw(t, "lambda")
				knows := rapid.Bool().Draw(t, "knows")
				for p := range choice {
					choice[p] = int32(rapid.IntRange(0, o.Models-1).Draw(t, "choice"))
					for m := range o.Models {
						at, was := p*o.Models+m, p*o.Models+int(choice[p])
						if knows && float64(o.Figures[policy.Quality][at])-lambda*float64(o.Figures[policy.Cost][at]) > float64(o.Figures[policy.Quality][was])-lambda*float64(o.Figures[policy.Cost][was]) {
							choice[p] = int32(m)
						}
					}
				}
				point := e.take(choice)
				if rapid.Bool().Draw(t, "selected") {
					point.Selection = &policy.Figures{policy.Quality: rapid.Float64Range(0, 1).Draw(t, "quality"), policy.Cost: rapid.Float64Range(0, 2).Draw(t, "cost"), policy.Carbon: 1}
				}
				c.Points = append(c.Points, point)
			}
			s.Curves = []Curve{c}
			in.Subjects = append(in.Subjects, s)
		}
		table := evaluateRapid(t, in)
		for _, metric := range []string{"quality_max", "aiq_pool", "aiq", "nauc", "peak", "perfgain", "hypervolume", "quality_max_hindsight", "aiq_hindsight",
			"nauc_hindsight", "peak_hindsight", "qnc_hindsight", "perfgain_hindsight", "costsave_hindsight"} {
			bound := table.row(Oracle, metric).Value
			if why := pareto.Reason(table.row(Oracle, metric).Reason); why == pareto.ZeroReference || why == pareto.FreeSingle {
				continue
			}
			for i := range table.Rows {
				r := &table.Rows[i]
				if r.Metric != metric || r.Policy == Oracle || math.IsNaN(r.Value) {
					continue
				}
				// A front of one setting is no curve in hindsight: then the oracle has no area, and bounds it by its quality.
				// Its aiq is no bound, as that area ends at the dearest model, and this one at the dearest setting.
				if math.IsNaN(bound) && metric == "aiq_hindsight" {
					bound = table.row(Oracle, "quality_max").Value
				}
				if over := r.Value - bound; (over > 1e-6 && !LowerIsBetter[metric]) || (over < -1e-6 && LowerIsBetter[metric]) || math.IsNaN(over) {
					t.Fatalf("%s of %s is %v, the oracle's %v", metric, r.Policy, r.Value, bound)
				}
			}
		}
	})
}

func evaluateRapid(t *rapid.T, in Input) *Table {
	table, err := Evaluate(in)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// Every setting of the oracle's front is the best there is at some price.
func TestOracleFront(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawOutcomes(t)
		front := o.OracleFront()
		e := evaluation{Input: Input{Outcomes: o}}
		mean := func(v []float32) (sum float64) {
			for _, x := range v {
				sum += float64(x)
			}
			return sum / float64(len(v))
		}
		var points []pareto.Point
		for _, choice := range front {
			p := e.take(choice)
			points = append(points, pareto.Point{CostUSD: mean(p.Figures[policy.Cost]), Quality: mean(p.Figures[policy.Quality])})
		}
		for i := 1; i < len(points); i++ {
			if points[i].CostUSD <= points[i-1].CostUSD || points[i].Quality <= points[i-1].Quality {
				t.Fatalf("the front %v does not rise", points)
			}
		}
		for _, lambda := range []float64{0, 0.1, 0.3, 1, 3, 10} {
			var best, top float64
			for _, u := range o.bestUtility(lambda, 0) {
				best += float64(u) / float64(o.Len())
			}
			top = math.Inf(-1)
			for _, p := range points {
				top = max(top, p.Quality-lambda*p.CostUSD)
			}
			if math.Abs(top-best) > 1e-5 {
				t.Fatalf("at a price of %v the front reaches a utility of %v, the best decisions %v", lambda, top, best)
			}
		}
		if last := points[len(points)-1].Quality; math.Abs(last-mean(e.take(o.Oracle()).Figures[policy.Quality])) > 1e-6 {
			t.Fatalf("the front ends at %v", last)
		}
	})
}

func TestDefinedAnswersOfChoices(t *testing.T) {
	nan := math.NaN()
	value := func(v float64, why pareto.Reason) [2]any { return [2]any{v, why} }
	for _, tc := range []struct {
		name string
		got  [2]any
		want float64
		why  pareto.Reason
	}{
		{"Arena score of what is never right", value(ArenaScore(0, 1)), 0, ""},
		{"Arena score of the unknown", value(ArenaScore(nan, 1)), nan, pareto.NoPoints},
		{"robustness of nothing", value(Robustness(nil, nil)), nan, "no pairs of choices"},
		{"RCI of nothing", value((&Outcomes{Models: 1}).RCI(nil)), nan, NoChoice},
	} {
		v, why := tc.got[0].(float64), tc.got[1].(pareto.Reason)
		if (v != tc.want && !(math.IsNaN(v) && math.IsNaN(tc.want))) || why != tc.why {
			t.Errorf("%s: %v (%q), want %v (%q)", tc.name, v, why, tc.want, tc.why)
		}
	}
	o := &Outcomes{Models: 2, Figures: policy.Matrix{{0, 0.5, 0, 0}, {1, 2, 1, 2}}}
	if _, why := o.Optimality([]int32{0, 0}); why == "" {
		t.Error("optimality where nobody is right has a value")
	}
	o.Figures[policy.Quality] = []float32{0, 1, 0, 0}
	if got, why := o.Optimality([]int32{0, -1}); why != "" || got.Selected != 0 || !math.IsNaN(got.Cost) || got.Accuracy != 0 {
		t.Errorf("optimality of wrong choices = %+v, %q", got, why)
	}
	if got := o.Oracle(); !slices.Equal(got, []int32{1, 0}) {
		t.Errorf("oracle = %v, want the right one, then the cheapest where nobody scores", got)
	}
}
