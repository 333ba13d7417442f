package worth

import (
	"fmt"
	"math"

	"github.com/trilemma-bench/trilemma/harness/stats"
	"github.com/trilemma-bench/trilemma/harness/textfile"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Decision is what a verdict comes to.
type Decision string

// The decisions.
const (
	Route   Decision = "route"   // looking at the prompt pays
	Switch  Decision = "switch"  // another single model is as good and cheaper
	Mix     Decision = "mix"     // a blind mix of models saves as much as a router would
	Stay    Decision = "stay"    // one model for every prompt
	Unknown Decision = "unknown" // more prompts are needed
)

// Verdict is what to do.
type Verdict struct {
	Decision Decision `json:"decision"`
	Sentence string   `json:"sentence"`
	// MorePrompts is about how many prompts more are needed to know; 0 where it is known.
	MorePrompts int `json:"more_prompts"`
	// Monthly is what the router at the setting that keeps the best single model's quality saves a month, by quantity: USD,
	// grams and seconds at the volume of the options.
	Monthly map[string]Interval `json:"monthly,omitempty"`
	// Collapsed names the model that gets nearly all prompts at that setting; "" where none does.
	Collapsed string `json:"collapsed,omitempty"`
}

// collapsed is the share of the prompts from which on a router is no router.
const collapsed = 0.95

// little is the share of the cost below which a saving is not worth a router.
const little = 0.05

// highest is the upper end of a saving's share.
func highest(r *Router, quantity string) float64 {
	if r.SavedShare[quantity] == 0 {
		return r.Saved[quantity].High // of nothing: zero
	}
	return r.SavedShare[quantity] * r.Saved[quantity].High / r.Saved[quantity].Mean
}

// decide derives the verdict from the intervals alone.
func decide(r *Report) Verdict {
	v := Verdict{Decision: Unknown}
	margin := r.Options.Margin
	usd := policy.Cost.String()
	if r.Keep == nil {
		v.Decision = Stay
		v.Sentence = fmt.Sprintf("No router could be tried: until the prompts' texts or vectors are there, send everything to %s.", r.Best)
		if r.AsGood != nil {
			v.Decision, v.Sentence = Switch, switchTo(r)
		}
		return v
	}
	k, p := r.Keep, r.Peak
	v.Monthly = map[string]Interval{}
	for q, i := range k.Saved {
		v.Monthly[q] = Interval{i.Mean * r.Options.Volume, i.Low * r.Options.Volume, i.High * r.Options.Volume}
	}
	if k.Shares[0].Share >= collapsed {
		v.Collapsed = k.Shares[0].Model
	}
	least := 0.0 // what is to be had without a router
	if r.AsGood != nil {
		least = r.AsGood.Saved[usd].High
	}
	saved, priced := k.Saved[usd]
	keeps := priced && k.Gain.Low > -margin && saved.Low > 0
	better := p.Gain.Low > 0 && p.GainOverShuffle.Low > 0
	switch {
	case keeps && k.GainOverShuffle.Low > 0 && saved.Low > least:
		v.Decision = Route
		v.Sentence = fmt.Sprintf("Route: a nearest-neighbour router keeps the quality of %s (%s) and saves %s of its cost%s.",
			r.Best, signed(k.Gain), percent(k, usd), besides(better, p))
	case better:
		v.Decision = Route
		v.Sentence = fmt.Sprintf("Route for quality: a nearest-neighbour router is better than %s by %s%s.", r.Best, signed(p.Gain), price(p))
	case r.AsGood != nil:
		v.Decision, v.Sentence = Switch, switchTo(r)
	case keeps && v.Collapsed != "" && v.Collapsed != r.Best:
		v.Decision = Switch
		v.Sentence = fmt.Sprintf("Do not route, switch: a router that keeps the quality of the best single model (%s) sends %.0f %% of the prompts to %s.",
			signed(k.Gain), 100*k.Shares[0].Share, v.Collapsed)
	case keeps && v.Collapsed == "":
		v.Decision = Mix
		v.Sentence = fmt.Sprintf("Do not route by the prompt: dealing prompts at random to the models in the router's shares is not shown to be worse (the router is %s above that), and it saves %s of the cost of %s.",
			signed(k.GainOverShuffle), percent(k, usd), r.Best)
	case v.Collapsed == r.Best && p.Gain.High < margin, p.Gain.High < margin && (!priced || highest(k, usd) < little || k.Gain.High < 0):
		v.Decision = Stay
		v.Sentence = fmt.Sprintf("Do not route: send everything to %s. A nearest-neighbour router adds at most %.3f of score (%s)%s.",
			r.Best, max(0, p.Gain.High), signed(p.Gain), noSaving(k, priced))
	default:
		v.MorePrompts = more(r)
		v.Sentence = fmt.Sprintf("Not known: about %s more prompts are needed to tell whether a router keeps the quality of %s (so far %s on %s prompts, where %.3f less would be as good).",
			textfile.Thousands(v.MorePrompts), r.Best, signed(k.Gain), textfile.Thousands(r.Prompts), margin)
	}
	return v
}

// more is how many prompts are missing to a test at 5 % with a power of 80 % that the router at its keeping setting is no more
// than the margin worse, if it is what it seems to be, and at worst halfway to the margin.
func more(r *Report) int {
	k := r.Keep
	effect := max(r.Options.Margin/2, r.Options.Margin+k.Gain.Mean)
	ratio := stats.ZPower * k.spread / effect
	return max(100, int(math.Ceil((ratio*ratio-float64(r.Prompts))/100))*100)
}

func switchTo(r *Report) string {
	return fmt.Sprintf("Do not route, switch: %s is as good as %s (%s) at %s less.",
		r.AsGood.Shares[0].Model, r.Best, signed(r.AsGood.Gain), percent(r.AsGood, policy.Cost.String()))
}

// besides tells what a router would add where only quality counts.
func besides(better bool, p *Router) string {
	if !better {
		return ""
	}
	return fmt.Sprintf("; where only quality counts it is better by %s", signed(p.Gain))
}

func price(p *Router) string {
	share, ok := p.SavedShare[policy.Cost.String()]
	switch {
	case !ok:
		return ""
	case share >= 0:
		return fmt.Sprintf(", at %.0f %% less", 100*share)
	}
	return fmt.Sprintf(", at %.0f %% more", -100*share)
}

func noSaving(k *Router, priced bool) string {
	if !priced {
		return ""
	}
	return fmt.Sprintf(", and at a setting chosen to keep the quality it saves %s of the cost with %s of score", percent(k, policy.Cost.String()), signed(k.Gain))
}

// percent is a saving relative to what the best single model takes.
func percent(r *Router, quantity string) string {
	saved, share := r.Saved[quantity], r.SavedShare[quantity]
	if saved.Mean == 0 || share == 0 {
		return "0 %"
	}
	whole := saved.Mean / share
	return fmt.Sprintf("%.0f %% [%.0f, %.0f]", 100*share, 100*saved.Low/whole, 100*saved.High/whole)
}

func signed(i Interval) string { return fmt.Sprintf("%+.3f [%+.3f, %+.3f]", i.Mean, i.Low, i.High) }
