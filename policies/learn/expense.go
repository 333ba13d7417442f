package learn

import (
	"context"
	"errors"
	"math"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Expenses are the figures that an outcome is charged for, in the order in which an [Expense] predicts them.
var Expenses = []Quantity{CostUSD, CarbonG, LatencySec}

// maxRatio bounds what one outcome may cost in means of its model, so that a run-away answer does not shake the rest.
const maxRatio = 20

// Expense predicts cost, carbon and latency of each model for a prompt, each relative to the model's mean, under a
// Poisson quasi-likelihood.
type Expense struct {
	*Net
}

// FitExpense trains the predictor under the network's shape and the schedule of c; nil where no figure is known. x and
// heldOut are as in [Examples], overall the means over the same outcomes.
func FitExpense(ctx context.Context, c Config, overall *Expected, o *policy.Outcomes, x []float32, heldOut []int32, report func(policy.Progress)) (*Expense, error) {
	n, models := len(heldOut), o.Models
	width := len(Expenses) * models
	ex := &Examples{N: n, X: x, Y: make([]float32, n*width), W: make([]float32, n*width), HeldOut: heldOut}
	known := false
	for b, q := range Expenses {
		mean := overall.Row(q, 0)
		for at, value := range q.Of(o) {
			i, m := at/models, at%models
			// A model that is free, or of which nothing is known, has nothing to predict.
			if o.Present[at] && !math.IsNaN(float64(value)) && mean[m] > 0 {
				ex.Y[i*width+b*models+m] = min(value/mean[m], maxRatio)
				ex.W[i*width+b*models+m] = 1
				known = true
			}
		}
	}
	if !known {
		return nil, nil
	}
	c.Blocks = []Block{{Link: Poisson, Width: width, Weight: 1}}
	net, err := Train(ctx, c, ex, report)
	if err != nil {
		return nil, err
	}
	return &Expense{net}, nil
}

// Price fills cost, carbon and latency of e for inputs x: the model's mean in overall times the predicted ratio.
// heldOut, where it is not nil, is that of the training examples, and makes the predictions honest ones.
func (p *Expense) Price(ctx context.Context, e, overall *Expected, x []float32, heldOut []int32) error {
	ratio, err := p.predict(ctx, x, heldOut)
	if err != nil {
		return err
	}
	models := e.Models
	width := p.Out()
	for b, q := range Expenses {
		value := make(F32s, e.Rows()*models)
		for at := range value {
			i, m := at/models, at%models
			value[at] = overall.Row(q, 0)[m]
			if value[at] > 0 {
				value[at] *= ratio[i*width+b*models+m]
			}
		}
		e.Value[q] = value
	}
	return nil
}

// Check tells whether a loaded predictor is whole and fits.
func (p *Expense) Check(in, models int) error {
	if err := p.Net.Check(); err != nil {
		return err
	}
	if p.Out() != len(Expenses)*models || p.In != in {
		return errors.New("the checkpoint's predictor of cost does not fit the pool; fit again")
	}
	return nil
}
