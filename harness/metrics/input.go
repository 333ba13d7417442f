package metrics

import (
	"fmt"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Metric is one column of judgement.
type Metric struct {
	Name  string
	Lower bool // less is better; of the others more is
	// Hindsight: the setting is chosen on the very prompts it is judged on, as the published tools do. It flatters a
	// policy by the luck of its best setting.
	Hindsight bool
	// Share: it lies in [0, 1], and so does its interval.
	Share bool
}

// Metrics are all metrics, in the order in which tables have them.
var Metrics = []Metric{
	{Name: "quality_max", Share: true}, {Name: "aiq_pool", Share: true}, {Name: "aiq", Share: true}, {Name: "nauc", Share: true}, {Name: "peak", Share: true}, {Name: "qnc", Lower: true},
	{Name: "rci", Lower: true, Share: true}, {Name: "perfgain"}, {Name: "costsave"}, {Name: "costsave_quality"},
	{Name: "gain_r"}, {Name: "gain_b"}, {Name: "gap_o", Lower: true}, {Name: "paretodist", Lower: true}, {Name: "hypervolume", Share: true},
	{Name: "quality_max_hindsight", Hindsight: true, Share: true}, {Name: "aiq_hindsight", Hindsight: true, Share: true}, {Name: "nauc_hindsight", Hindsight: true, Share: true},
	{Name: "peak_hindsight", Hindsight: true, Share: true}, {Name: "qnc_hindsight", Lower: true, Hindsight: true},
	{Name: "perfgain_hindsight", Hindsight: true}, {Name: "costsave_hindsight", Hindsight: true},
}

// The metrics by their place in [Metrics].
const (
	mQualityMax = iota
	mAIQPool
	mAIQ
	mNAUC
	mPeak
	mQNC
	mRCI
	mPerfGain
	mCostSave
	mCostSaveQuality
	mGainR
	mGainB
	mGapO
	mParetoDist
	mHypervolume
	mQualityMaxHindsight
	mAIQHindsight
	mNAUCHindsight
	mPeakHindsight
	mQNCHindsight
	mPerfGainHindsight
	mCostSaveHindsight
	metricCount
)

// onCosts tells which metrics rest on what answers cost.
var onCosts = [metricCount]bool{
	mAIQPool: true, mAIQ: true, mNAUC: true, mQNC: true, mRCI: true, mCostSave: true, mCostSaveQuality: true, mParetoDist: true,
	mHypervolume: true, mAIQHindsight: true, mNAUCHindsight: true, mQNCHindsight: true, mCostSaveHindsight: true,
}

// The metrics that policies are ranked by: the headline, and quality where costs are unknown.
const (
	HeadlineMetric = "aiq_pool"
	QualityMetric  = "quality_max"
)

// LowerIsBetter tells of which metrics less is better; of the others more is.
var LowerIsBetter = map[string]bool{}

// Names of the metrics, in their order.
var Names []string

func init() {
	for _, m := range Metrics {
		Names = append(Names, m.Name)
		LowerIsBetter[m.Name] = m.Lower
	}
}

// Role is the part that a subject plays in a table.
type Role string

// The roles. Only policies are ranked, compared in pairs and named in headlines.
const (
	RolePolicy    Role = "policy"
	RoleControl   Role = "control"   // knows nothing of prompts: random, a single model, the best single model
	RoleSingle    Role = "single"    // a model's own row
	RoleReference Role = "reference" // the Zero router
	RoleOracle    Role = "oracle"    // hindsight by its nature
	RoleLabelled  Role = "labelled"  // reads the data set's label at test time, which no live router could
	RoleThin      Role = "thin"      // measured on fewer than MinRanked prompts
)

// MinRanked is the fewest prompts on which a policy has a rank.
const MinRanked = 30

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
	Models []string
	// Known are each model's means over prompts that are not the compared ones (train, validation and selection: a model
	// learns from none of them). By them the best single model, the cheapest and the dearest, and the corners of the Zero
	// router are chosen. nil: by the compared prompts themselves, in hindsight, and the table warns.
	Known []policy.Figures
	// Selection are each model's means over the prompts of PromptPoint.Selection.
	Selection []policy.Figures
	Stratum   []int32 // [prompts] resampling keeps the size of each; nil for one stratum
	Dataset   []int32 // [prompts] from 0; Gain and Gap are means over datasets; nil for one dataset
	Subjects  []Subject
	// Costless: costs are unknown. What rests on them has no value; qualities are compared all the same.
	Costless bool
	// Baseline is the subject that the others are paired with; "" for none.
	Baseline  string
	Resamples int // 0 for DefaultResamples
	Seed      uint64
}

// Subject is one policy.
type Subject struct {
	Name   string
	Role   Role    // "" for RolePolicy
	Curves []Curve // one for each seed
}

// Curve is a policy of one seed over its preferences.
type Curve struct {
	Seed   uint64
	Points []PromptPoint
}

// PromptPoint is one preference's result for each prompt. A point with a NaN in its quality or cost is left out, and the
// table warns.
type PromptPoint struct {
	Figures policy.Matrix // [prompts]: quality, cost and carbon, which is nil where unknown
	Choice  []int32       // [prompts] the most probable model; -1 none
	// Selection are the means over the prompts that settings are chosen by, of which the policy has seen nothing. nil where
	// there are none: then settings are chosen on the compared prompts, in hindsight, and the table warns.
	Selection *policy.Figures
	// Free marks the preference that pays any price for quality (all λ zero): the largest budget.
	Free bool
}

// check tells whether the shapes fit together.
func (in *Input) check() error {
	o, n := &in.Outcomes, in.Outcomes.Len()
	switch {
	case n == 0 || o.Models == 0:
		return fmt.Errorf("pool %s: no prompt is covered by all compared policies", in.Pool)
	case len(o.Figures[policy.Quality]) != n*o.Models || len(o.Figures[policy.Cost]) != n*o.Models || o.Figures[policy.Carbon] != nil && len(o.Figures[policy.Carbon]) != n*o.Models:
		return fmt.Errorf("pool %s: outcomes of %d models: %d scores, %d costs, %d carbon figures, want as many of each",
			in.Pool, o.Models, len(o.Figures[policy.Quality]), len(o.Figures[policy.Cost]), len(o.Figures[policy.Carbon]))
	case in.Models != nil && len(in.Models) != o.Models:
		return fmt.Errorf("pool %s: %d model names, want %d", in.Pool, len(in.Models), o.Models)
	case in.Stratum != nil && len(in.Stratum) != n || in.Dataset != nil && len(in.Dataset) != n:
		return fmt.Errorf("pool %s: strata of %d and datasets of %d prompts, want %d", in.Pool, len(in.Stratum), len(in.Dataset), n)
	case in.Known != nil && len(in.Known) != o.Models || in.Selection != nil && len(in.Selection) != o.Models:
		return fmt.Errorf("pool %s: known means of %d and selection means of %d models, want %d", in.Pool, len(in.Known), len(in.Selection), o.Models)
	case in.Resamples < 0:
		return fmt.Errorf("pool %s: %d resamples, want no negative number", in.Pool, in.Resamples)
	}
	for _, d := range in.Dataset {
		if d < 0 {
			return fmt.Errorf("pool %s: dataset %d, want them numbered from 0", in.Pool, d)
		}
	}
	for i := range o.Figures[policy.Quality] {
		if s, c := o.Figures[policy.Quality][i], o.Figures[policy.Cost][i]; s-s != 0 || c-c != 0 && !in.Costless {
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
				if len(p.Figures[policy.Quality]) != n || len(p.Figures[policy.Cost]) != n || p.Figures[policy.Carbon] != nil && len(p.Figures[policy.Carbon]) != n || p.Choice != nil && len(p.Choice) != n {
					return fmt.Errorf("pool %s: policy %s, seed %d, point %d has results of %d, %d, %d, %d prompts, want %d",
						in.Pool, s.Name, c.Seed, i, len(p.Figures[policy.Quality]), len(p.Figures[policy.Cost]), len(p.Figures[policy.Carbon]), len(p.Choice), n)
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
