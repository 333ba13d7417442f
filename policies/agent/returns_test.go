package agent

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// GAE against its definition as a sum, A_t = Σ_k (γλ)^k δ_{t+k} up to the end of the episode.
func TestGAEIsItsDefinition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		slots, horizon := rapid.IntRange(1, 3).Draw(t, "slots"), rapid.IntRange(1, 6).Draw(t, "horizon")
		gamma, lambda := rapid.Float64Range(0, 1).Draw(t, "γ"), rapid.Float64Range(0, 1).Draw(t, "λ")
		r := &Rollout{Slots: slots, Horizon: horizon, Last: make([]float32, slots)}
		number := rapid.Float32Range(-2, 2)
		for range slots * horizon {
			r.Value, r.Reward = append(r.Value, number.Draw(t, "v")), append(r.Reward, number.Draw(t, "r"))
			r.Done = append(r.Done, rapid.Bool().Draw(t, "done"))
		}
		for i := range r.Last {
			r.Last[i] = number.Draw(t, "last")
		}
		advantage, target := make([]float32, slots*horizon), make([]float32, slots*horizon)
		r.GAE(gamma, lambda, advantage, target)
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
