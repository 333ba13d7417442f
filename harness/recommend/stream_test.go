package recommend

import (
	"fmt"
	"math"
	"sort"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/carbon"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// The stream of a run, played batch by batch of one, is the controller's plain loop: λ decides, one point of the sweep is drawn, its
// spend moves λ.
func TestBudgetStreamsAreThePlainLoop(t *testing.T) {
	r := policy.Stream(1, "points")
	var points []sweepPoint
	for i, lambda := range []float64{1, 10, 100} {
		g := sweepPoint{lambda: lambda}
		for range 300 {
			g.score = append(g.score, r.Float64()/float64(i+1))
			g.spend = append(g.spend, 0.01*r.Float64()/float64(i+1))
		}
		points = append(points, g)
	}
	for k := range 3 {
		spec := StreamSpec{Budget: 0.003, Seed: 5}
		got, err := hold(points, spec, k, 7)
		if err != nil {
			t.Fatal(err)
		}
		ctl, err := carbon.NewController(0, carbon.Budget{PerPrompt: spec.Budget, Lambda: 7})
		if err != nil {
			t.Fatal(err)
		}
		rng := policy.Stream(spec.Seed, "budget stream", fmt.Sprint(k))
		order := rng.Perm(300)
		ctl.Horizon = 300
		var score, spend float64
		moved := false
		for _, i := range order {
			l := ctl.Budgets[0].Lambda
			at := max(sort.Search(3, func(j int) bool { return points[j].lambda > l })-1, 0)
			if l >= points[0].lambda && at < 2 {
				a, b := math.Log(points[at].lambda), math.Log(points[at+1].lambda)
				if rng.Float64() < (math.Log(l)-a)/(b-a) {
					at++
				}
			}
			score, spend = score+points[at].score[i]/300, spend+points[at].spend[i]/300
			ctl.Spend(points[at].spend[i])
			ctl.Budgets[0].Lambda = min(max(ctl.Budgets[0].Lambda, 0.5), 200)
			moved = moved || at > 0
		}
		if math.Abs(got.Score-score) > 1e-9 || math.Abs(got.Spend-spend) > 1e-12 || math.Abs(got.Lambda-ctl.Budgets[0].Lambda) > 1e-6 || !moved {
			t.Errorf("stream %d: score %v, spend %v, λ %v, want %v, %v, %v", k, got.Score, got.Spend, got.Lambda, score, spend, ctl.Budgets[0].Lambda)
		}
		if math.Abs(got.OverShare) > 0.1 {
			t.Errorf("stream %d ends %+.2f of the budget", k, got.OverShare)
		}
	}
}
