package recommend

import (
	"encoding/json"
	"fmt"
	"io"
	"math"

	"github.com/goccy/go-yaml"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/trilemma-bench/trilemma/harness/stats"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Measured is a mean with its 95 % interval over prompts.
type Measured struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// OnTest are the means of the recommended setting over the test prompts, with intervals from a bootstrap over them. NaN
// where a figure is not known.
type OnTest struct {
	Prompts int
	Of      [policy.NumQuantities]Measured // those of policy.Decisive
}

const (
	resamples = 2000
	level     = 0.95
)

// Test reads what the setting led to, prompt by prompt.
func (c *Choices) Test(of *Choice) (OnTest, error) {
	var columns policy.Matrix
	results, err := c.Run.Results(of.Ref.ID)
	if err != nil {
		return OnTest{}, err
	}
	for _, line := range results.Lines {
		if line.Preference != of.Test.Preference {
			continue
		}
		for i, score := range line.Figures[policy.Quality] {
			for _, q := range policy.Decisive {
				if score == score {
					columns[q] = append(columns[q], line.Figures[q][i])
				}
			}
		}
	}
	n := len(columns[policy.Quality])
	out := OnTest{Prompts: n}
	cols := stats.NewColumns(n)
	at, drawn := [policy.NumQuantities]int{}, [policy.NumQuantities][]float64{}
	for _, q := range policy.Decisive {
		sum := 0.0
		for _, x := range columns[q] {
			sum += float64(x)
		}
		out.Of[q] = Measured{sum / float64(n), math.NaN(), math.NaN()}
		if at[q], err = cols.Add(columns[q], stats.None); err != nil {
			return out, err
		}
		drawn[q] = make([]float64, resamples)
	}
	bootstrap := stats.Bootstrap{Resamples: resamples, Seed: 1}
	if bootstrap.Run(cols, func(b *stats.Block) {
		for _, q := range policy.Decisive {
			copy(drawn[q][b.First:], b.Means(at[q]))
		}
	}) != nil {
		return out, nil // too few prompts for intervals: the means stand alone
	}
	for _, q := range policy.Decisive {
		out.Of[q].Low, out.Of[q].High = stats.Percentile(drawn[q], level)
	}
	return out, nil
}

// Config is what to deploy, as YAML: the policy, its parameters and the preference to give it, and where what it learned
// lies.
func (c *Choices) Config(of *Choice) (string, error) {
	m, err := c.Run.Manifest()
	if err != nil {
		return "", err
	}
	var params any
	if len(of.Params) > 0 {
		// JSON is YAML; read so, whole numbers stay whole.
		if err := yaml.Unmarshal(of.Params, &params); err != nil {
			return "", fmt.Errorf("reading the parameters of %s: %w", of.Ref.Name(), err)
		}
	}
	preference := yaml.MapSlice{{Key: "name", Value: of.Test.Preference}}
	for _, q := range policy.Weighed {
		preference = append(preference, yaml.MapItem{Key: "lambda_" + q.String(), Value: of.Test.Lambda[q]})
	}
	doc := yaml.MapSlice{
		{Key: "policy", Value: of.Ref.Family}, {Key: "label", Value: of.Ref.Policy}, {Key: "pool", Value: of.Ref.Pool},
		{Key: "params", Value: params}, {Key: "seed", Value: of.Ref.Seed},
		{Key: "preference", Value: preference},
	}
	if of.Ref.Encoder != "" {
		doc = append(doc, yaml.MapItem{Key: "encoder", Value: of.Ref.Encoder})
	}
	if of.Saved {
		path := "checkpoints/" + of.Ref.ID + ".bin"
		item := yaml.MapSlice{{Key: "path", Value: c.Run.Path(path)}}
		for _, f := range m.Outputs {
			if f.Path == path {
				item = append(item, yaml.MapItem{Key: "sha256", Value: f.SHA256})
			}
		}
		doc = append(doc, yaml.MapItem{Key: "checkpoint", Value: item})
	}
	doc = append(doc, yaml.MapItem{Key: "from", Value: yaml.MapSlice{
		{Key: "experiment", Value: m.File}, {Key: "run", Value: c.Run.Experiment + "/" + c.Run.ID}, {Key: "cell", Value: of.Ref.ID},
	}})
	text, err := yaml.Marshal(doc)
	if err != nil {
		return "", fmt.Errorf("writing the config: %w", err)
	}
	return string(text), nil
}

// unit is how a figure of a quantity is shown: its factor, and what stands behind it.
func unit(k policy.Quantity) (factor float64, text string) {
	switch {
	case k == policy.Quality:
		return 1, ""
	case shared(k):
		return 1000, " " + k.Unit() + "/1k"
	}
	return 1, " " + k.Unit()
}

func show(k policy.Quantity, x float64) string {
	if math.IsNaN(x) {
		return "unknown"
	}
	factor, text := unit(k)
	return fmt.Sprintf("%.4g%s", x*factor, text)
}

// Tell writes a recommendation for people.
func (c *Choices) Tell(w io.Writer, r Recommendation) error {
	fmt.Fprintf(w, "Pool %s: %d of %d settings keep every limit by their means on the selection prompts\n", c.Pool, r.Feasible, r.Total)
	for _, m := range r.Misses {
		c.tellMiss(w, m, len(r.Misses) > 1)
	}
	if len(c.Barred) > 0 {
		fmt.Fprintf(w, "  not chosen from: %s\n", barred(c.Barred))
	}
	if r.Choice == nil {
		return c.tellNearest(w, r)
	}
	if len(r.Claims) > 0 {
		fmt.Fprintf(w, "With %.4g %% confidence %d of the %d settings that were tested keep them: half of the selection prompts put settings in order, the other half tested them until one failed\n",
			100*r.Confidence, r.Certified, r.Tested)
	}
	fmt.Fprintf(w, "\nRecommended: %s at preference %s, for the %s\n", r.Choice.Ref.Policy, r.Choice.Test.Preference, goal(r.Objective))
	if err := c.tellFigures(w, r, r.Choice); err != nil {
		return err
	}
	config, err := c.Config(r.Choice)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\n# deploy\n%s", config)
	return err
}

func goal(k policy.Quantity) string {
	if k == policy.Quality {
		return "best quality"
	}
	return "least " + k.String()
}

func (c *Choices) tellMiss(w io.Writer, m Miss, others bool) {
	fmt.Fprintf(w, "  %s %s %s: %d settings miss it", m.Quantity, word(m.Quantity), show(m.Quantity, m.Limit), m.Missed)
	if m.Unknown > 0 {
		fmt.Fprintf(w, ", %d of them because it is not known", m.Unknown)
	}
	fmt.Fprintf(w, "; the best on its own is %s", show(m.Quantity, m.Nearest))
	missed := gap(m, m.Nearest)
	if others && math.IsNaN(m.NearestOthers) {
		fmt.Fprintf(w, ", and none keeps all other limits")
	} else if others {
		fmt.Fprintf(w, ", with the other limits kept %s", show(m.Quantity, m.NearestOthers))
		missed = gap(m, m.NearestOthers)
	}
	if missed != "" {
		fmt.Fprintf(w, " (%s)", missed)
	}
	fmt.Fprintln(w)
}

// word is which side of a limit is kept.
func word(k policy.Quantity) string {
	if k == policy.Quality {
		return "at least"
	}
	return "at most"
}

// tellFigures tells what selection and test gave of a setting, and how the limits stand.
func (c *Choices) tellFigures(w io.Writer, r Recommendation, of *Choice) error {
	test, err := c.Test(of)
	if err != nil {
		return err
	}
	claims := map[policy.Quantity]Claim{}
	for _, claim := range r.Claims {
		claims[claim.Quantity] = claim
	}
	for _, q := range policy.Decisive {
		all := of.all(q)
		if _, limited := claims[q]; !limited && math.IsNaN(all.Mean) && math.IsNaN(test.Of[q].Mean) {
			continue // nothing is known of it, and nobody asked
		}
		fmt.Fprintf(w, "  %-8s selection (n = %d) %s; test (n = %d) %s", q, all.N, bracket(q, interval(q, all)), test.Prompts, bracket(q, test.Of[q]))
		if claim, ok := claims[q]; ok {
			held := "held on test"
			if !claim.Held {
				held = "NOT held on test"
			}
			fmt.Fprintf(w, "\n           limit %s %s; %d prompts prove %s %s (p %s, %s); %s", word(q), show(q, claim.Limit),
				claim.Checked, word(q), show(q, claim.Bound), probability(claim.P), claim.Method, held)
			if claim.fewForT() {
				fmt.Fprintf(w, "\n           few prompts: rare dear answers may not be among them, and then more than %.2g %% of such limits are broken", 100*r.alpha())
			}
		}
		fmt.Fprintln(w)
	}
	if t := &of.Test; t.Low[policy.Carbon] < t.High[policy.Carbon] {
		fmt.Fprintf(w, "  carbon is between %s and %s on test by the assumed sizes of closed models\n", show(policy.Carbon, t.Low[policy.Carbon]), show(policy.Carbon, t.High[policy.Carbon]))
	}
	if low, high := c.carbonByEstimate(of); low != nil && high != nil {
		fmt.Fprintf(w, "  the estimate of energy, which is wrong model by model, leaves carbon between %s and %s on test (95 %%)\n", show(policy.Carbon, *low), show(policy.Carbon, *high))
	}
	fmt.Fprintln(w, "  brackets are 95 % intervals over prompts; no policy had seen the selection prompts, and the test prompts took no part in the choice")
	return nil
}

func probability(p float64) string {
	if p < 1e-4 {
		return "< 0.0001"
	}
	return fmt.Sprintf("= %.2g", p)
}

// tellNearest says that nothing is certified, what is nearest to it, and what would help.
func (c *Choices) tellNearest(w io.Writer, r Recommendation) error {
	fmt.Fprintf(w, "With %.4g %% confidence no setting keeps them\n", 100*r.Confidence)
	if r.Nearest == nil {
		return fmt.Errorf("%w: a limited figure is not known of any setting", ErrInfeasible)
	}
	fmt.Fprintf(w, "\nNOT CERTIFIED, but nearest: %s at preference %s\n", r.Nearest.Ref.Policy, r.Nearest.Test.Preference)
	if err := c.tellFigures(w, r, r.Nearest); err != nil {
		return err
	}
	for _, x := range r.Claims {
		if x.P <= r.alpha() {
			continue
		}
		if x.Enough == 0 {
			fmt.Fprintf(w, "  %s: its mean itself misses the limit (%s), and more prompts would not help\n", x.Quantity, gap(Miss{Quantity: x.Quantity, Limit: x.Limit}, x.All.Mean))
			continue
		}
		fmt.Fprintf(w, "  %s: what is proved misses the limit (%s); if the figure stays what it is, about %d selection prompts (there are %d) would prove it with a probability of 80 %%\n",
			x.Quantity, gap(Miss{Quantity: x.Quantity, Limit: x.Limit}, x.Bound), x.Enough, x.N)
	}
	return fmt.Errorf("%w with %.4g %% confidence: loosen one as shown above, collect more prompts, or ask for less with --confidence", ErrInfeasible, 100*r.Confidence)
}

// interval is a mean over prompts with its 95 % interval by Student's t.
func interval(k policy.Quantity, m stats.Moments) Measured {
	out := Measured{m.Mean, math.NaN(), math.NaN()}
	if m.N > 1 {
		half := distuv.StudentsT{Sigma: 1, Nu: float64(m.N - 1)}.Quantile((1+level)/2) * m.SE()
		out.Low, out.High = m.Mean-half, m.Mean+half
		if k == policy.Quality {
			out.Low, out.High = max(0, out.Low), min(1, out.High)
		}
	}
	return out
}

func bracket(k policy.Quantity, m Measured) string {
	if math.IsNaN(m.Mean) {
		return "unknown"
	}
	factor, text := unit(k)
	if math.IsNaN(m.Low) {
		return fmt.Sprintf("%.4g%s", m.Mean*factor, text)
	}
	return fmt.Sprintf("%.4g [%.4g, %.4g]%s", m.Mean*factor, m.Low*factor, m.High*factor, text)
}

// gap says by how much a figure misses its limit.
func gap(m Miss, x float64) string {
	if math.IsNaN(x) || m.Limit == 0 {
		return ""
	}
	if m.Quantity == policy.Quality && x < m.Limit {
		return fmt.Sprintf("%.4g too low", m.Limit-x)
	}
	if m.Quantity != policy.Quality && x > m.Limit {
		return fmt.Sprintf("%.1f %% over", 100*(x/m.Limit-1))
	}
	return ""
}

// Report is a recommendation as JSON. Figures are means a prompt; what is not known is null.
type Report struct {
	Pool       string       `json:"pool"`
	Objective  string       `json:"objective"`
	Confidence float64      `json:"confidence"`
	Feasible   int          `json:"feasible"` // settings that keep every limit by their means on selection
	Total      int          `json:"total"`
	Tested     int          `json:"tested"`
	Certified  int          `json:"certified"`
	Policy     string       `json:"policy,omitempty"` // certified
	Nearest    string       `json:"nearest_not_certified,omitempty"`
	Test       *store.Point `json:"test,omitempty"`
	Selection  *store.Point `json:"selection,omitempty"`
	Claims     []claimJSON  `json:"claims"`
	Broken     []string     `json:"broken_on_test,omitempty"`
	Misses     []missJSON   `json:"limits"`
	Barred     []Barred     `json:"barred,omitempty"`
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
	Test          *float64 `json:"test_mean"`
	Held          bool     `json:"held_on_test"`
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

// known is nil for what is not a number, which JSON cannot hold.
func known(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// JSON writes a recommendation as JSON.
func (c *Choices) JSON(w io.Writer, r Recommendation) error {
	out := Report{
		Pool: c.Pool, Objective: r.Objective.String(), Confidence: r.Confidence, Feasible: r.Feasible, Total: r.Total, Tested: r.Tested, Certified: r.Certified,
		Claims: []claimJSON{}, Misses: []missJSON{}, Barred: c.Barred,
	}
	for _, q := range r.Broken() {
		out.Broken = append(out.Broken, q.String())
	}
	for _, m := range r.Misses {
		out.Misses = append(out.Misses, missJSON{m.Quantity.String(), m.Limit, m.Missed, m.Unknown, known(m.Nearest), known(m.NearestOthers)})
	}
	for _, x := range r.Claims {
		out.Claims = append(out.Claims, claimJSON{
			Kind: x.Quantity.String(), Limit: x.Limit, Prompts: x.N, Mean: known(x.All.Mean), Low: known(x.All.Low), High: known(x.All.High), TestedBy: x.Checked, Method: x.Method,
			P: x.P, Bound: known(x.Bound), PromptsNeeded: x.Enough, Test: known(x.Test), Held: x.Held, Few: x.fewForT(),
		})
	}
	if of := r.Choice; of != nil {
		out.Policy, out.Test, out.Selection = of.Ref.Policy, &of.Test, &of.Selection
		var err error
		if out.Config, err = c.Config(of); err != nil {
			return err
		}
	} else if of := r.Nearest; of != nil {
		out.Nearest, out.Test, out.Selection = of.Ref.Policy, &of.Test, &of.Selection
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

// carbonByEstimate are the 95 % bounds of a setting's carbon a prompt by the estimate of energy; nil where nothing was
// estimated.
func (c *Choices) carbonByEstimate(of *Choice) (low, high *float64) {
	st, ok := c.Run.Cell(of.Ref.ID)
	if !ok || of.Test.N == 0 {
		return nil, nil
	}
	for _, u := range st.Usage {
		if u.Preference == of.Test.Preference && u.CarbonModelLowG != nil && u.CarbonModelHighG != nil {
			a, b := *u.CarbonModelLowG/float64(of.Test.N), *u.CarbonModelHighG/float64(of.Test.N)
			return &a, &b
		}
	}
	return nil, nil
}
