package synth

import (
	"math"

	"github.com/trilemma-bench/trilemma/harness/cost"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Truth is what is true of every prompt × model of a simulated trace, whether or not its outcome was logged. Matrices
// are [prompts × models], row-major, in the trace's order.
type Truth struct {
	Models []string
	// Chance is the probability of a right answer given everything about prompt and model (with graded scores: the mean
	// score). What remains is noise: no router that decides before the answer can do better than the best of these.
	Chance []float32
	// ChanceSeen is the same probability given only what the words can tell: the mixture of skills and the part of the
	// difficulty that shows. The hidden difficulty and the discrimination are integrated out. No learner that sees the
	// prompt alone can predict better; one that has to read a finite number of words will do a little worse.
	ChanceSeen []float32
	// Expected figures. Cost is from list prices; energy and carbon follow packages energy and carbon with their
	// default assumptions, at the model's region.
	CostUSD    []float32
	LatencySec []float32
	EnergyWh   []float32
	CarbonG    []float32
}

func newTruth(w *world, n int) *Truth {
	t := &Truth{Models: make([]string, len(w.models))}
	for j := range w.models {
		t.Models[j] = w.models[j].ID
	}
	for _, matrix := range []*[]float32{&t.Chance, &t.ChanceSeen, &t.CostUSD, &t.LatencySec, &t.EnergyWh, &t.CarbonG} {
		*matrix = make([]float32, n*len(w.models))
	}
	return t
}

// Nodes and weights of Gauss–Hermite quadrature for a standard normal variable: five and three points
// (Abramowitz and Stegun, table 25.10, with x scaled by √2 and weights by 1/√π).
var (
	nodes5   = [5]float64{-2.8569700138728056, -1.3556261799742659, 0, 1.3556261799742659, 2.8569700138728056}
	weights5 = [5]float64{0.011257411327720689, 0.22207592200561263, 0.53333333333333333, 0.22207592200561263, 0.011257411327720689}
	nodes3   = [3]float64{-1.7320508075688772, 0, 1.7320508075688772}
	weights3 = [3]float64{1.0 / 6, 2.0 / 3, 1.0 / 6}
)

// set fills entry at, that of model j, whose ability for the prompt and chance of success are given.
func (t *Truth) set(w *world, at, j int, p *prompt, ability, chance float64) {
	model := &w.models[j]
	t.Chance[at] = float32(chance)
	// What does not show, hidden difficulty and luck, are both normal and so is their sum.
	hidden := model.strain * w.DifficultySD
	hiddenSD := math.Sqrt(hidden*hidden*(1-w.DifficultyShown) + w.Luck*w.Luck)
	var seen float64
	for a, slope := range w.slopes {
		for b, y := range nodes5 {
			seen += weights3[a] * weights5[b] * w.success(ability-model.strain*p.shown+hiddenSD*y, slope)
		}
	}
	t.ChanceSeen[at] = float32(seen)
	in, out := w.inputTokens(p), min(math.Exp(w.logOutputTokens(model, p)+w.OutputSD*w.OutputSD/2), maxOutputTokens)
	t.CostUSD[at] = float32(cost.USD(in, out, model.PriceInputUSDPerMTok, model.PriceOutputUSDPerMTok))
	t.LatencySec[at] = float32(model.TimeToFirstTokenSec + out/model.TokensPerSec)
	energyWh, carbonG := w.footprint[j].of(in, out)
	t.EnergyWh[at], t.CarbonG[at] = float32(energyWh), float32(carbonG)
}

// Len is the number of prompts.
func (t *Truth) Len() int { return len(t.Chance) / max(len(t.Models), 1) }

// Best is the model of highest expected utility for every prompt, given everything: the best that any router can
// decide before an answer is drawn. Ties go to the cheaper model, then to the first.
func (t *Truth) Best(pref policy.Preference) []int { return t.best(t.Chance, pref) }

// BestSeen is the same given only what the prompt's words can tell.
func (t *Truth) BestSeen(pref policy.Preference) []int { return t.best(t.ChanceSeen, pref) }

func (t *Truth) best(chance []float32, pref policy.Preference) []int {
	m := len(t.Models)
	choice := make([]int, t.Len())
	for i := range choice {
		best, bestUtility := 0, math.Inf(-1)
		for j := range m {
			at := i*m + j
			u := t.utility(chance, at, pref)
			if u > bestUtility || u == bestUtility && t.CostUSD[at] < t.CostUSD[i*m+best] {
				best, bestUtility = j, u
			}
		}
		choice[i] = best
	}
	return choice
}

// utility expected of entry at; −∞ where a figure that the preference prices is not known.
func (t *Truth) utility(chance []float32, at int, pref policy.Preference) float64 {
	u := pref.Utility(policy.Figures{
		policy.Quality: float64(chance[at]), policy.Cost: float64(t.CostUSD[at]), policy.Carbon: float64(t.CarbonG[at]), policy.Latency: float64(t.LatencySec[at]),
	})
	if math.IsNaN(u) {
		return math.Inf(-1)
	}
	return u
}

// Utility is the mean expected utility, under the true probabilities, of choosing model choice[i] for prompt i.
// It panics if choice is not as long as the truth or names a model that does not exist.
func (t *Truth) Utility(choice []int, pref policy.Preference) float64 {
	var sum float64
	for i, j := range choice[:t.Len()] {
		sum += t.utility(t.Chance, i*len(t.Models)+j, pref)
	}
	return sum / float64(max(t.Len(), 1))
}

// Regret is the mean expected utility that choice gives away against [Truth.Best]: never negative.
func (t *Truth) Regret(choice []int, pref policy.Preference) float64 {
	return t.Utility(t.Best(pref), pref) - t.Utility(choice, pref)
}

// Summary says how hard a simulated world is, in expected score.
type Summary struct {
	Prompts int `json:"prompts"`
	Models  int `json:"models"`
	// BestSingle is the model of the highest mean chance, and that chance.
	BestSingle      string  `json:"best_single"`
	BestSingleScore float64 `json:"best_single_score"`
	// SeenScore is the mean chance of [Truth.BestSeen] at λ = 0: what a perfect learner of the prompt's words reaches.
	SeenScore float64 `json:"seen_score"`
	// OracleScore is the mean chance of [Truth.Best] at λ = 0.
	OracleScore float64 `json:"oracle_score"`
	// BrierFloor is the mean of p(1 − p): the Brier score of a predictor that knows every chance, the irreducible noise
	// of right-or-wrong scores.
	BrierFloor float64 `json:"brier_floor"`
	// BrierFloorSeen is the mean Brier score of a predictor that answers ChanceSeen.
	BrierFloorSeen float64 `json:"brier_floor_seen"`
	// SingleScore and SingleCostUSD are each model's mean chance and expected cost, in the order of the models.
	SingleScore   []float64 `json:"single_score"`
	SingleCostUSD []float64 `json:"single_cost_usd"`
}

// Summary computes the summary.
func (t *Truth) Summary() Summary {
	var sums tally
	sums.add(t)
	return sums.summary()
}

// tally sums what a [Summary] is made of, over the parts of a trace in order: the same to the last bit however many
// parts there are.
type tally struct {
	models                        []string
	prompts                       int
	score, cost                   []float64
	seen, oracle, floor, seenLoss float64
}

func (s *tally) add(t *Truth) {
	m := len(t.Models)
	if s.models == nil {
		s.models, s.score, s.cost = t.Models, make([]float64, m), make([]float64, m)
	}
	bestSeen, best := t.BestSeen(policy.Preference{}), t.Best(policy.Preference{})
	for i := range t.Len() {
		s.prompts++
		s.seen += float64(t.Chance[i*m+bestSeen[i]])
		s.oracle += float64(t.Chance[i*m+best[i]])
		for j := range m {
			at := i*m + j
			chance, seen := float64(t.Chance[at]), float64(t.ChanceSeen[at])
			s.score[j] += chance
			s.cost[j] += float64(t.CostUSD[at])
			s.floor += chance * (1 - chance)
			s.seenLoss += chance*(1-chance) + (chance-seen)*(chance-seen)
		}
	}
}

func (s *tally) summary() Summary {
	n, m := float64(s.prompts), len(s.models)
	u := Summary{Prompts: s.prompts, Models: m, SingleScore: make([]float64, m), SingleCostUSD: make([]float64, m)}
	if s.prompts == 0 {
		return u
	}
	best := 0
	for j := range m {
		u.SingleScore[j], u.SingleCostUSD[j] = s.score[j]/n, s.cost[j]/n
		if s.score[j] > s.score[best] {
			best = j
		}
	}
	u.BestSingle, u.BestSingleScore = s.models[best], u.SingleScore[best]
	u.SeenScore, u.OracleScore = s.seen/n, s.oracle/n
	u.BrierFloor, u.BrierFloorSeen = s.floor/n/float64(m), s.seenLoss/n/float64(m)
	return u
}
