package forecast

import (
	"fmt"
	"math"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Expected is what a policy expects of each model: [rows × Models] matrices, row-major, one row a prompt, a category or
// whatever the policy tells apart. NaN means not known; a model whose score is not known is never chosen.
type Expected struct {
	Models int                                   `json:"models"`
	Value  [policy.NumQuantities]checkpoint.F32s `json:"value"` // those of policy.Decisive
}

// NewExpected returns rows rows of which nothing is known.
func NewExpected(rows, models int) *Expected {
	e := &Expected{Models: models}
	for _, q := range policy.Decisive {
		e.Value[q] = make(checkpoint.F32s, rows*models)
		for i := range e.Value[q] {
			e.Value[q][i] = float32(math.NaN())
		}
	}
	return e
}

// Rows is the number of rows.
func (e *Expected) Rows() int {
	if e.Models == 0 {
		return 0
	}
	return len(e.Value[policy.Quality]) / e.Models
}

// Row is what is expected of every model in one row: a view, not a copy.
func (e *Expected) Row(q policy.Quantity, row int) []float32 {
	return e.Value[q][row*e.Models : (row+1)*e.Models : (row+1)*e.Models]
}

// CopyRow fills row to of e with row from of src.
func (e *Expected) CopyRow(to int, src *Expected, from int) {
	for _, q := range policy.Decisive {
		copy(e.Row(q, to), src.Row(q, from))
	}
}

// At is what is expected of one model in one row.
func (e *Expected) At(row, model int) policy.Figures {
	f := policy.Unknown()
	for _, q := range policy.Decisive {
		f[q] = float64(e.Value[q][row*e.Models+model])
	}
	return f
}

// Choose is the model of highest expected utility ([policy.Preference.Utility]) of a row, ties to the cheaper and then to
// the first. It is −1 where no model has a known utility.
func (e *Expected) Choose(row int, p policy.Preference) int {
	cost := e.Row(policy.Cost, row)
	best, utility := -1, math.Inf(-1)
	for m := range cost {
		u := p.Utility(e.At(row, m))
		if u > utility || (u == utility && best >= 0 && cost[m] < cost[best]) {
			best, utility = m, u
		}
	}
	return best
}

// Check tells whether the preference weighs only what is known of every model that has a known score, reading the first
// row. The error says which model lacks what.
func (e *Expected) Check(p policy.Preference, models []policy.Model) error {
	if len(models) != e.Models {
		return fmt.Errorf("the state was made for %d models, the pool has %d", e.Models, len(models))
	}
	answered := false
	for m, s := range e.Row(policy.Quality, 0) {
		if math.IsNaN(float64(s)) {
			continue
		}
		answered = true
		for _, q := range policy.Weighed {
			if lambda := p[q]; lambda != 0 && math.IsNaN(float64(e.Row(q, 0)[m])) {
				return fmt.Errorf("the preference weighs %s (λ_%s = %v) but no training outcome of model %q has a known %s: "+
					"%s, or leave λ_%s at 0", q, q, lambda, models[m].ID, q, q.Remedy(), q)
			}
		}
	}
	if !answered {
		return fmt.Errorf("no model of the pool has a training outcome with a score: give a train split that the pool answered")
	}
	return nil
}

// CheckEach is [Expected.Check] for several preferences.
func (e *Expected) CheckEach(list []policy.Preference, models []policy.Model) error {
	for i, p := range list {
		if err := e.Check(p, models); err != nil {
			return fmt.Errorf("preference %d: %w", i, err)
		}
	}
	return nil
}

// Route decides every row of a batch by its expected utility; row tells which row of e a prompt of the batch reads.
// Each distinct preference is checked once.
func (e *Expected) Route(b *policy.Batch, models []policy.Model, row func(prompt int) int) (*policy.Decisions, error) {
	if b.Prompts.Len() > 0 {
		if err := e.CheckEach(b.Preferences, models); err != nil {
			return nil, err
		}
	}
	d := policy.NewDecisions(b.Rows())
	for r := range b.Rows() {
		prompt := int(b.Prompt[r])
		m := e.Choose(row(prompt), b.Preferences[b.Preference[r]])
		if m < 0 {
			return nil, fmt.Errorf("prompt %q: no model has a known utility", b.Prompts.ID[prompt])
		}
		d.AppendOne(policy.Select, m)
	}
	return d, nil
}

// CheckShape tells whether a loaded e is whole and fits a pool of models models.
func (e *Expected) CheckShape(rows, models int) error {
	if e == nil || e.Models != models {
		return fmt.Errorf("the checkpoint is of another pool, not of %d models; fit again", models)
	}
	for _, q := range policy.Decisive {
		if len(e.Value[q]) != rows*models {
			return fmt.Errorf("the checkpoint's %s has %d figures, want %d × %d; fit again", q, len(e.Value[q]), rows, models)
		}
	}
	return nil
}
