package store

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"strconv"
)

// Files of the footprint beside points and metrics.
const (
	SavingsJSON = "savings.json"
	SavingsCSV  = "savings.csv"
)

// Savings are what `savings.json` holds: what each policy saves against each baseline, and what that depends on.
type Savings struct {
	Objective   string        `json:"objective"` // by which settings are chosen
	Margin      float64       `json:"margin"`    // loss of quality that still counts as none
	Estimate    Estimate      `json:"estimate"`
	Labels      []Labels      `json:"labels"`
	Baselines   []Baseline    `json:"baselines"`
	Savings     []Saving      `json:"savings"`
	Sensitivity []Sensitivity `json:"sensitivity,omitempty"`
	Notices     []string      `json:"notices,omitempty"`
}

// Estimate says how energy that was not logged is estimated, and how far the estimate of one model may be off: by a
// lognormal factor of this standard deviation, independent between models. Source says where that figure is from.
type Estimate struct {
	Method  string  `json:"method"`
	SDLn    float64 `json:"sd_ln"`
	Source  string  `json:"source"`
	Prefill bool    `json:"prefill"` // the reading of prompts counts
	Logged  float64 `json:"logged"`  // share of outcomes whose energy or carbon was logged, and carries no such error
}

// Labels are what the outcomes took by which policies of a pool are trained and chosen: sums over every model's answers to
// the prompts outside of test.
type Labels struct {
	Pool     string   `json:"pool"`
	Prompts  int      `json:"prompts"`
	Outcomes int      `json:"outcomes"`
	CostUSD  *float64 `json:"cost_usd"`
	CarbonG  *float64 `json:"carbon_g"` // null where the carbon of none is known
	Unknown  int      `json:"unknown"`  // outcomes whose carbon is not known and left out
}

// How something was chosen.
const (
	OnKnown     = "known prompts" // all prompts outside of test that every model of the pool answered
	OnSelection = "selection"     // the selection prompts, as one would deploy it
	OnLog       = "log"           // by whoever wrote the log
	Hindsight   = "hindsight"     // by the test prompts themselves
)

// Roles of what is compared with a baseline; those of policies are as in metrics.csv.
const (
	RolePolicy   = "policy"
	RoleControl  = "control"  // a policy that knows nothing of prompts
	RoleLabelled = "labelled" // a policy that reads the data set's label at test time, which no live router could
	RoleSingle   = "single"   // the best alternative: another single model
	RoleBlind    = "blind"    // a mix of single models that does not look at prompts: the carbon Zero router
)

// Baseline is what savings are taken against. Figures are means per test prompt.
type Baseline struct {
	Pool     string   `json:"pool"`
	Name     string   `json:"name"`      // "best single", "static", "logged"
	What     string   `json:"what"`      // the model, or how it was logged
	ChosenOn string   `json:"chosen_on"` // the prompts that say that it is the best
	Quality  *float64 `json:"quality"`
	CarbonG  *float64 `json:"carbon_g"`
	// Bounds by the assumed sizes of closed models, and 95 % bounds by the estimate of energy.
	CarbonGLow       *float64 `json:"carbon_g_low"`
	CarbonGHigh      *float64 `json:"carbon_g_high"`
	CarbonGModelLow  *float64 `json:"carbon_g_model_low"`
	CarbonGModelHigh *float64 `json:"carbon_g_model_high"`
	CostUSD          *float64 `json:"cost_usd"`
	LatencySec       *float64 `json:"latency_s"`
}

// Saving is what one way of answering saves against one baseline, on the test prompts that both cover. Shares saved are
// 1 − policy ÷ baseline. Bounds are of 95 % intervals over the test prompts, and over the seeds where there are several.
type Saving struct {
	Pool       string `json:"pool"`
	Policy     string `json:"policy"` // a policy's label, or what took its place
	Role       string `json:"role"`
	Seed       uint64 `json:"seed"`  // 0 where Seeds is more than 1
	Seeds      int    `json:"seeds"` // averaged over so many
	Cell       string `json:"cell"`
	Baseline   string `json:"baseline"`
	ChosenOn   string `json:"chosen_on"`
	Preference string `json:"preference"`
	N          int    `json:"n"` // test prompts
	// Quality, and its difference to the baseline's held against the margin: "non-inferior", "worse" or "not shown".
	Quality         float64  `json:"quality"`
	QualityDiff     float64  `json:"quality_diff"`
	QualityDiffLow  *float64 `json:"quality_diff_low"`
	QualityDiffHigh *float64 `json:"quality_diff_high"`
	QualityVerdict  string   `json:"quality_verdict"`
	CostUSD         *float64 `json:"cost_usd"`
	LatencySec      *float64 `json:"latency_s"`
	CarbonG         *float64 `json:"carbon_g"`
	// Bounds by the assumed sizes of closed models, and 95 % bounds by the estimate of energy.
	CarbonGLow       *float64 `json:"carbon_g_low"`
	CarbonGHigh      *float64 `json:"carbon_g_high"`
	CarbonGModelLow  *float64 `json:"carbon_g_model_low"`
	CarbonGModelHigh *float64 `json:"carbon_g_model_high"`
	// The share of the central estimates: its interval by prompts, as if the estimate of energy were right; by that estimate
	// alone, a factor of its own for every model; and by both. Then where all assumed sizes are at their low, or high end.
	CarbonSaving          *float64 `json:"carbon_saving"`
	CarbonSavingLow       *float64 `json:"carbon_saving_low"`
	CarbonSavingHigh      *float64 `json:"carbon_saving_high"`
	CarbonSavingModelLow  *float64 `json:"carbon_saving_model_low"`
	CarbonSavingModelHigh *float64 `json:"carbon_saving_model_high"`
	CarbonSavingBothLow   *float64 `json:"carbon_saving_both_low"`
	CarbonSavingBothHigh  *float64 `json:"carbon_saving_both_high"`
	SavingAtLowSizes      *float64 `json:"saving_at_low_sizes"`
	SavingAtHighSize      *float64 `json:"saving_at_high_sizes"`
	CostSaving            *float64 `json:"cost_saving"`
	CostSavingLow         *float64 `json:"cost_saving_low"`
	CostSavingHigh        *float64 `json:"cost_saving_high"`
	LatencySaving         *float64 `json:"latency_saving"`
	LatencySavingLow      *float64 `json:"latency_saving_low"`
	LatencySavingHigh     *float64 `json:"latency_saving_high"`
	// What a blind mix of this quality saves against the baseline, and what the policy saves against that mix, by prompts and
	// by both: "saves", "not shown" or "emits more" by the latter.
	BlindSaving       *float64 `json:"blind_saving"`
	OverBlind         *float64 `json:"over_blind"`
	OverBlindLow      *float64 `json:"over_blind_low"`
	OverBlindHigh     *float64 `json:"over_blind_high"`
	OverBlindBothLow  *float64 `json:"over_blind_both_low"`
	OverBlindBothHigh *float64 `json:"over_blind_both_high"`
	OverBlindVerdict  string   `json:"over_blind_verdict"`
}

// Sensitivity is how the emissions of one policy and of its baseline move with what was assumed. Means per test prompt.
type Sensitivity struct {
	Pool       string   `json:"pool"`
	Policy     string   `json:"policy"`
	Preference string   `json:"preference"`
	CarbonG    float64  `json:"carbon_g"`
	BaselineG  float64  `json:"baseline_g"`
	Factors    []Factor `json:"factors"`
}

// Factor is one assumption at two ends.
type Factor struct {
	Name string `json:"name"`
	Low  Ending `json:"low"`
	High Ending `json:"high"`
}

// Ending is one end of an assumption.
type Ending struct {
	Setting   string  `json:"setting"`
	CarbonG   float64 `json:"carbon_g"`
	BaselineG float64 `json:"baseline_g"`
}

// Saving is what the policy saves at this end.
func (e Ending) Saving() float64 { return 1 - e.CarbonG/e.BaselineG }

// savingColumns are the columns of savings.csv. New ones come last: other tools read it.
var savingColumns = []string{
	"pool", "policy", "seed", "baseline", "chosen_on", "preference", "quality", "quality_diff", "quality_diff_low", "quality_diff_high",
	"carbon_g", "carbon_g_low", "carbon_g_high", "cost_usd", "carbon_saving", "carbon_saving_low", "carbon_saving_high",
	"saving_at_low_sizes", "saving_at_high_sizes", "cost_saving", "cost_saving_low", "cost_saving_high",
	"role", "seeds", "n", "margin", "quality_verdict", "carbon_g_model_low", "carbon_g_model_high",
	"carbon_saving_model_low", "carbon_saving_model_high", "carbon_saving_both_low", "carbon_saving_both_high",
	"latency_s", "latency_saving", "latency_saving_low", "latency_saving_high",
	"blind_saving", "over_blind", "over_blind_low", "over_blind_high", "over_blind_both_low", "over_blind_both_high", "over_blind_verdict",
}

func (x *Saving) row(margin float64) []string {
	opt := func(x *float64) string {
		if x == nil {
			return ""
		}
		return strconv.FormatFloat(*x, 'g', -1, 64)
	}
	seed := strconv.FormatUint(x.Seed, 10)
	if x.Seeds != 1 {
		seed = "" // of several, or of none
	}
	return []string{
		x.Pool, x.Policy, seed, x.Baseline, x.ChosenOn, x.Preference, opt(&x.Quality), opt(&x.QualityDiff),
		opt(x.QualityDiffLow), opt(x.QualityDiffHigh), opt(x.CarbonG), opt(x.CarbonGLow), opt(x.CarbonGHigh), opt(x.CostUSD),
		opt(x.CarbonSaving), opt(x.CarbonSavingLow), opt(x.CarbonSavingHigh), opt(x.SavingAtLowSizes), opt(x.SavingAtHighSize),
		opt(x.CostSaving), opt(x.CostSavingLow), opt(x.CostSavingHigh),
		x.Role, strconv.Itoa(x.Seeds), strconv.Itoa(x.N), opt(&margin), x.QualityVerdict, opt(x.CarbonGModelLow), opt(x.CarbonGModelHigh),
		opt(x.CarbonSavingModelLow), opt(x.CarbonSavingModelHigh), opt(x.CarbonSavingBothLow), opt(x.CarbonSavingBothHigh),
		opt(x.LatencySec), opt(x.LatencySaving), opt(x.LatencySavingLow), opt(x.LatencySavingHigh),
		opt(x.BlindSaving), opt(x.OverBlind), opt(x.OverBlindLow), opt(x.OverBlindHigh), opt(x.OverBlindBothLow), opt(x.OverBlindBothHigh), x.OverBlindVerdict,
	}
}

// WriteSavings writes savings.json and savings.csv.
func (r *Run) WriteSavings(s Savings) error {
	if err := r.writeJSON(SavingsJSON, s); err != nil {
		return err
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	rows := [][]string{savingColumns}
	for i := range s.Savings {
		rows = append(rows, s.Savings[i].row(s.Margin))
	}
	if err := w.WriteAll(rows); err != nil {
		return fmt.Errorf("writing %s: %w", SavingsCSV, err)
	}
	return r.WriteFile(SavingsCSV, b.Bytes())
}

// Savings reads savings.json. What an older version wrote, whose settings were chosen on prompts that policies had seen,
// counts as absent.
func (r *Run) Savings() (Savings, error) {
	var s Savings
	err := r.readJSON(SavingsJSON, &s)
	if err == nil && s.Objective == "" {
		err = fmt.Errorf("%s is of an older version: %w", r.Path(SavingsJSON), os.ErrNotExist)
	}
	return s, err
}
