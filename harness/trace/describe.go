package trace

import (
	"math"
	"slices"
)

// Summary tells what a trace holds. Means are over present outcomes whose figure is known; a mean over none is nil, so
// that the summary can be written as JSON.
type Summary struct {
	Prompts  int `json:"prompts"`
	Models   int `json:"models"`
	Outcomes int `json:"outcomes"`
	// Missing is how many (prompt, model) have no outcome, Complete how many prompts every model answered.
	Missing  int `json:"missing"`
	Complete int `json:"complete"`
	// Coverage is Outcomes ÷ (Prompts × Models).
	Coverage float64 `json:"coverage"`
	// Bandit tells that outcomes carry the propensity of a logging policy.
	Bandit        bool            `json:"bandit"`
	Benchmarks    []Count         `json:"benchmarks,omitempty"`
	Categories    []Count         `json:"categories,omitempty"`
	Splits        []Count         `json:"splits,omitempty"`
	Answers       int             `json:"answers"` // distinct
	References    int             `json:"references"`
	EmbeddingDim  int             `json:"embedding_dim,omitempty"`
	Quantities    []QuantityShare `json:"quantities"`
	ByModel       []Stats         `json:"by_model"`
	ByCategory    []Stats         `json:"by_category,omitempty"`
	ModelCategory []CategoryScore `json:"model_category,omitempty"`
}

// Count is how many prompts have a label.
type Count struct {
	Name    string `json:"name"` // "" where the label is null
	Prompts int    `json:"prompts"`
}

// QuantityShare is the share of the present outcomes whose figure was logged; the rest is missing.
type QuantityShare struct {
	Name   string  `json:"name"`
	Logged float64 `json:"logged"`
}

// Stats are the figures of one model over all prompts, or of one category over all models.
type Stats struct {
	Name     string `json:"name"`
	Prompts  int    `json:"prompts"`
	Outcomes int    `json:"outcomes"`
	// Coverage is outcomes ÷ (prompts × models) of the cell of the table.
	Coverage     float64  `json:"coverage"`
	Score        *float64 `json:"score"`
	InputTokens  *float64 `json:"input_tokens"`
	OutputTokens *float64 `json:"output_tokens"`
	CostUSD      *float64 `json:"cost_usd"`
	LatencySec   *float64 `json:"latency_s"`
	EnergyWh     *float64 `json:"energy_wh"`
	CarbonG      *float64 `json:"carbon_g"`
}

// CategoryScore is the mean score of one model in one category.
type CategoryScore struct {
	Model    string   `json:"model"`
	Category string   `json:"category"`
	Outcomes int      `json:"outcomes"`
	Score    *float64 `json:"score"`
}

// tally sums the figures of a part of the outcomes.
type tally struct {
	outcomes int
	sum      [len(quantities)]float64
	known    [len(quantities)]int
}

func (t *tally) add(o *tally) {
	t.outcomes += o.outcomes
	for q := range quantities {
		t.sum[q] += o.sum[q]
		t.known[q] += o.known[q]
	}
}

func (t *tally) mean(q int) *float64 {
	if t.known[q] == 0 {
		return nil
	}
	x := t.sum[q] / float64(t.known[q])
	return &x
}

func (t *tally) stats(name string, prompts, models int) Stats {
	return Stats{
		Name: name, Prompts: prompts, Outcomes: t.outcomes, Coverage: ratio(t.outcomes, prompts*models),
		Score: t.mean(0), InputTokens: t.mean(1), OutputTokens: t.mean(2), CostUSD: t.mean(3), LatencySec: t.mean(4),
		EnergyWh: t.mean(5), CarbonG: t.mean(6),
	}
}

func ratio(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// Describe counts what the trace holds: in all, by model, by category and by both.
func (t *Trace) Describe() Summary {
	p, o := &t.Prompts, &t.Outcomes
	n, m := p.Len(), len(t.Models)
	s := Summary{
		Prompts: n, Models: m, Bandit: o.Propensity != nil, EmbeddingDim: p.Dim,
		Benchmarks: labels(p.Benchmark), Categories: labels(p.Category), Splits: labels(p.Split),
		Answers: max(len(o.AnswerText)-1, 0),
	}
	for _, r := range p.Reference {
		if r != "" {
			s.References++
		}
	}
	categories := map[string]int{}
	for i, c := range s.Categories {
		categories[c.Name] = i
	}
	cells := make([]tally, max(len(s.Categories), 1)*m) // [categories × models]
	var matrices [len(quantities)][]float32
	for q := range quantities {
		matrices[q] = *quantities[q].matrix(o)
	}
	for i := range n {
		row := 0
		if p.Category != nil {
			row = categories[p.Category[i]] * m
		}
		complete := true
		for j := range m {
			at := o.At(i, j)
			if !o.Present.Has(at) {
				complete = false
				continue
			}
			cell := &cells[row+j]
			cell.outcomes++
			for q, x := range matrices {
				if x != nil && x[at] == x[at] {
					cell.sum[q] += float64(x[at])
					cell.known[q]++
				}
			}
		}
		if complete {
			s.Complete++
		}
	}
	var all tally
	for i := range cells {
		all.add(&cells[i])
	}
	s.Outcomes, s.Missing, s.Coverage = all.outcomes, n*m-all.outcomes, ratio(all.outcomes, n*m)
	for q := range quantities {
		s.Quantities = append(s.Quantities, QuantityShare{quantities[q].name, ratio(all.known[q], all.outcomes)})
	}
	for j := range m {
		var model tally
		for i := j; i < len(cells); i += m {
			model.add(&cells[i])
		}
		s.ByModel = append(s.ByModel, model.stats(t.Models[j].ID, n, 1))
	}
	for i, c := range s.Categories {
		var category tally
		for j := range m {
			cell := &cells[i*m+j]
			category.add(cell)
			s.ModelCategory = append(s.ModelCategory, CategoryScore{t.Models[j].ID, c.Name, cell.outcomes, cell.mean(scoreQuantity)})
		}
		s.ByCategory = append(s.ByCategory, category.stats(c.Name, c.Prompts, m))
	}
	return s
}

// labels counts the prompts of every label, by name.
func labels(of []string) []Count {
	n := map[string]int{}
	for _, s := range of {
		n[s]++
	}
	var out []Count
	for name, k := range n {
		out = append(out, Count{name, k})
	}
	slices.SortFunc(out, func(a, b Count) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return out
}

// Mean is the value of a mean that may be missing, NaN then.
func Mean(x *float64) float64 {
	if x == nil {
		return math.NaN()
	}
	return *x
}
