package footprint

import (
	"fmt"
	"math"

	"github.com/trilemma-bench/trilemma/harness/selfmeter"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// PayBack tells after how many prompts a policy has saved what it took to get it: the time it trained, and the labels,
// every model's answer to the prompts it was trained and chosen by. What the baseline took is not counted: it is there
// already. Prompts are null where they are never enough.
type PayBack struct {
	Pool      string   `json:"pool"`
	Policy    string   `json:"policy"`
	Seed      uint64   `json:"seed"`
	TrainG    float64  `json:"train_g"`
	LabelsG   *float64 `json:"labels_g"`
	LabelsUSD *float64 `json:"labels_usd"`
	// Saved a prompt against the best single model, the router's own taken off: g by the central estimate, and at the low end
	// of its 95 % interval over prompts and the estimate of energy.
	SavedEach    float64  `json:"saved_g_a_prompt"`
	SavedEachLow *float64 `json:"saved_g_a_prompt_low"`
	RouterEach   float64  `json:"router_g_a_prompt"` // the policy and, where it was measured, its encoder
	Encoder      string   `json:"encoder"`           // "none", "measured" or "not measured"
	SavedUSDEach float64  `json:"saved_usd_a_prompt"`

	Prompts              *float64 `json:"prompts_training"`                   // without the labels
	PromptsWithLabels    *float64 `json:"prompts_training_and_labels"`        // with them
	PromptsWithLabelsLow *float64 `json:"prompts_training_and_labels_at_low"` // at the low end of what is saved
	PromptsUSD           *float64 `json:"prompts_labels_usd"`                 // until the dollars of the labels are saved
}

// routerSec is how long a policy and its encoder take for a prompt.
func routerSec(st *store.Status) float64 {
	n := st.Cost["decisions"]
	if n == 0 {
		return 0
	}
	return st.Cost["route_s"]/n + st.Cost["encode_s"]
}

// after is how many prompts pay something back; nil where they never do.
func after(spent, savedEach float64) *float64 {
	if !(savedEach > 0) || math.IsNaN(spent) {
		return nil
	}
	n := math.Ceil(spent / savedEach)
	return &n
}

func (f *Footprint) payBack(s *store.Saving, cells []store.Status, own selfmeter.Usage, whole float64) {
	for i := range cells {
		st := &cells[i]
		fit, learns := st.Cost["fit_s"]
		if st.ID != s.Cell || !learns || st.Cost["decisions"] == 0 || s.CarbonG == nil || s.CarbonSaving == nil || *s.CarbonSaving == 1 {
			continue
		}
		p := PayBack{Pool: s.Pool, Policy: s.Policy, Seed: s.Seed, TrainG: own.CarbonG * fit / whole, RouterEach: own.CarbonG * routerSec(st) / whole, Encoder: encoderOf(st)}
		base := *s.CarbonG / (1 - *s.CarbonSaving) // on the same prompts
		p.SavedEach = base - *s.CarbonG - p.RouterEach
		p.Prompts = after(p.TrainG, p.SavedEach)
		if s.CarbonSavingBothLow != nil {
			low := *s.CarbonSavingBothLow*base - p.RouterEach
			p.SavedEachLow = &low
		}
		if s.CostSaving != nil && s.CostUSD != nil {
			p.SavedUSDEach = *s.CostUSD/(1-*s.CostSaving) - *s.CostUSD
		}
		for _, l := range f.Labels {
			if l.Pool != s.Pool {
				continue
			}
			p.LabelsG, p.LabelsUSD = l.CarbonG, l.CostUSD
			if l.CarbonG != nil {
				p.PromptsWithLabels = after(p.TrainG+*l.CarbonG, p.SavedEach)
				if p.SavedEachLow != nil {
					p.PromptsWithLabelsLow = after(p.TrainG+*l.CarbonG, *p.SavedEachLow)
				}
			}
			if l.CostUSD != nil {
				p.PromptsUSD = after(*l.CostUSD, p.SavedUSDEach)
			}
		}
		f.PayBack = append(f.PayBack, p)
	}
}

func encoderOf(st *store.Status) string {
	switch _, measured := st.Cost["encode_s"]; {
	case measured:
		return "measured"
	case st.Encoder == "":
		return "none"
	}
	return "not measured"
}

// Sentence tells it in words.
func (p *PayBack) Sentence() string {
	never := func(n *float64) string {
		if n == nil {
			return "never"
		}
		return fmt.Sprintf("after %.0f prompts", *n)
	}
	name := p.Policy
	if p.Seed > 1 {
		name = fmt.Sprintf("%s seed %d", name, p.Seed)
	}
	if p.SavedEach <= 0 {
		return fmt.Sprintf("%s, %s: training (%.3g g) and labels (%s g, %s USD) are never paid back: with the router's own %.3g g a prompt it saves no carbon; the dollars of the labels %s",
			p.Pool, name, p.TrainG, digits4(p.LabelsG), digits4(p.LabelsUSD), p.RouterEach, never(p.PromptsUSD))
	}
	text := fmt.Sprintf("%s, %s: at %.3g g saved a prompt, the router's own %.3g g taken off, training (%.3g g) is paid back %s, training and labels (%s g) %s",
		p.Pool, name, p.SavedEach, p.RouterEach, p.TrainG, never(p.Prompts), digits4(p.LabelsG), never(p.PromptsWithLabels))
	if p.SavedEachLow != nil {
		text += fmt.Sprintf(" (%s at the low end of what is saved)", never(p.PromptsWithLabelsLow))
	}
	text += fmt.Sprintf("; the dollars of the labels (%s USD) %s", digits4(p.LabelsUSD), never(p.PromptsUSD))
	if p.Encoder == "not measured" {
		text += "; the encoder is not in it: its vectors were there before"
	}
	return text
}
