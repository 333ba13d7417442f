package carbon

import (
	"errors"
	"fmt"
	"math"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Controller holds the mean spend of a stream to budgets. Each budget has a price λ in the Lagrangian
//
//	score − Σ λ_k·spend_k
//
// that follows the spend by dual mirror descent (Balseiro, Lu and Mirrokni, Operations Research 71(1), 2023, with the
// entropy as mirror map):
//
//	λ ← λ · exp(η · (spend/budget − 1))
//
// Nothing is peeked at: λ for a prompt depends on the prompts before it alone. The logarithms add up, so after T prompts
// the mean spend differs from the budget by ln(λ_T/λ_0)/(η·T) of it, whatever the stream was: a λ that ends near where
// it began means a budget that was kept. A budget that nothing exceeds leaves its λ falling to the
// floor. Where the length of the stream is known, [Controller.Horizon] paces the rest.
type Controller struct {
	Budgets []Budget
	Step    float64 // η
	// Horizon is how many prompts the stream has, where that is known; 0 where not. With it the target of a prompt is what is
	// left of the whole budget for each prompt that is left, within a factor of two of the budget: what was overspent
	// early is saved later.
	Horizon int
	seen    int
}

// Budget is a mean spend a prompt and the price that it has at the moment.
type Budget struct {
	PerPrompt float64 // USD, gCO2e or seconds
	Lambda    float64 // score a unit; must start above 0
	spent     float64
}

// How far λ may move from where it began, and how much one prompt may move it, in logarithms.
const (
	maxMove = 30
	maxJump = 0.3
	pacing  = 4 // how far the target of a prompt may be from the budget, as a factor
)

// NewController starts at given prices. The step is about the share by which λ reacts to a prompt that costs twice the
// budget; 0 takes 0.03.
func NewController(step float64, budgets ...Budget) (*Controller, error) {
	if step == 0 {
		step = 0.03
	}
	if !(step > 0 && step <= 1) {
		return nil, fmt.Errorf("budget control: a step of %v, want more than 0, up to 1", step)
	}
	if len(budgets) == 0 {
		return nil, errors.New("budget control: no budgets")
	}
	for _, b := range budgets {
		if !(b.PerPrompt > 0) || math.IsInf(b.PerPrompt, 0) {
			return nil, fmt.Errorf("budget control: a budget of %v a prompt, want a positive number", b.PerPrompt)
		}
		if !(b.Lambda > 0) || math.IsInf(b.Lambda, 0) {
			return nil, fmt.Errorf("budget control: λ starts at %v, want a positive number", b.Lambda)
		}
	}
	return &Controller{Budgets: append([]Budget(nil), budgets...), Step: step}, nil
}

// Spend tells what a prompt took of each budget. A spend that is not known (NaN) moves nothing.
func (c *Controller) Spend(of ...float64) {
	c.seen++
	for k := range c.Budgets {
		if k >= len(of) || math.IsNaN(of[k]) {
			continue
		}
		b := &c.Budgets[k]
		b.spent += of[k]
		target := b.PerPrompt
		if left := c.Horizon - c.seen; left > 0 {
			rest := (b.PerPrompt*float64(c.Horizon) - b.spent) / float64(left)
			target = min(max(rest, b.PerPrompt/pacing), b.PerPrompt*pacing)
		}
		// The step stays one of the budget, so that a tight target does not make it nervous.
		move := min(max(c.Step*(of[k]-target)/b.PerPrompt, -maxJump), maxJump)
		b.Lambda = min(max(b.Lambda*math.Exp(move), math.Exp(-maxMove)), math.Exp(maxMove))
	}
}

// spending is what a split's prompts take in the mean under some choice of a model a prompt.
type spending struct{ cost, carbon float64 }

// hold finds the prices at which choices by honest predictions keep the budgets in the mean of the outcomes, by
// bisection, in turns where there are two. mean routes the split under a preference.
func hold(p Params, mean func(policy.Preference) spending) policy.Preference {
	var lambda policy.Preference
	search := func(set func(float64), over func(spending) bool, unit float64) {
		set(0)
		if !over(mean(lambda)) {
			return
		}
		low, high := -20.0, 20.0 // of ln(λ · unit)
		for range 40 {
			mid := (low + high) / 2
			set(math.Exp(mid) / unit)
			if over(mean(lambda)) {
				low = mid
			} else {
				high = mid
			}
		}
		set(math.Exp(high) / unit)
	}
	for range 3 {
		if p.BudgetUSD > 0 {
			search(func(x float64) { lambda[policy.Cost] = x }, func(s spending) bool { return s.cost > p.BudgetUSD }, p.BudgetUSD)
		}
		if p.BudgetCarbonG > 0 {
			search(func(x float64) { lambda[policy.Carbon] = x }, func(s spending) bool { return s.carbon > p.BudgetCarbonG }, p.BudgetCarbonG)
		}
		if p.BudgetUSD == 0 || p.BudgetCarbonG == 0 {
			break
		}
	}
	return lambda
}
