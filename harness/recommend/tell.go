package recommend

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

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

// word is which side of a limit is kept.
func word(k policy.Quantity) string {
	if k == policy.Quality {
		return "at least"
	}
	return "at most"
}

func goal(k policy.Quantity) string {
	if k == policy.Quality {
		return "the best quality"
	}
	return "the least " + k.String()
}

// Asked says what was asked for: "the least cost with quality at least 0.6".
func (q Request) Asked() string {
	q = q.complete()
	var limits []string
	for _, k := range q.set() {
		limits = append(limits, fmt.Sprintf("%s %s %s", k, word(k), show(k, q.Limits[k])))
	}
	if limits == nil {
		return goal(q.Objective) + " without limits"
	}
	return goal(q.Objective) + " with " + strings.Join(limits, " and ")
}

// Tell writes a recommendation for people.
func (c *Choices) Tell(w io.Writer, r Recommendation) error {
	fmt.Fprintf(w, "Asked: %s, in pool %s%s\n", r.Asked(), c.Pool, c.otherPools())
	if text := c.Unfinished(); text != "" {
		fmt.Fprintf(w, "NOTE: %s\n", text)
	}
	fmt.Fprintf(w, "%d of %d settings keep every limit by their means on the selection prompts\n", r.Feasible, r.Total)
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
	fmt.Fprintf(w, "\nRecommended for %s: %s\n", goal(r.Objective), r.Choice.Called())
	if err := c.tellFigures(w, r); err != nil {
		return err
	}
	config, err := c.Config(r.Choice)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\n# deploy\n%s", config)
	return err
}

// otherPools names the pools that were not asked about.
func (c *Choices) otherPools() string {
	others := slices.DeleteFunc(slices.Clone(c.Pools), func(p string) bool { return p == c.Pool })
	if len(others) == 0 {
		return ""
	}
	return fmt.Sprintf(" (--pool chooses another: %s)", strings.Join(others, ", "))
}

func (c *Choices) tellMiss(w io.Writer, m Miss, others bool) {
	fmt.Fprintf(w, "  %s %s %s: %d settings miss it", m.Quantity, word(m.Quantity), show(m.Quantity, m.Limit), m.Missed)
	if m.Unknown > 0 {
		fmt.Fprintf(w, ", %d of them because it is not known", m.Unknown)
	}
	if math.IsNaN(m.Nearest) {
		fmt.Fprintf(w, "; it is known of none: %s, and run the experiment again\n", m.Quantity.Remedy())
		return
	}
	fmt.Fprintf(w, "; the best on its own is %s", show(m.Quantity, m.Nearest))
	missed := gap(m.Quantity, m.Limit, m.Nearest)
	if others && math.IsNaN(m.NearestOthers) {
		fmt.Fprintf(w, ", and none keeps all other limits")
	} else if others {
		fmt.Fprintf(w, ", with the other limits kept %s", show(m.Quantity, m.NearestOthers))
		missed = gap(m.Quantity, m.Limit, m.NearestOthers)
	}
	if missed != "" {
		fmt.Fprintf(w, " (%s)", missed)
	}
	fmt.Fprintln(w)
}

// tellFigures tells what selection and test gave of the setting that a recommendation is about, and how the limits stand.
func (c *Choices) tellFigures(w io.Writer, r Recommendation) error {
	of := r.Of()
	test, err := c.Test(of)
	if err != nil {
		return err
	}
	if text := judged(r.Claims, Judge(r.Limits, &test), test[policy.Quality].N); text != "" {
		fmt.Fprintf(w, "  %s\n", text)
	}
	claims := map[policy.Quantity]Claim{}
	for _, claim := range r.Claims {
		claims[claim.Quantity] = claim
	}
	for _, q := range policy.Decisive {
		all := of.all(q)
		if _, limited := claims[q]; !limited && math.IsNaN(all.Mean) && math.IsNaN(test[q].Mean) {
			continue // nothing is known of it, and nobody asked
		}
		onTest := interval(q, test[q])
		fmt.Fprintf(w, "  %-8s selection (n = %d) %s; test (n = %d) %s", q, all.N, bracket(q, interval(q, all)), test[q].N, bracket(q, onTest))
		if claim, ok := claims[q]; ok {
			fmt.Fprintf(w, "\n           limit %s %s; %d prompts prove %s %s (p %s, %s); on test %s", word(q), show(q, claim.Limit),
				claim.Checked, word(q), show(q, claim.Bound), probability(claim.P), claim.Method, verdict(q, claim.Limit, onTest))
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
		fmt.Fprintf(w, "  the estimate of energy, which is wrong model by model, leaves carbon between %s and %s on test (95 %%)", show(policy.Carbon, *low), show(policy.Carbon, *high))
		if limit := r.Limits[policy.Carbon]; *high > limit {
			fmt.Fprintf(w, ": the limit is proved of the estimate, not of what it may be wrong by")
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w, "  brackets are 95 % intervals over prompts; no policy had seen the selection prompts, and the test prompts took no part in the choice")
	train, tested, err := c.traces()
	if err == nil && train != tested {
		fmt.Fprintf(w, "  the selection prompts are of %s, the test prompts of %s: what is promised is promised for prompts like the former\n", train, tested)
	}
	return err
}

// traces are those that the selection and the test prompts come from; "" for both where it is one trace.
func (c *Choices) traces() (train, test string, err error) {
	m, err := c.Run.Manifest()
	if err != nil || len(m.Config) == 0 {
		return "", "", err
	}
	var config struct {
		Data struct{ Train, Test string }
	}
	if err := json.Unmarshal(m.Config, &config); err != nil {
		return "", "", fmt.Errorf("reading the settings in %s: %w", c.Run.Path(store.ManifestFile), err)
	}
	return config.Data.Train, config.Data.Test, nil
}

// judged is the sentence on what test gave of the limits.
func judged(claims []Claim, v Verdict, n int) string {
	limits := "every limit"
	if len(claims) == 1 {
		limits = "the limit"
	}
	switch v {
	case Kept:
		return fmt.Sprintf("On the %d test prompts it kept %s.", n, limits)
	case Within:
		return fmt.Sprintf("On the %d test prompts its mean misses a limit, but no more than chance may do: the 95 %% interval reaches it.", n)
	case Broken:
		return fmt.Sprintf("On the %d test prompts it MISSED a limit with its whole 95 %% interval.", n)
	case Untold:
		return "Whether test keeps the limit is not known."
	}
	return ""
}

func probability(p float64) string {
	if p < 1e-4 {
		return "< 0.0001"
	}
	return fmt.Sprintf("= %.2g", p)
}

// tellNearest says that nothing is certified, what is nearest to it, and what would help.
func (c *Choices) tellNearest(w io.Writer, r Recommendation) error {
	if r.Nearest == nil {
		return fmt.Errorf("%w: a limited figure is not known of any setting", ErrInfeasible)
	}
	fmt.Fprintf(w, "With %.4g %% confidence no setting keeps them", 100*r.Confidence)
	if r.Feasible > 0 && r.First != nil {
		fmt.Fprintf(w, ": the surest by half of the selection prompts, %s, failed on the other half (p %s), and nobody may look for another there", r.First.Called(), probability(r.P))
	}
	fmt.Fprintf(w, "\n\nNOT CERTIFIED, but nearest: %s\n", r.Nearest.Called())
	if err := c.tellFigures(w, r); err != nil {
		return err
	}
	for _, x := range r.Claims {
		switch {
		case !x.Kept:
			fmt.Fprintf(w, "  %s: its mean itself misses the limit (%s), and more prompts would not help\n", x.Quantity, gap(x.Quantity, x.Limit, x.All.Mean))
		case x.P > r.alpha() && x.Enough > 0:
			fmt.Fprintf(w, "  %s: what is proved misses the limit (%s); if the figure stays what it is, about %d selection prompts (there are %d) would prove it with a probability of 80 %%\n",
				x.Quantity, gap(x.Quantity, x.Limit, x.Bound), x.Enough, x.N)
		}
	}
	return fmt.Errorf("%w with %.4g %% confidence: loosen one as shown above, collect more prompts, or ask for less with --confidence", ErrInfeasible, 100*r.Confidence)
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

// gap says by how much a figure misses its limit; "" where it keeps it.
func gap(k policy.Quantity, limit, x float64) string {
	switch over := x/limit - 1; {
	case k == policy.Quality && x < limit:
		return fmt.Sprintf("%.4g too low", limit-x)
	case k == policy.Quality || !(x > limit):
		return ""
	case limit == 0:
		return show(k, x) + " over"
	case over >= 1:
		return fmt.Sprintf("%.3g times the limit", x/limit)
	default:
		return fmt.Sprintf("%.1f %% over", 100*over)
	}
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
