package billing

import (
	"encoding/json"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Shares are the parts of the present outcomes whose figure was logged; the rest was derived or is unknown.
type Shares struct {
	Logged, Known [policy.NumQuantities]float64 // Known: that have the figure at all
	// Unread counts outcomes whose energy is unknown only because their input tokens are, where reading prompts counts.
	Unread int
	// ImputedCost is the part charged with the mean cost of its model, EstimatedTokens that whose tokens were estimated
	// from the text.
	ImputedCost, EstimatedTokens float64
	// Unbilled counts outcomes that had a score but neither a logged cost nor tokens and prices to derive it from.
	Unbilled int
}

// MarshalJSON writes the shares by the columns of traces: "cost_usd", "known_cost_usd".
func (s Shares) MarshalJSON() ([]byte, error) {
	out := map[string]any{
		"unread": s.Unread, "imputed_cost_usd": s.ImputedCost, "estimated_tokens": s.EstimatedTokens, "unbilled": s.Unbilled,
	}
	for _, q := range policy.Spent {
		out[q.Column()], out["known_"+q.Column()] = s.Logged[q], s.Known[q]
	}
	return json.Marshal(out)
}

// mix are the shares of two tables of n and m outcomes together.
func (s *Shares) mix(o *Shares, n, m float64) Shares {
	of := func(x, y float64) float64 {
		if n+m == 0 {
			return 0
		}
		return (x*n + y*m) / (n + m)
	}
	out := Shares{
		ImputedCost: of(s.ImputedCost, o.ImputedCost), EstimatedTokens: of(s.EstimatedTokens, o.EstimatedTokens),
		Unbilled: s.Unbilled + o.Unbilled, Unread: s.Unread + o.Unread,
	}
	for _, q := range policy.Spent {
		out.Logged[q], out.Known[q] = of(s.Logged[q], o.Logged[q]), of(s.Known[q], o.Known[q])
	}
	return out
}

// count counts how many present outcomes had a quantity logged, and known at all.
type count struct {
	present, estimated, imputed, unread int
	unbilled                            Unbilled
	logged, known                       [policy.NumQuantities]int
}

func (c *count) add(o *count) {
	c.present += o.present
	c.estimated += o.estimated
	c.imputed += o.imputed
	c.unread += o.unread
	c.unbilled.add(&o.unbilled)
	for q := range c.logged {
		c.logged[q] += o.logged[q]
		c.known[q] += o.known[q]
	}
}

func (c *count) shares() Shares {
	part := func(n int) float64 { return float64(n) / max(1, float64(c.present)) }
	out := Shares{ImputedCost: part(c.imputed), EstimatedTokens: part(c.estimated), Unbilled: c.unbilled.Outcomes, Unread: c.unread}
	for _, q := range policy.Spent {
		out.Logged[q], out.Known[q] = part(c.logged[q]), part(c.known[q])
	}
	return out
}
