package synth

import (
	"math"
	"math/rand/v2"

	"github.com/trilemma-bench/trilemma/harness/cost"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// maxOutputTokens is where every model stops.
const maxOutputTokens = 8192

// outcomes draws what model j does with prompts lo to hi: score, answer, tokens, latency.
func (s *Simulated) outcomes(j, lo, hi int, number string) {
	w, model := s.world, &s.world.models[j]
	out := &s.Trace.Outcomes
	luck := policy.Stream(w.Seed, "luck", model.ID, number)
	scores := policy.Stream(w.Seed, "score", model.ID, number)
	usage := policy.Stream(w.Seed, "usage", model.ID, number)
	for i := lo; i < hi; i++ {
		p, at := &s.latent[i], i*len(w.models)+j
		ability := w.abilityFor(model, p)
		margin := ability - model.strain*p.difficulty() + w.Luck*luck.NormFloat64()
		chance := w.success(margin, p.discrimination)
		s.Truth.set(w, at, j, p, ability, chance)
		if w.Graded {
			out.Logged[policy.Quality][at] = float32(beta(scores, chance*w.GradedConcentration, (1-chance)*w.GradedConcentration))
		} else {
			// Three draws whatever happens: an outcome does not shift the next one.
			right, tempted, other := scores.Float64() < chance, scores.Float64() < w.Distraction, scores.IntN(w.Options-1)
			out.Logged[policy.Quality][at] = 0
			option := (p.right + 1 + other) % w.Options
			switch {
			case right:
				out.Logged[policy.Quality][at] = 1
				option = p.right
			case tempted:
				option = p.tempt
			}
			out.Answer[at] = uint32(option + 1)
		}
		in := w.inputTokens(p)
		tokens := math.Exp(w.logOutputTokens(model, p) + w.OutputSD*usage.NormFloat64())
		tokens = math.Round(min(max(tokens, 1), maxOutputTokens))
		// Noise of mean one, so that the expected latency is that of the model's stated speed.
		slow := math.Exp(w.LatencySD*usage.NormFloat64() - w.LatencySD*w.LatencySD/2)
		wait := math.Exp(w.LatencySD*usage.NormFloat64() - w.LatencySD*w.LatencySD/2)
		out.InputTokens[at] = float32(in)
		out.OutputTokens[at] = float32(tokens)
		out.Logged[policy.Latency][at] = float32(wait*model.TimeToFirstTokenSec + slow*tokens/model.TokensPerSec)
		if out.Logged[policy.Cost] != nil {
			out.Logged[policy.Cost][at] = float32(cost.USD(in, tokens, model.PriceInputUSDPerMTok, model.PriceOutputUSDPerMTok))
		}
	}
}

// log keeps one outcome a prompt, that of the logging policy
//
//	π(m) = ε/M + (1 − ε)·softmax(p̂_m / τ)
//
// where p̂ is the success that a log keeper who knows the prompt's dominant skill, but not its difficulty, expects.
// A missing outcome stays missing: its prompt has none.
func (s *Simulated) log(lo, hi int, number string, present []bool) {
	w, m := s.world, len(s.world.models)
	r := policy.Stream(w.Seed, "bandit", number)
	chances := make([]float64, m)
	for i := lo; i < hi; i++ {
		p := &s.latent[i]
		var sum float64
		for j := range w.models {
			expected := w.success(w.models[j].ability[w.skill(p, 0)], w.Discrimination)
			// Success is at most 1: the largest exponent is 1/τ, which is finite for every allowed τ after this shift.
			chances[j] = math.Exp((expected - 1) / w.BanditTemperature)
			sum += chances[j]
		}
		chosen, u := -1, r.Float64()
		for j := range chances {
			soft := 1 / float64(m)
			if sum > 0 {
				soft = chances[j] / sum
			}
			chances[j] = w.BanditEpsilon/float64(m) + (1-w.BanditEpsilon)*soft
			if chosen < 0 && u < chances[j] {
				chosen = j
			}
			u -= chances[j]
		}
		if chosen < 0 {
			chosen = m - 1
			for chances[chosen] == 0 {
				chosen--
			}
		}
		for j := range w.models {
			if j != chosen {
				present[i*m+j] = false
			}
		}
		s.Trace.Outcomes.Propensity[i*m+chosen] = float32(chances[chosen])
	}
}

// beta draws from the Beta(a, b) distribution as the ratio of two Gamma draws, rounded to a hundredth.
func beta(r *rand.Rand, a, b float64) float64 {
	x, y := gamma(r, a), gamma(r, b)
	if x+y == 0 {
		return math.Round(a / (a + b))
	}
	return math.Round(100*x/(x+y)) / 100
}

// gamma draws from the Gamma(shape, 1) distribution by the method of Marsaglia and Tsang (ACM TOMS 26(3), 2000).
func gamma(r *rand.Rand, shape float64) float64 {
	if shape <= 0 {
		return 0
	}
	if shape < 1 {
		return gamma(r, shape+1) * math.Pow(r.Float64(), 1/shape)
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := r.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v *= v * v
		if u := r.Float64(); math.Log(u) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}
