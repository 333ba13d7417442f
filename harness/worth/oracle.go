package worth

import (
	"cmp"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/stats"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

const (
	permutations = 200
	strata       = 20 // of difficulty, at most
	perStratum   = 20 // prompts in one, at least
)

// oracle asks for every prompt the model that did best, and finds how much of its lead luck alone would give. Where only luck
// tells models apart, a model's score depends on how hard the prompt is and on nothing else of it: then each model's scores can
// be dealt anew among prompts that are equally hard for the other models, and the oracle does not notice. A single score of a
// model and a prompt cannot tell skill from luck: the share is an upper estimate, less what a router has got of the lead.
func (s *study) oracle(r *Report) {
	models := len(s.ids)
	score := s.figure[policy.Quality]
	top := make([]float64, s.n())
	for i := range top {
		top[i] = slices.Max(score[i*models : (i+1)*models])
	}
	best := slices.Index(s.ids, r.Best)
	o := &r.Oracle
	o.Quality = s.interval(top)
	o.Lead = s.interval(stats.Difference(top, s.of(policy.Quality, s.always(best))))
	lead := o.Lead.Mean
	rng := policy.Stream(s.Seed, "worth", "permutations")
	groups := make([][][]int, models)
	for m := range groups {
		groups[m] = s.difficulty(m)
	}
	dealt, leads, beyond := slices.Clone(score), make([]float64, permutations), 0
	for p := range leads {
		for m := range models {
			for _, rows := range groups[m] {
				for k, at := range rng.Perm(len(rows)) {
					dealt[rows[k]*models+m] = score[rows[at]*models+m]
				}
			}
		}
		sum := 0.0
		for i := range s.n() {
			sum += slices.Max(dealt[i*models:(i+1)*models]) - dealt[i*models+best]
		}
		leads[p] = sum / float64(s.n())
	}
	o.LuckLead.Mean = stats.Mean(leads)
	for _, x := range leads {
		if math.Abs(x-o.LuckLead.Mean) >= math.Abs(lead-o.LuckLead.Mean) {
			beyond++
		}
	}
	o.LuckLead.Low, o.LuckLead.High = stats.Percentile(leads, 0.95)
	o.PValue, o.Permutations = float64(1+beyond)/float64(1+permutations), permutations
	if lead > 0 {
		o.LuckShare = min(1, max(0, o.LuckLead.Mean/lead))
		if r.Peak != nil { // what a router gets of it on prompts that it has not seen is no luck
			o.LuckShare = min(o.LuckShare, 1-min(1, max(0, r.Peak.Gain.Mean/lead)))
		}
	}
}

// difficulty deals the prompts into strata by the mean score of all models but one: equal means stay together.
func (s *study) difficulty(model int) [][]int {
	models := len(s.ids)
	mean := make([]float64, s.n())
	rows := make([]int, s.n())
	for i := range mean {
		rows[i] = i
		for m := range models {
			if m != model {
				mean[i] += s.at(policy.Quality, i, m) / float64(models-1)
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b int) int { return cmp.Compare(mean[a], mean[b]) })
	size := max(perStratum, (s.n()+strata-1)/strata)
	var out [][]int
	for lo := 0; lo < len(rows); {
		hi := min(lo+size, len(rows))
		for hi < len(rows) && mean[rows[hi]] == mean[rows[hi-1]] {
			hi++
		}
		out = append(out, rows[lo:hi])
		lo = hi
	}
	return out
}
