package recommend

import (
	"cmp"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Request is what is asked for.
type Request struct {
	Limits
	// Objective is what is made best within the limits; [Auto] takes the cost where a quality is asked for (carbon where
	// carbon is limited and cost is not), else the quality.
	Objective policy.Quantity
	// Confidence that the choice keeps all limits; 0 takes [DefaultConfidence].
	Confidence float64
}

// Auto leaves the objective to the limits.
const Auto policy.Quantity = -1

// DefaultConfidence is the confidence with which limits are kept where nothing else is asked for.
const DefaultConfidence = 0.95

// complete fills in what was left out.
func (q Request) complete() Request {
	if q.Confidence == 0 {
		q.Confidence = DefaultConfidence
	}
	if q.Objective == Auto {
		q.Objective = policy.Quality
		if !math.IsNaN(q.Limits[policy.Quality]) {
			q.Objective = policy.Cost
			if math.IsNaN(q.Limits[policy.Cost]) && !math.IsNaN(q.Limits[policy.Carbon]) {
				q.Objective = policy.Carbon
			}
		}
	}
	return q
}

// alpha is the probability with which some limit may be broken.
func (q *Request) alpha() float64 { return 1 - q.Confidence }

// Miss is how often a limit stood in the way, and how near anybody came, by the means of the selection prompts.
type Miss struct {
	Quantity policy.Quantity
	Limit    float64
	Missed   int     // settings that miss it
	Nearest  float64 // the best figure of any setting on its own; NaN where unknown of all
	// NearestOthers is the best figure among the settings that keep all other limits; NaN where there are none.
	NearestOthers float64
	Unknown       int // settings of which the figure is not known
}

// Claim is what selection proves, or does not, of one limit of one setting.
type Claim struct {
	Quantity policy.Quantity
	Limit    float64
	All      Measured // over all selection prompts, with its 95 % interval
	N        int      // of them
	Checked  int      // those that tested the limit
	Method   Method
	P        float64
	// Bound is the tightest limit that those prompts prove with the confidence asked for.
	Bound float64
	// Enough is how many selection prompts would prove the limit with a probability of 80 %, if the figure stays what it is; 0
	// where the mean itself does not keep it.
	Enough int
	// Kept tells whether the mean over all selection prompts keeps the limit: without that no number of prompts would prove it.
	Kept bool
}

// fewForT tells that few prompts test a figure that has no bound: where it is very skewed, one of twenty limits is meant to be
// broken, and about one of nine is.
func (c *Claim) fewForT() bool { return c.Quantity != policy.Quality && c.Checked < fewForT }

// Recommendation is what to deploy, or why there is nothing.
type Recommendation struct {
	Request
	Choice  *Choice // nil where nothing is certified
	Nearest *Choice // where nothing is certified: what is nearest to it
	Claims  []Claim // of the one or the other
	// Feasible settings keep every limit by their means on the selection prompts.
	Feasible int
	Total    int
	// Tested settings were tested in order, until one failed; Certified are those before it.
	Tested, Certified int
	// First is the setting that was tested first, and P its p-value: nothing is certified where it failed.
	First  *Choice
	P      float64
	Misses []Miss
}

// Of is the setting that the claims are about: what is recommended, or what is nearest; nil where there is neither.
func (r *Recommendation) Of() *Choice { return cmp.Or(r.Choice, r.Nearest) }

// keeps tells whether a point keeps a limit by its mean. What is not known keeps none.
func (l Limits) keeps(p *store.Point, k policy.Quantity) bool {
	limit, x := l[k], value(p, k)
	switch {
	case math.IsNaN(limit):
		return true
	case k == policy.Quality:
		return x >= limit
	}
	return x <= limit
}

// set lists the quantities that are limited.
func (l Limits) set() []policy.Quantity {
	return slices.DeleteFunc(slices.Clone(Limited), func(k policy.Quantity) bool { return math.IsNaN(l[k]) })
}

func (l Limits) all(p *store.Point, but policy.Quantity) bool {
	for _, k := range Limited {
		if k != but && !l.keeps(p, k) {
			return false
		}
	}
	return true
}

// better compares two figures of a kind: negative where x is the better one. What is not known is worst.
func better(k policy.Quantity, x, y float64) int {
	switch {
	case math.IsNaN(x) || math.IsNaN(y):
		return cmp.Compare(boolean(math.IsNaN(x)), boolean(math.IsNaN(y)))
	case k == policy.Quality:
		return cmp.Compare(y, x)
	}
	return cmp.Compare(x, y)
}

func boolean(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Pick chooses the best of the settings that are certified to keep the limits. With the confidence asked for, its true means,
// over prompts like those of the run, keep all of them (Angelopoulos, Bates, Candès, Jordan and Lei, Learn then Test, 2021):
//
//  1. The first half of the selection prompts puts the settings in order. Of each, the p-value that it keeps its limits is
//     that of the limit that it keeps least surely; from the surest on, settings that are better by the objective than all
//     surer ones are kept (Laufer-Goldshtein, Fisch, Barzilay and Jaakkola, Efficiently controlling multiple risks with
//     Pareto testing, 2023).
//  2. The other half tests them in that order, each at the full level, until one fails. As the order is no business of the
//     prompts that test, the probability that any of those before is certified wrongly is at most that level, however many
//     settings there are: a false one would have to pass first.
//  3. Of those that passed, the best by all selection prompts is chosen: of equals the cheaper.
func (c *Choices) Pick(q Request) Recommendation {
	q = q.complete()
	r := Recommendation{Request: q, Total: len(c.List), Misses: c.misses(q.Limits)}
	for i := range c.List {
		if q.all(&c.List[i].Selection, Auto) {
			r.Feasible++
		}
	}
	for _, x := range c.order(q) {
		r.Tested++
		p := q.worst(&x.Check)
		if r.First == nil {
			r.First, r.P = x, p
		}
		if p > q.alpha() {
			break
		}
		r.Certified++
		if r.Choice == nil || q.prefer(&x.Selection.Figures, &r.Choice.Selection.Figures) < 0 {
			r.Choice = x
		}
	}
	if r.Choice == nil {
		r.Nearest = c.nearest(q, r.First)
	}
	if of := r.Of(); of != nil {
		r.Claims = q.claims(of, r.Choice != nil)
	}
	return r
}

// prefer compares two settings by their means: negative where x is better by the objective, or equal by it and cheaper. What
// is equal in money too is told apart by what else it takes.
func (q *Request) prefer(x, y *policy.Figures) int {
	order := better(q.Objective, x[q.Objective], y[q.Objective])
	for _, k := range Limited {
		order = cmp.Or(order, better(k, x[k], y[k]))
	}
	return order
}

// worst is the largest p-value of the limits: that some limit is not kept (Berger 1982, intersection-union).
func (q *Request) worst(f *store.Moments) float64 {
	p := 0.0
	for _, k := range q.set() {
		p = max(p, pvalue(k, moments(f, k), q.Limits[k]))
	}
	return p
}

// order lists the settings that are to be tested, from the surest on, each preferred to those before.
func (c *Choices) order(q Request) []*Choice {
	type candidate struct {
		*Choice
		p     float64
		means policy.Figures // by which it is preferred
	}
	all := make([]candidate, len(c.List))
	for i := range c.List {
		x := &c.List[i]
		all[i] = candidate{x, q.worst(&x.Order), x.Selection.Figures}
		if q.Set() { // else there is nothing to test, and all prompts may choose
			for _, k := range Limited {
				all[i].means[k] = x.Order[k].Mean
			}
		}
	}
	slices.SortStableFunc(all, func(x, y candidate) int {
		return cmp.Or(cmp.Compare(x.p, y.p), q.prefer(&x.means, &y.means), cmp.Compare(x.Ref.Name(), y.Ref.Name()))
	})
	var out []*Choice
	best := policy.Unknown()
	for _, x := range all {
		if !math.IsNaN(x.means[q.Objective]) && q.prefer(&x.means, &best) < 0 {
			out, best = append(out, x.Choice), x.means
		}
	}
	return out
}

// nearest is what comes nearest to the limits where nothing is certified: the setting that was tested first, if its means over
// all selection prompts keep them; else the one whose largest miss, as a share of the limit, is the least, and of equals the
// surest. It is nil where of every setting some limited figure is unknown.
func (c *Choices) nearest(q Request, first *Choice) *Choice {
	if first != nil && q.all(&first.Selection, Auto) {
		return first
	}
	var best *Choice
	var least, sure float64
	for i := range c.List {
		x := &c.List[i]
		var all store.Moments
		miss := 0.0
		for _, k := range q.set() {
			all[k] = x.all(k)
			over := all[k].Mean - q.Limits[k]
			if k == policy.Quality {
				over = -over
			}
			// A limit of nothing is missed by any amount: the least wins.
			miss = max(miss, over/max(q.Limits[k], 1e-12)) // NaN stays
		}
		if math.IsNaN(miss) {
			continue
		}
		p := q.worst(&all)
		if best == nil || cmp.Or(cmp.Compare(miss, least), cmp.Compare(p, sure), q.prefer(&x.Selection.Figures, &best.Selection.Figures)) < 0 {
			best, least, sure = x, miss, p
		}
	}
	return best
}

// claims are what is known of every limit. What was chosen was tested by the second half; of the nearest it is shown
// what that half proves.
func (q *Request) claims(x *Choice, certified bool) []Claim {
	var out []Claim
	for _, k := range q.set() {
		m, all := moments(&x.Check, k), x.all(k)
		c := Claim{
			Quantity: k, Limit: q.Limits[k], All: interval(k, all), N: all.N, Checked: m.N, Method: methodOf(k, m), P: pvalue(k, m, q.Limits[k]),
			Bound: bound(k, m, q.alpha()), Kept: q.keeps(&x.Selection, k),
		}
		if !certified {
			c.Enough = 2 * enough(k, all, c.Limit, q.alpha())
		}
		out = append(out, c)
	}
	return out
}

// misses counts by the means of the selection prompts what stands in the way.
func (c *Choices) misses(l Limits) []Miss {
	var out []Miss
	for _, k := range l.set() {
		m := Miss{Quantity: k, Limit: l[k], Nearest: math.NaN(), NearestOthers: math.NaN()}
		for i := range c.List {
			p := &c.List[i].Selection
			x := value(p, k)
			if math.IsNaN(x) {
				m.Unknown++
			}
			if !l.keeps(p, k) {
				m.Missed++
			}
			if better(k, x, m.Nearest) < 0 {
				m.Nearest = x
			}
			if l.all(p, k) && better(k, x, m.NearestOthers) < 0 {
				m.NearestOthers = x
			}
		}
		out = append(out, m)
	}
	return out
}
