package forecast

import (
	"context"
	"errors"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/nn"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// maxRatio bounds what one outcome may cost in means of its model, so that a run-away answer does not shake the rest.
const maxRatio = 20

// Expense predicts what each model will take for a prompt (cost, carbon, latency, …), each relative to the model's mean,
// under a Poisson quasi-likelihood.
type Expense struct {
	*nn.Net
	Of []policy.Quantity `json:"of"` // in the order in which the network predicts them
}

// FitExpense trains the predictor under the network's shape and the schedule of c, for the weighed quantities that the
// outcomes have columns of; nil where no figure is known. x and heldOut are as in [Examples], overall the means over the
// same outcomes.
func FitExpense(ctx context.Context, c nn.Config, overall *Expected, o *policy.Outcomes, x []float32, heldOut []int32, report func(policy.Progress)) (*Expense, error) {
	p := &Expense{Of: o.Weighed()}
	n, models := len(heldOut), o.Models
	width := len(p.Of) * models
	ex := &nn.Examples{N: n, X: x, Y: make([]float32, n*width), W: make([]float32, n*width), HeldOut: heldOut}
	known := false
	for b, q := range p.Of {
		mean := overall.Row(q, 0)
		for at, value := range o.Figures[q] {
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
	c.Blocks = []nn.Block{{Link: nn.Poisson, Width: width, Weight: 1}}
	var err error
	p.Net, err = nn.Train(ctx, c, ex, report)
	return p, err
}

// Price fills what is expected to be spent in e for inputs x: the model's mean in overall times the predicted ratio.
// heldOut, where it is not nil, is that of the training examples, and makes the predictions honest ones.
func (p *Expense) Price(ctx context.Context, e, overall *Expected, x []float32, heldOut []int32) error {
	ratio, err := p.Predict(ctx, x, heldOut)
	if err != nil {
		return err
	}
	models := e.Models
	width := p.Out()
	for b, q := range p.Of {
		value := make(checkpoint.F32s, e.Rows()*models)
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
	fits := p.Out() == len(p.Of)*models && p.In == in
	for _, q := range p.Of {
		fits = fits && slices.Contains(policy.Weighed, q)
	}
	if !fits {
		return errors.New("the checkpoint's predictor of cost does not fit the pool; fit again")
	}
	return nil
}
