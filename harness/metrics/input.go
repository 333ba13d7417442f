package metrics

import "fmt"

// Names of the metrics, in the order in which tables have them.
var Names = []string{
	"quality_max", "aiq", "nauc", "peak", "qnc", "rci", "perfgain", "costsave",
	"gain_r", "gain_b", "gap_o", "paretodist", "hypervolume",
}

// LowerIsBetter tells of which metrics less is better; of the others more is.
var LowerIsBetter = map[string]bool{"qnc": true, "rci": true, "gap_o": true, "paretodist": true}

// References that Evaluate adds to the subjects.
const (
	ZeroRouter = "zero-router" // random mixing between single models
	Oracle     = "oracle"      // per-prompt best, cheapest of equals
)

// SinglePrefix and a model's id name the subject that always takes the model.
const SinglePrefix = "single:"

// DefaultResamples of the bootstrap.
const DefaultResamples = 10_000

// Input is one pool's results on the prompts that all compared policies cover.
type Input struct {
	Pool     string
	Outcomes Outcomes
	// Models are the ids of the pool's models; where given, each model's own row is added unless a subject has its name.
	Models   []string
	Stratum  []int32 // [prompts] resampling keeps the size of each; nil for one stratum
	Dataset  []int32 // [prompts] from 0; Gain and Gap are means over datasets; nil for one dataset
	Subjects []Subject
	// Baseline is the subject that the others are paired with; "" for none.
	Baseline  string
	Resamples int // 0 for DefaultResamples
	Seed      uint64
}

// Subject is one policy.
type Subject struct {
	Name   string
	Curves []Curve // one for each seed
}

// Curve is a policy of one seed over its preferences.
type Curve struct {
	Seed   uint64
	Points []PromptPoint
}

// PromptPoint is one preference's result for each prompt. A point with a NaN in Quality or CostUSD is left out, and the
// table warns.
type PromptPoint struct {
	Quality, CostUSD, CarbonG []float32 // [prompts]; CarbonG nil where unknown
	Choice                    []int32   // [prompts] the most probable model; -1 none
	// Free marks the preference that pays any price for quality (all λ zero): the largest budget.
	Free bool
}

// check tells whether the shapes fit together.
func (in *Input) check() error {
	o, n := &in.Outcomes, in.Outcomes.Len()
	switch {
	case n == 0 || o.Models == 0:
		return fmt.Errorf("pool %s: no prompt is covered by all compared policies", in.Pool)
	case len(o.Score) != n*o.Models || len(o.CostUSD) != n*o.Models || o.CarbonG != nil && len(o.CarbonG) != n*o.Models:
		return fmt.Errorf("pool %s: outcomes of %d models: %d scores, %d costs, %d carbon figures, want as many of each",
			in.Pool, o.Models, len(o.Score), len(o.CostUSD), len(o.CarbonG))
	case in.Models != nil && len(in.Models) != o.Models:
		return fmt.Errorf("pool %s: %d model names, want %d", in.Pool, len(in.Models), o.Models)
	case in.Stratum != nil && len(in.Stratum) != n || in.Dataset != nil && len(in.Dataset) != n:
		return fmt.Errorf("pool %s: strata of %d and datasets of %d prompts, want %d", in.Pool, len(in.Stratum), len(in.Dataset), n)
	case in.Resamples < 0:
		return fmt.Errorf("pool %s: %d resamples, want no negative number", in.Pool, in.Resamples)
	}
	for _, d := range in.Dataset {
		if d < 0 {
			return fmt.Errorf("pool %s: dataset %d, want them numbered from 0", in.Pool, d)
		}
	}
	for i := range o.Score {
		if s, c := o.Score[i], o.CostUSD[i]; s-s != 0 || c-c != 0 {
			return fmt.Errorf("pool %s: score %v and cost %v of prompt %d, model %d: compare on prompts that every model answered",
				in.Pool, s, c, i/o.Models, i%o.Models)
		}
	}
	seen := map[string]bool{}
	for _, s := range in.Subjects {
		if seen[s.Name] {
			return fmt.Errorf("pool %s: policy %s is there twice", in.Pool, s.Name)
		}
		seen[s.Name] = true
		for _, c := range s.Curves {
			for i, p := range c.Points {
				if len(p.Quality) != n || len(p.CostUSD) != n || p.CarbonG != nil && len(p.CarbonG) != n || p.Choice != nil && len(p.Choice) != n {
					return fmt.Errorf("pool %s: policy %s, seed %d, point %d has results of %d, %d, %d, %d prompts, want %d",
						in.Pool, s.Name, c.Seed, i, len(p.Quality), len(p.CostUSD), len(p.CarbonG), len(p.Choice), n)
				}
				for _, m := range p.Choice {
					if int(m) >= o.Models {
						return fmt.Errorf("pool %s: policy %s chose model %d of %d", in.Pool, s.Name, m, o.Models)
					}
				}
			}
		}
	}
	return nil
}
