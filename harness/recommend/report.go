package recommend

import (
	"encoding/json"
	"io"

	"github.com/trilemma-bench/trilemma/harness/store"
)

// Report is a recommendation as JSON. Figures are means a prompt; what is not known is null.
type Report struct {
	Pool       string       `json:"pool"`
	Asked      string       `json:"asked"`
	Objective  string       `json:"objective"`
	Confidence float64      `json:"confidence"`
	Feasible   int          `json:"feasible"` // settings that keep every limit by their means on selection
	Total      int          `json:"total"`
	Tested     int          `json:"tested"`
	Certified  int          `json:"certified"`
	Policy     string       `json:"policy,omitempty"` // certified
	Nearest    string       `json:"nearest_not_certified,omitempty"`
	Meaning    string       `json:"preference_means,omitempty"`
	Verdict    Verdict      `json:"limits_on_test,omitempty"` // the worst of all limits
	Test       *store.Point `json:"test,omitempty"`
	Selection  *store.Point `json:"selection,omitempty"`
	Claims     []claimJSON  `json:"claims"`
	Misses     []missJSON   `json:"limits"`
	Barred     []Barred     `json:"barred,omitempty"`
	Lacking    []Lack       `json:"unfinished,omitempty"`
	Config     string       `json:"config,omitempty"`
}

type claimJSON struct {
	Kind          string   `json:"kind"`
	Limit         float64  `json:"limit"`
	Prompts       int      `json:"selection_prompts"`
	Mean          *float64 `json:"selection_mean"`
	Low           *float64 `json:"selection_low"`
	High          *float64 `json:"selection_high"`
	TestedBy      int      `json:"tested_by_prompts"`
	Method        Method   `json:"method"`
	P             float64  `json:"p"`
	Bound         *float64 `json:"bound"`
	PromptsNeeded int      `json:"selection_prompts_for_80_percent_power,omitempty"`
	TestPrompts   int      `json:"test_prompts"`
	Test          *float64 `json:"test_mean"`
	TestLow       *float64 `json:"test_low"`
	TestHigh      *float64 `json:"test_high"`
	Verdict       Verdict  `json:"on_test"`
	Few           bool     `json:"few_prompts,omitempty"` // for a skewed figure
}

type missJSON struct {
	Kind    string   `json:"kind"`
	Limit   float64  `json:"limit"`
	Missed  int      `json:"missed"`
	Unknown int      `json:"unknown"`
	Nearest *float64 `json:"nearest"`
	Others  *float64 `json:"nearest_with_the_others_kept"`
}

// JSON writes a recommendation as JSON.
func (c *Choices) JSON(w io.Writer, r Recommendation) error {
	out := Report{
		Pool: c.Pool, Asked: r.Asked(), Objective: r.Objective.String(), Confidence: r.Confidence, Feasible: r.Feasible, Total: r.Total, Tested: r.Tested, Certified: r.Certified,
		Claims: []claimJSON{}, Misses: []missJSON{}, Barred: c.Barred, Lacking: c.Lacking,
	}
	for _, m := range r.Misses {
		out.Misses = append(out.Misses, missJSON{m.Quantity.String(), m.Limit, m.Missed, m.Unknown, store.Known(m.Nearest), store.Known(m.NearestOthers)})
	}
	if of := r.Of(); of != nil {
		out.Test, out.Selection, out.Meaning = &of.Test, &of.Selection, of.Test.Setting()
		test, err := c.Test(of)
		if err != nil {
			return err
		}
		out.Verdict = Judge(r.Limits, &test)
		for _, x := range r.Claims {
			m := interval(x.Quantity, test[x.Quantity])
			out.Claims = append(out.Claims, claimJSON{
				Kind: x.Quantity.String(), Limit: x.Limit, Prompts: x.N, Mean: store.Known(x.All.Mean), Low: store.Known(x.All.Low), High: store.Known(x.All.High),
				TestedBy: x.Checked, Method: x.Method, P: x.P, Bound: store.Known(x.Bound), PromptsNeeded: x.Enough,
				TestPrompts: test[x.Quantity].N, Test: store.Known(m.Mean), TestLow: store.Known(m.Low), TestHigh: store.Known(m.High),
				Verdict: verdict(x.Quantity, x.Limit, m), Few: x.fewForT(),
			})
		}
	}
	if of := r.Choice; of != nil {
		out.Policy = of.Ref.Policy
		var err error
		if out.Config, err = c.Config(of); err != nil {
			return err
		}
	} else if r.Nearest != nil {
		out.Nearest = r.Nearest.Ref.Policy
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if err := enc.Encode(out); err != nil {
		return err
	}
	if r.Choice == nil {
		return ErrInfeasible
	}
	return nil
}
