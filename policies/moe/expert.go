package moe

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mat"

	"github.com/trilemma-bench/trilemma/policies/compute"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/params"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// unseenModels are the models of the pool that a list of ids names.
func unseenModels(models []policy.Model, list string) ([]int, error) {
	var found []int
	for id := range strings.SplitSeq(list, ",") {
		if id = strings.TrimSpace(id); id == "" {
			continue
		}
		m, err := params.FindModel(models, "unseen", id)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(found, m) {
			found = append(found, m)
		}
	}
	if len(found) > 0 && len(found) == len(models) {
		return nil, fmt.Errorf("parameter %q names every model of the pool: some must be there to train on", "unseen")
	}
	return found, nil
}

// hide leaves out the outcomes of the unseen models but for those of the probe prompts, the same for every model and
// nested: a larger probe set holds the smaller ones.
func (p *router) hide(s *policy.Split) {
	probed := make([]bool, s.Len())
	for at, i := range policy.Stream(p.setup.Seed, "moe", "probe").Perm(s.Len()) {
		probed[i] = at < p.params.Probe
	}
	for i, in := range probed {
		for _, m := range p.unseen {
			if !in {
				s.Outcomes.Present[i*s.Outcomes.Models+m] = false
			}
		}
	}
}

// seen are the models that the gate trains on: all that answered and are not to join later.
func (p *router) seen(overall *forecast.Expected) []bool {
	out := make([]bool, overall.Models)
	for m, x := range overall.Row(policy.Quality, 0) {
		out[m] = !math.IsNaN(float64(x)) && !slices.Contains(p.unseen, m)
	}
	return out
}

// describeUnseen fills in what is not known of an unseen model without probe prompts: the pool's mean score, its cost in
// the proportion of its list price, all else in that of its active parameters.
func (p *router) describeUnseen(overall *forecast.Expected) {
	for _, u := range p.unseen {
		for _, q := range policy.Decisive {
			row := overall.Row(q, 0)
			if !math.IsNaN(float64(row[u])) {
				continue
			}
			size := func(m policy.Model) float64 {
				switch q {
				case policy.Quality:
					return 1
				case policy.Cost:
					return m.PriceOutputUSDPerMTok
				}
				return m.ParamsActiveB.Mid()
			}
			var sum, sizes, plain, n float64
			for m, x := range row {
				if slices.Contains(p.unseen, m) || math.IsNaN(float64(x)) {
					continue
				}
				plain += float64(x)
				n++
				if s := size(p.setup.Models[m]); s > 0 {
					sum += float64(x)
					sizes += s
				}
			}
			if own := size(p.setup.Models[u]); own > 0 && sizes > 0 {
				row[u] = float32(sum / sizes * own)
			} else if n > 0 {
				row[u] = float32(plain / n)
			}
		}
	}
}

// facts describe every model by public figures: [models × width], standardised over the pool, unknown ones at the mean.
type facts struct {
	width int
	rows  []float32
}

func (p *router) facts() facts {
	models := p.setup.Models
	var columns [][]float64
	add := func(of func(policy.Model) float64) {
		column := make([]float64, len(models))
		var sum, square, n float64
		for i, m := range models {
			column[i] = of(m)
			if math.IsNaN(column[i]) || math.IsInf(column[i], 0) {
				column[i] = math.NaN()
				continue
			}
			sum += column[i]
			square += column[i] * column[i]
			n++
		}
		mean := sum / max(n, 1)
		deviation := math.Sqrt(max(square/max(n, 1)-mean*mean, 0))
		if deviation < 1e-9 {
			return // tells nobody apart
		}
		for i, x := range column {
			if column[i] = (x - mean) / deviation; math.IsNaN(x) {
				column[i] = 0
			}
		}
		columns = append(columns, column)
	}
	add(func(m policy.Model) float64 { return math.Log(m.PriceInputUSDPerMTok) })
	add(func(m policy.Model) float64 { return math.Log(m.PriceOutputUSDPerMTok) })
	add(func(m policy.Model) float64 { return math.Log(m.ParamsActiveB.Mid()) })
	add(func(m policy.Model) float64 { return math.Log(m.ParamsTotalB.Mid()) })
	add(func(m policy.Model) float64 {
		if m.OpenWeights {
			return 1
		}
		return 0
	})
	makers := map[string]int{}
	for _, m := range models {
		makers[m.Provider]++
	}
	names := make([]string, 0, len(makers))
	for name, n := range makers {
		if n > 1 && name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		add(func(m policy.Model) float64 {
			if m.Provider == name {
				return 1
			}
			return 0
		})
	}
	f := facts{width: len(columns) + 1}
	for i := range models {
		f.rows = append(f.rows, 1)
		for _, c := range columns {
			f.rows = append(f.rows, float32(c[i]))
		}
	}
	return f
}

// settle adds what the facts predict to the rows of every expert, and drops the prediction: from here on an expert is a
// row, however it was learned. A model without training outcomes is left with its prediction.
func (g *gate) settle(f facts) {
	for _, name := range []string{"score", "gate"} {
		for e := range g.Members {
			w, b, from := g.of(name, e), g.of(name+"_bias", e), g.of(name+"_facts", e)
			for m := range g.Models {
				for a, x := range f.rows[m*f.width : (m+1)*f.width] {
					row := from[a*(g.Width+1) : (a+1)*(g.Width+1)]
					for j := range g.Width {
						w[m*g.Width+j] += x * row[j]
					}
					b[m] += x * row[g.Width]
				}
			}
		}
	}
	g.Facts = 0
	g.Weights = slices.DeleteFunc(g.Weights, func(w weight) bool { return strings.HasSuffix(w.Name, "_facts") })
}

// rowRidge is the ridge of a prediction of experts' rows from their facts, in models.
const rowRidge = 3

// join adds the unseen models to a trained gate, whose other weights stay as they are. In every member the row of a
// forecast [s_m, b_m] has a normal prior: its mean is what the seen models' rows say of a model with such facts, its
// variance how far theirs lie from what their facts say (empirical Bayes: Efron and Morris, JASA 70, 1975). The answers
// to the probe prompts move it to the maximum of the posterior, a logistic regression on the frozen trunk. Without any, it
// is the prior. What the task adds for it is what it adds to a seen model of its mean forecast.
func (p *router) join(g *gate, s *state, ex *examples, r *reading) error {
	s.Joined = p.unseen
	offset := make([]float64, ex.Len())
	mean := make([]float64, g.Models)
	f := p.facts()
	for e := range g.Members {
		rows, biases := g.of("score", e), g.of("score_bias", e)
		for _, u := range p.unseen {
			prior, variance, err := g.expect(rows, biases, f, s.seen, u, p.params.Experts == "features")
			if err != nil {
				return err
			}
			// What its probe prompts say of categories is in the forecast already.
			for i := range offset {
				h := r.hidden[(i*g.Members+e)*g.Width : (i*g.Members+e+1)*g.Width]
				offset[i] = float64(r.raw[(i*g.Members+e)*g.Models+u] - biases[u] - compute.Dot(rows[u*g.Width:(u+1)*g.Width], h))
			}
			row, err := p.posterior(g, ex, r, e, u, prior, variance, offset)
			if err != nil {
				return fmt.Errorf("fitting %q on its probe prompts: %w", p.setup.Models[u].ID, err)
			}
			for j := range g.Width {
				rows[u*g.Width+j] = float32(row[j])
			}
			biases[u] = float32(row[g.Width])
			mean[u] += g.lead(ex, r, s.ClassMeans, s.seen, e, u) / float64(g.Members)
		}
	}
	for _, u := range p.unseen {
		// Few probe prompts say little of its mean score, which is what a blend shrinks to: the forecasts know more.
		g.Overall[u] = float32(mean[u])
	}
	return nil
}

// first is the expert of the greatest logit for each training prompt under each of some preferences, among those that may
// be asked.
func (p *router) first(g *gate, s *state, ex *examples, r *reading, may []bool, list []policy.Preference) []int32 {
	some := spread(list)
	out := make([]int32, 0, ex.Len()*len(some))
	logits, cost, room := make([]float64, g.Models), make([]float64, g.Models), g.scratch()
	for i := range ex.Len() {
		from, to := g.honest(ex.heldOut[i])
		for _, preference := range some {
			price(ex.expect, i, preference, cost)
			g.logits(r, i, from, to, g.layout(preference, s.MeanCost), cost, logits, room)
			drop(logits, may)
			out = append(out, append(order(logits, 1), -1)[0])
		}
	}
	return out
}

// compare finds what joining changed: the share of prompts that now go to an expert that joined, and the share of the
// others that go where they went before.
func (s *state) compare(before, after []int32) {
	var joined, same float64
	for i, m := range after {
		switch {
		case m >= 0 && slices.Contains(s.Joined, int(m)):
			joined++
		case m == before[i]:
			same++
		}
	}
	n := float64(len(after))
	s.changes = []policy.Metric{{Name: "joined_share", Value: joined / max(n, 1)}, {Name: "routing_kept", Value: same / max(n-joined, 1)}}
}

// expect is the mean of an unseen row and the variances of its weights and of its bias.
func (g *gate) expect(rows, biases []float32, f facts, seen []bool, u int, settled bool) (mean []float64, variance [2]float64, err error) {
	n := count(seen)
	x, y := mat.NewDense(n, f.width, nil), mat.NewDense(n, g.Width+1, nil)
	at := 0
	for m, in := range seen {
		if !in {
			continue
		}
		for a := range f.width {
			x.Set(at, a, float64(f.rows[m*f.width+a]))
		}
		for j := range g.Width {
			y.Set(at, j, float64(rows[m*g.Width+j]))
		}
		y.Set(at, g.Width, float64(biases[m]))
		at++
	}
	// Predict as xᵀ(xᵀx + ridge)⁻¹xᵀy, the constant unpenalised.
	var gram, moment, solved, fitted mat.Dense
	gram.Mul(x.T(), x)
	for a := range f.width {
		penalty := rowRidge * 1.0
		if a == 0 {
			penalty = 1e-6
		}
		gram.Set(a, a, gram.At(a, a)+penalty)
	}
	moment.Mul(x.T(), y)
	if err := solved.Solve(&gram, &moment); err != nil {
		return nil, variance, fmt.Errorf("predicting an expert from its facts: %w", err)
	}
	fitted.Mul(x, &solved)
	mean = make([]float64, g.Width+1)
	for j := range mean {
		if settled {
			if mean[j] = float64(biases[u]); j < g.Width {
				mean[j] = float64(rows[u*g.Width+j])
			}
			continue
		}
		for a := range f.width {
			mean[j] += float64(f.rows[u*f.width+a]) * solved.At(a, j)
		}
	}
	for i := range n {
		for j := range g.Width + 1 {
			d := y.At(i, j) - fitted.At(i, j)
			if j < g.Width {
				variance[0] += d * d / float64(n*g.Width)
			} else {
				variance[1] += d * d / float64(n)
			}
		}
	}
	variance[0], variance[1] = max(variance[0], 1e-6), max(variance[1], 1e-3)
	return mean, variance, nil
}

// posteriorSteps of Newton's method are more than a logistic regression with a prior needs.
const posteriorSteps = 12

// posterior is the row of highest posterior density given the model's answers to the training prompts that it has.
func (p *router) posterior(g *gate, ex *examples, r *reading, e, u int, mean []float64, variance [2]float64, offset []float64) ([]float64, error) {
	width := g.Width + 1
	precision := func(j int) float64 {
		if j < g.Width {
			return 1 / variance[0]
		}
		return 1 / variance[1]
	}
	row := slices.Clone(mean)
	h := make([]float64, width)
	for range posteriorSteps {
		hessian, gradient := make([]float64, width*width), make([]float64, width)
		for j := range width {
			hessian[j*width+j] = precision(j)
			gradient[j] = precision(j) * (row[j] - mean[j])
		}
		answered := false
		for i := range ex.Len() {
			if !ex.Outcomes.Present[i*g.Models+u] {
				continue
			}
			answered = true
			z := offset[i]
			for j := range g.Width {
				h[j] = float64(r.hidden[(i*g.Members+e)*g.Width+j])
			}
			h[g.Width] = 1
			for j, v := range h {
				z += row[j] * v
			}
			q := 1 / (1 + math.Exp(-z))
			d, c := q-float64(ex.Outcomes.Figures[policy.Quality][i*g.Models+u]), max(q*(1-q), 1e-4)
			for a, v := range h {
				gradient[a] += d * v
				if v == 0 {
					continue
				}
				for b := a; b < width; b++ {
					hessian[a*width+b] += c * v * h[b]
				}
			}
		}
		if !answered {
			return row, nil
		}
		var factor mat.Cholesky
		if !factor.Factorize(mat.NewSymDense(width, hessian)) {
			return nil, fmt.Errorf("the curvature of the likelihood is not positive: its scores may not be finite")
		}
		var step mat.VecDense
		if err := factor.SolveVecTo(&step, mat.NewVecDense(width, gradient)); err != nil {
			return nil, err
		}
		size := 0.0
		for j := range row {
			row[j] -= step.AtVec(j)
			size += step.AtVec(j) * step.AtVec(j)
		}
		if size < 1e-12 {
			break
		}
	}
	return row, nil
}

// lead gives an unseen expert what the task adds: the seen experts' mean row, and the bias that a straight line through
// theirs over their mean forecasts gives at its own. It returns that mean forecast.
func (g *gate) lead(ex *examples, r *reading, means []float32, seen []bool, e, u int) float64 {
	s := g.scratch()
	average := make([]float64, g.Models)
	out := make([]float32, g.Models)
	for i := range ex.Len() {
		g.forecast(e, r.hidden[(i*g.Members+e)*g.Width:(i*g.Members+e+1)*g.Width], nil, means, out, s)
		for m, f := range out {
			average[m] += 1 / (1 + math.Exp(-float64(f))) / float64(ex.Len())
		}
	}
	bias := g.of("gate_bias", e)
	n := float64(count(seen))
	var mx, my, xx, xy float64
	for m, in := range seen {
		if in {
			mx += average[m] / n
			my += float64(bias[m]) / n
		}
	}
	for m, in := range seen {
		if in {
			xx += (average[m] - mx) * (average[m] - mx)
			xy += (average[m] - mx) * (float64(bias[m]) - my)
		}
	}
	slope := 0.0
	if xx > 0 {
		slope = xy / xx
	}
	bias[u] = float32(my + slope*(average[u]-mx))
	g.of("vote_bias", e)[u] = float32(4 * average[u])
	for _, name := range []string{"gate", "lean"} {
		block := g.of(name, e)
		size := len(block) / g.Models
		for j := range size {
			sum := 0.0
			for m, in := range seen {
				if in {
					sum += float64(block[m*size+j]) / n
				}
			}
			block[u*size+j] = float32(sum)
		}
	}
	return average[u]
}
