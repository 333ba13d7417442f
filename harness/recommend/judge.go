package recommend

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/trilemma-bench/trilemma/harness/stats"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Measured is a mean with its 95 % interval over prompts.
type Measured struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// level is that of all intervals.
const level = 0.95

// Test reads what a setting led to on the test prompts that it covers. A figure that is not known of all of them is unknown.
func (c *Choices) Test(of *Choice) (store.Moments, error) {
	var out store.Moments
	results, err := c.Run.Results(of.Ref.ID)
	if err != nil {
		return out, err
	}
	for i := range results.Lines {
		if line := &results.Lines[i]; line.Preference == of.Test.Preference {
			out = momentsAt(&line.Figures, nil)
		}
	}
	return out, nil
}

// momentsAt are the moments of the figures at some places, at all where there is no list, of those that have a score.
func momentsAt(figures *policy.Matrix, places []int) (out store.Moments) {
	score := figures[policy.Quality]
	n := len(places)
	if places == nil {
		n = len(score)
	}
	column := make([]float64, 0, n)
	for _, q := range policy.Decisive {
		column = column[:0]
		for i := range n {
			at := i
			if places != nil {
				at = places[i]
			}
			if score[at] == score[at] {
				column = append(column, float64(figures[q][at]))
			}
		}
		out[q] = stats.MomentsOf(column)
	}
	return out
}

// Verdict is what the test prompts say of a limit.
type Verdict string

// The verdicts. A setting whose true mean just keeps a limit misses it by its mean on test every second time, and by its whole
// interval one time in forty.
const (
	Kept    Verdict = "kept"                     // the mean keeps it
	Within  Verdict = "kept within its interval" // the mean misses it, its 95 % interval reaches it
	Broken  Verdict = "broken"                   // the whole interval misses it
	Untold  Verdict = "unknown"                  // the figure is not known on test
	untried Verdict = ""
)

// verdict of a limit.
func verdict(k policy.Quantity, limit float64, test Measured) Verdict {
	keeps := func(x float64) bool { return k == policy.Quality && x >= limit || k != policy.Quality && x <= limit }
	switch {
	case math.IsNaN(test.Mean):
		return Untold
	case keeps(test.Mean):
		return Kept
	case keeps(test.Low) || keeps(test.High):
		return Within
	}
	return Broken
}

// Judge says what test gave of all limits together: the worst of their verdicts. Where nothing is limited it is "".
func Judge(l Limits, test *store.Moments) Verdict {
	worst := untried
	for _, k := range l.set() {
		if v := verdict(k, l[k], interval(k, test[k])); severity[v] > severity[worst] {
			worst = v
		}
	}
	return worst
}

var severity = map[Verdict]int{Kept: 1, Within: 2, Untold: 3, Broken: 4}

// interval is a mean over prompts with its 95 % interval by Student's t.
func interval(k policy.Quantity, m stats.Moments) Measured {
	out := Measured{m.Mean, math.NaN(), math.NaN()}
	if m.N > 1 {
		half := distuv.StudentsT{Sigma: 1, Nu: float64(m.N - 1)}.Quantile((1+level)/2) * m.SE()
		out.Low, out.High = m.Mean-half, m.Mean+half
		if k == policy.Quality {
			out.Low, out.High = max(0, out.Low), min(1, out.High)
		}
	}
	return out
}
