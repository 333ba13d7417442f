package rl

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/trilemma-bench/trilemma/policies/nn/actor"
)

// GAE against its definition as a sum, A_t = Σ_k (γλ)^k δ_{t+k} up to the end of the episode.
func TestGAEIsItsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots, horizon := rapid.IntRange(1, 3).Draw(t, "slots"), rapid.IntRange(1, 6).Draw(t, "horizon")
		gamma, lambda := rapid.Float64Range(0, 1).Draw(t, "γ"), rapid.Float64Range(0, 1).Draw(t, "λ")
		r := NewRollout(slots, horizon, actor.Shape{})
		number := rapid.Float32Range(-2, 2)
		for row := range r.Rows() {
			r.Value[row], r.Reward[row], r.Done[row] = number.Draw(t, "v"), number.Draw(t, "r"), rapid.Bool().Draw(t, "done")
		}
		for i := range r.Last {
			r.Last[i] = number.Draw(t, "last")
		}
		r.GAE(gamma, lambda)
		advantage, target := r.Advantage, r.Target
		for slot := range slots {
			for from := range horizon {
				want, weight := 0.0, 1.0
				for at := from; at < horizon; at++ {
					row := at*slots + slot
					next := float64(r.Last[slot])
					if at+1 < horizon {
						next = float64(r.Value[row+slots])
					}
					if r.Done[row] {
						next = 0
					}
					want += weight * (float64(r.Reward[row]) + gamma*next - float64(r.Value[row]))
					weight *= gamma * lambda
					if r.Done[row] {
						break
					}
				}
				row := from*slots + slot
				if math.Abs(float64(advantage[row])-want) > 1e-4 || math.Abs(float64(target[row])-want-float64(r.Value[row])) > 1e-4 {
					t.Fatalf("slot %d step %d: advantage %v and target %v, want %v and %v", slot, from, advantage[row], target[row], want, want+float64(r.Value[row]))
				}
			}
		}
	})
}

func TestExplainedVariance(t *testing.T) {
	explained := func(value, target []float32) float64 {
		return (&Rollout{Observations: Observations{Value: value}, Target: target}).ExplainedVariance()
	}
	target := []float32{1, 2, 3, 4}
	for _, c := range []struct {
		value []float32
		want  float64
	}{{target, 1}, {[]float32{2, 3, 4, 5}, 1}, {[]float32{7, 7, 7, 7}, 0}, {[]float32{4, 3, 2, 1}, -3}, {[]float32{1, 2, 3, 3}, 1 - 0.1875/1.25}} {
		if got := explained(c.value, target); math.Abs(got-c.want) > 1e-6 {
			t.Errorf("%v explains %v of %v, want %v", c.value, got, target, c.want)
		}
	}
	if got := explained([]float32{1, 2}, []float32{3, 3}); got != 0 {
		t.Errorf("of a constant %v is explained", got)
	}
}
