package worth

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/stats"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// neighbours are the numbers of neighbours that are tried, as far as there are prompts.
var neighbours = []int{10, 30, 100, 300}

// tuned bounds the training prompts of a fold that number and setting are chosen by.
const tuned = 3000

// settings is the number of prices of a dollar that are tried.
const settings = 25

// choices are what each way of routing chose for every prompt, each without having seen its outcome.
type choices struct {
	best  []int   // the best single model
	keep  []int   // the router at the cheapest setting that keeps its quality
	peak  []int   // the router where only quality counts
	curve [][]int // at each of lambdas
}

// fit cross-fits the best single model and the router, and measures them.
func (s *study) fit(ctx context.Context, r *Report) error {
	c := &choices{best: make([]int, s.n())}
	lambdas := s.lambdas()
	if s.vector != nil {
		c.keep, c.peak = make([]int, s.n()), make([]int, s.n())
		c.curve = make([][]int, len(lambdas))
		for l := range c.curve {
			c.curve[l] = make([]int, s.n())
		}
	}
	votes := make([]int, len(s.ids)) // folds in which a model was the best
	for f := range s.Folds {
		var train, held []int
		for i, at := range s.fold {
			if at == f {
				held = append(held, i)
			} else {
				train = append(train, i)
			}
		}
		best := s.bestOf(train)
		votes[best]++
		for _, i := range held {
			c.best[i] = best
		}
		if s.vector == nil {
			continue
		}
		if err := s.route(ctx, train, held, best, lambdas, c); err != nil {
			return fmt.Errorf("fold %d of %d: %w", f+1, s.Folds, err)
		}
	}
	most := 0
	for m, n := range votes {
		if n > votes[most] {
			most = m
		}
	}
	r.Best, r.BestQuality = s.ids[most], s.interval(s.of(policy.Quality, c.best))
	if votes[most] < s.Folds {
		r.Notes = append(r.Notes, fmt.Sprintf("the best single model is not certain: %s in %d of %d folds", r.Best, votes[most], s.Folds))
	}
	r.AsGood = s.asGood(c.best, most)
	if s.vector == nil {
		return nil
	}
	r.Keep, r.Peak = s.against(c.keep, c.best), s.against(c.peak, c.best)
	for l, lambda := range lambdas {
		p := Point{Lambda: lambda}
		for i, m := range c.curve[l] {
			p.Quality += s.at(policy.Quality, i, m) / float64(s.n())
			p.CostUSD += s.at(policy.Cost, i, m) / float64(s.n())
		}
		if s.figure[policy.Cost] != nil {
			r.Curve = append(r.Curve, p)
		}
	}
	return nil
}

// bestOf is the model of the highest mean score over some prompts, of equals the cheaper.
func (s *study) bestOf(rows []int) int {
	best := 0
	for m := 1; m < len(s.ids); m++ {
		a, b := s.mean(policy.Quality, m, rows), s.mean(policy.Quality, best, rows)
		if a > b || a == b && s.mean(policy.Cost, m, rows) < s.mean(policy.Cost, best, rows) {
			best = m
		}
	}
	return best
}

// lambdas are prices of a dollar in score, from nothing to where only the cheapest model is asked: a grid from a thousandth of
// to a thousand times the score that is worth the difference in cost between two models, in the middle.
func (s *study) lambdas() []float64 {
	if s.figure[policy.Cost] == nil {
		return []float64{0}
	}
	all := make([]int, s.n())
	for i := range all {
		all[i] = i
	}
	low, high := math.Inf(1), 0.0
	for m := range s.ids {
		c := s.mean(policy.Cost, m, all)
		high = max(high, c)
		if c > 0 {
			low = min(low, c)
		}
	}
	if high == 0 {
		return []float64{0}
	}
	// A score of 0.001 for the dearest model's price, to a score of 1 for the cheapest one's.
	from, to := math.Log(0.001/high), math.Log(1/low)
	out := []float64{0}
	for i := range settings - 1 {
		out = append(out, math.Exp(from+(to-from)*float64(i)/float64(settings-2)))
	}
	return out
}

// route decides the held prompts by what happened to their neighbours among the training prompts. The number of neighbours is
// the one of the best routing of training prompts, each without itself, and so is the setting that keeps the best single
// model's quality.
func (s *study) route(ctx context.Context, train, held []int, best int, lambdas []float64, c *choices) error {
	memory := forecast.Remember(len(s.ids), s.split(train))
	var ks []int
	for _, k := range neighbours {
		if k <= len(train)/2 {
			ks = append(ks, k)
		}
	}
	if len(ks) == 0 {
		ks = []int{max(1, len(train)/2)}
	}
	// Which place among the training prompts each of those that are tuned by has: nothing may be expected of a prompt by itself.
	itself := make([]int32, min(len(train), tuned))
	tune := make([]int, len(itself))
	for k, at := range policy.Stream(s.Seed, "worth", "tuning").Perm(len(train))[:len(itself)] {
		itself[k], tune[k] = int32(at), train[at]
	}
	tuning, err := memory.Expect(ctx, s.vectors(tune), s.dim, ks, itself)
	if err != nil {
		return fmt.Errorf("finding neighbours of the training prompts: %w", err)
	}
	at, top := 0, math.Inf(-1)
	for k, e := range tuning {
		if q, _ := s.worthOf(e, tune, 0); q > top {
			at, top = k, q
		}
	}
	keep, least := 0, math.Inf(1)
	for l, lambda := range lambdas {
		if usd, kept := s.keeps(tuning[at], tune, lambda, best); kept && usd < least {
			keep, least = l, usd
		}
	}
	found, err := memory.Expect(ctx, s.vectors(held), s.dim, ks[at:at+1], nil)
	if err != nil {
		return fmt.Errorf("finding neighbours of the held-out prompts: %w", err)
	}
	for k, i := range held {
		for l, lambda := range lambdas {
			c.curve[l][i] = found[0].Choose(k, policy.Preference{policy.Cost: lambda})
		}
		c.peak[i], c.keep[i] = c.curve[0][i], c.curve[keep][i]
	}
	return nil
}

// worthOf is what deciding some prompts by what is expected of them comes to: mean score and cost.
func (s *study) worthOf(e *forecast.Expected, rows []int, lambda float64) (quality, usd float64) {
	n := float64(len(rows))
	for k, i := range rows {
		m := e.Choose(k, policy.Preference{policy.Cost: lambda})
		quality += s.at(policy.Quality, i, m) / n
		usd += s.at(policy.Cost, i, m) / n
	}
	return quality, usd
}

// keeps tells the mean cost of deciding some prompts at a price of a dollar, and whether their quality is shown to be no more
// than the margin below that of a single model. The cheapest setting whose mean alone is high enough would be the luckiest.
func (s *study) keeps(e *forecast.Expected, rows []int, lambda float64, best int) (usd float64, kept bool) {
	gain := make([]float64, len(rows))
	for k, i := range rows {
		m := e.Choose(k, policy.Preference{policy.Cost: lambda})
		usd += s.at(policy.Cost, i, m) / float64(len(rows))
		gain[k] = s.at(policy.Quality, i, m) - s.at(policy.Quality, i, best)
	}
	m := stats.MomentsOf(gain)
	return usd, m.Mean-stats.Z95*m.SE() > -s.Margin
}

func (s *study) vectors(rows []int) []float32 {
	out := make([]float32, 0, len(rows)*s.dim)
	for _, i := range rows {
		out = append(out, s.vector[i*s.dim:(i+1)*s.dim]...)
	}
	return out
}

// split is some prompts as a policy learns from them.
func (s *study) split(rows []int) *policy.Split {
	models := len(s.ids)
	out := &policy.Split{Prompts: policy.Prompts{Vector: s.vectors(rows), Dim: s.dim}, Outcomes: policy.Outcomes{Models: models}}
	out.Outcomes.Present = slices.Repeat([]bool{true}, len(rows)*models)
	for q, column := range s.figure {
		if column == nil {
			continue
		}
		to := make([]float32, 0, len(rows)*models)
		for _, i := range rows {
			for m := range models {
				to = append(to, float32(column[i*models+m]))
			}
		}
		out.Outcomes.Figures[q] = to
	}
	out.Prompts.ID = make([]string, len(rows))
	return out
}
