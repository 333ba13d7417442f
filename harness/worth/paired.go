package worth

import (
	"cmp"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/stats"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// interval is the mean of a figure of every prompt with its 95 % interval. Prompts of one text are one draw (a cluster-robust
// standard error, Liang and Zeger, Biometrika 73, 1986).
func (s *study) interval(x []float64) Interval {
	mean, se := s.estimate(x)
	return Interval{mean, mean - stats.Z95*se, mean + stats.Z95*se}
}

func (s *study) estimate(x []float64) (mean, se float64) {
	n := float64(len(x))
	for _, v := range x {
		mean += v / n
	}
	sum := make([]float64, len(x)) // by group
	for i, v := range x {
		sum[s.group[i]] += v - mean
	}
	groups := 0.0
	for i, g := range s.group {
		if g == i {
			se += sum[i] * sum[i]
			groups++
		}
	}
	return mean, math.Sqrt(se*groups/max(groups-1, 1)) / n
}

// against holds a choice of one model a prompt against another choice.
func (s *study) against(choice, best []int) *Router {
	quality := s.of(policy.Quality, choice)
	gain := stats.Difference(quality, s.of(policy.Quality, best))
	r := &Router{
		Quality: s.interval(quality), Gain: s.interval(gain), GainOverShuffle: s.interval(stats.Difference(quality, s.shuffled(choice))),
		Saved: map[string]Interval{}, SavedShare: map[string]float64{}, Shares: s.shares(choice),
	}
	_, se := s.estimate(gain)
	r.spread = se * math.Sqrt(float64(s.n()))
	for _, q := range []policy.Quantity{policy.Cost, policy.Carbon, policy.Latency} {
		if s.figure[q] == nil {
			continue
		}
		takes := s.of(q, best)
		r.Saved[q.String()] = s.interval(stats.Difference(takes, s.of(q, choice)))
		if whole := s.interval(takes).Mean; whole > 0 {
			r.SavedShare[q.String()] = r.Saved[q.String()].Mean / whole
		}
	}
	return r
}

// shuffled is the score of every prompt in expectation where a choice's models are dealt at random among the prompts of its
// fold: the same shares of models, so about the same cost, without looking at the prompt.
func (s *study) shuffled(choice []int) []float64 {
	share := make([][]float64, s.Folds)
	size := make([]float64, s.Folds)
	for f := range share {
		share[f] = make([]float64, len(s.ids))
	}
	for i, m := range choice {
		share[s.fold[i]][m]++
		size[s.fold[i]]++
	}
	out := make([]float64, len(choice))
	for i := range out {
		f := s.fold[i]
		for m, n := range share[f] {
			if n > 0 {
				out[i] += n / size[f] * s.at(policy.Quality, i, m)
			}
		}
	}
	return out
}

func (s *study) shares(choice []int) []Share {
	count := make([]float64, len(s.ids))
	for _, m := range choice {
		count[m] += 1 / float64(len(choice))
	}
	var out []Share
	for m, x := range count {
		if x > 0 {
			out = append(out, Share{s.ids[m], x})
		}
	}
	slices.SortStableFunc(out, func(a, b Share) int { return cmp.Compare(b.Share, a.Share) })
	return out
}

// asGood is the cheapest model other than the best whose quality is proved to be no lower than the margin below it.
func (s *study) asGood(best []int, most int) *Router {
	if s.figure[policy.Cost] == nil {
		return nil
	}
	var out *Router
	for m := range s.ids {
		if m == most {
			continue
		}
		r := s.against(s.always(m), best)
		saved := r.Saved[policy.Cost.String()]
		if r.Gain.Low > -s.Margin && saved.Low > 0 && (out == nil || saved.Mean > out.Saved[policy.Cost.String()].Mean) {
			out = r
		}
	}
	return out
}
