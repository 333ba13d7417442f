package choose

import (
	"encoding/json"
	"fmt"
	"io"
	"math"

	"github.com/goccy/go-yaml"

	"github.com/trilemma-bench/trilemma/harness/stats"
	"github.com/trilemma-bench/trilemma/harness/store"
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
	Prompts                             int
	Quality, CostUSD, CarbonG, LatencyS Measured
}

const (
	resamples = 2000
	level     = 0.95
)

// Test reads what the setting led to, prompt by prompt.
func (c *Choices) Test(of *Choice) (OnTest, error) {
	var columns [4][]float32
	for r, err := range c.Run.Results(of.Ref.ID) {
		if err != nil {
			return OnTest{}, err
		}
		if r.Preference != of.Test.Preference || r.Score != r.Score {
			continue
		}
		for k, x := range []float32{r.Score, r.CostUSD, r.CarbonG, r.LatencySec} {
			columns[k] = append(columns[k], x)
		}
	}
	n := len(columns[0])
	out := OnTest{Prompts: n}
	into := []*Measured{&out.Quality, &out.CostUSD, &out.CarbonG, &out.LatencyS}
	cols := stats.NewColumns(n)
	at, drawn := [4]int{}, [4][]float64{}
	for k := range columns {
		sum := 0.0
		for _, x := range columns[k] {
			sum += float64(x)
		}
		*into[k] = Measured{sum / float64(n), math.NaN(), math.NaN()}
		var err error
		if at[k], err = cols.Add(columns[k], stats.None); err != nil {
			return out, err
		}
		drawn[k] = make([]float64, resamples)
	}
	err := stats.Bootstrap{Resamples: resamples, Seed: 1}.Run(cols, func(b *stats.Block) {
		for k := range columns {
			copy(drawn[k][b.First:], b.Means(at[k]))
		}
	})
	if err != nil {
		return out, nil // too few prompts for intervals: the means stand alone
	}
	for k := range into {
		into[k].Low, into[k].High = stats.Percentile(drawn[k], level)
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
	doc := yaml.MapSlice{
		{Key: "policy", Value: of.Ref.Family}, {Key: "label", Value: of.Ref.Policy}, {Key: "pool", Value: of.Ref.Pool},
		{Key: "params", Value: params}, {Key: "seed", Value: of.Ref.Seed},
		{Key: "preference", Value: yaml.MapSlice{
			{Key: "name", Value: of.Test.Preference}, {Key: "lambda_cost", Value: of.Test.Lambda.LambdaCost},
			{Key: "lambda_carbon", Value: of.Test.Lambda.LambdaCarbon}, {Key: "lambda_latency", Value: of.Test.Lambda.LambdaLatency},
		}},
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

// unit is how a figure of a kind is shown: its factor, and what stands behind it.
func unit(k Kind) (factor float64, text string) {
	switch k {
	case Cost:
		return 1000, " USD/1k"
	case Carbon:
		return 1000, " gCO2e/1k"
	case Latency:
		return 1, " s"
	}
	return 1, ""
}

func show(k Kind, x float64) string {
	if math.IsNaN(x) {
		return "unknown"
	}
	factor, text := unit(k)
	return fmt.Sprintf("%.4g%s", x*factor, text)
}

// Tell writes a recommendation for people.
func (c *Choices) Tell(w io.Writer, l Limits, r Recommendation) error {
	fmt.Fprintf(w, "Pool %s: %d of %d settings keep every limit on the validation prompts\n", c.Pool, r.Feasible, r.Total)
	for _, m := range r.Misses {
		word := "at most"
		if m.Kind == Quality {
			word = "at least"
		}
		fmt.Fprintf(w, "  %s %s %s: %d settings miss it", m.Kind, word, show(m.Kind, m.Limit), m.Missed)
		if m.Unknown > 0 {
			fmt.Fprintf(w, ", %d of them because it is not known", m.Unknown)
		}
		fmt.Fprintf(w, "; the best on its own is %s", show(m.Kind, m.Nearest))
		if len(r.Misses) > 1 {
			if math.IsNaN(m.NearestOthers) {
				fmt.Fprintf(w, ", and none keeps all other limits")
			} else {
				fmt.Fprintf(w, ", with the other limits kept %s", show(m.Kind, m.NearestOthers))
				if missed := gap(m, m.NearestOthers); missed != "" {
					fmt.Fprintf(w, " (%s)", missed)
				}
			}
		} else if missed := gap(m, m.Nearest); missed != "" {
			fmt.Fprintf(w, " (%s)", missed)
		}
		fmt.Fprintln(w)
	}
	if r.Choice == nil {
		return fmt.Errorf("%w: loosen one as shown above", ErrInfeasible)
	}
	test, err := c.Test(r.Choice)
	if err != nil {
		return err
	}
	v := &r.Choice.Validation
	fmt.Fprintf(w, "\nRecommended: %s at preference %s\n", r.Choice.Ref.Policy, r.Choice.Test.Preference)
	for _, x := range []struct {
		k Kind
		m Measured
	}{{Quality, test.Quality}, {Cost, test.CostUSD}, {Carbon, test.CarbonG}, {Latency, test.LatencyS}} {
		fmt.Fprintf(w, "  %-8s %s on validation; on %d test prompts %s [%s, %s]\n", x.k, show(x.k, value(v, x.k)), test.Prompts, show(x.k, x.m.Mean), show(x.k, x.m.Low), show(x.k, x.m.High))
	}
	if t := &r.Choice.Test; t.CarbonGLow < t.CarbonGHigh {
		fmt.Fprintf(w, "  carbon is between %s and %s on test by the assumed sizes of closed models\n", show(Carbon, t.CarbonGLow), show(Carbon, t.CarbonGHigh))
	}
	for _, b := range r.Broken {
		fmt.Fprintf(w, "  not kept on test: %s\n", b)
	}
	fmt.Fprintln(w, "  brackets are 95 % intervals over the test prompts, which took no part in the choice; a policy that also trains on validation prompts looks a little better there")
	config, err := c.Config(r.Choice)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\n# deploy\n%s", config)
	return err
}

// gap says by how much a figure misses its limit.
func gap(m Miss, x float64) string {
	if math.IsNaN(x) || m.Limit == 0 {
		return ""
	}
	if m.Kind == Quality && x < m.Limit {
		return fmt.Sprintf("%.4g too low", m.Limit-x)
	}
	if m.Kind != Quality && x > m.Limit {
		return fmt.Sprintf("%.1f %% over", 100*(x/m.Limit-1))
	}
	return ""
}

// Report is a recommendation as JSON.
type Report struct {
	Pool       string       `json:"pool"`
	Feasible   int          `json:"feasible"`
	Total      int          `json:"total"`
	Policy     string       `json:"policy,omitempty"`
	Setting    *store.Point `json:"test,omitempty"`
	Validation *store.Point `json:"validation,omitempty"`
	Broken     []string     `json:"broken_on_test,omitempty"`
	Misses     []any        `json:"limits"`
	Config     string       `json:"config,omitempty"`
}

// JSON writes a recommendation as JSON.
func (c *Choices) JSON(w io.Writer, r Recommendation) error {
	out := Report{Pool: c.Pool, Feasible: r.Feasible, Total: r.Total, Broken: r.Broken, Misses: []any{}}
	number := func(x float64) any {
		if math.IsNaN(x) {
			return nil
		}
		return x
	}
	for _, m := range r.Misses {
		out.Misses = append(out.Misses, map[string]any{
			"kind": m.Kind, "limit": m.Limit, "missed": m.Missed, "unknown": m.Unknown, "nearest": number(m.Nearest), "nearest_with_the_others_kept": number(m.NearestOthers),
		})
	}
	if r.Choice != nil {
		out.Policy, out.Setting, out.Validation = r.Choice.Ref.Policy, &r.Choice.Test, &r.Choice.Validation
		var err error
		if out.Config, err = c.Config(r.Choice); err != nil {
			return err
		}
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
