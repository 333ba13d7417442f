package carbon

import (
	"context"
	"fmt"
	"math"
	"strings"
	"unicode"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/nn"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// maxRatio bounds what one outcome may use in means of its model, so that a run-away answer does not shake the rest.
const maxRatio = 20

// gathered are train and validation prompts side by side, their outcomes narrowed to one column a base.
type gathered struct {
	prompts  policy.Prompts
	outcomes policy.Outcomes // [n × bases]
	energy   []float32       // [n × bases]
	heldOut  []int32
}

// Fit implements [policy.Learner].
func (p *router) Fit(ctx context.Context, t *policy.Task, report func(policy.Progress)) error {
	if err := forecast.CheckTask(t, len(p.setup.Models), policy.NeedVector, policy.NeedText); err != nil {
		return err
	}
	if report == nil {
		report = func(policy.Progress) {}
	}
	base, first := p.bases()
	g, err := p.gather(t, first)
	if err != nil {
		return err
	}
	s := &state{Dim: g.prompts.Dim, Held: g.heldOut}
	for i := range g.prompts.Len() {
		s.Known = append(s.Known, fingerprint(&g.prompts, i))
	}
	s.scaleText(&g.prompts)
	all := &policy.Split{Prompts: g.prompts, Outcomes: g.outcomes}
	s.Overall = forecast.Overall(len(first), all)
	p.placeMeans(s, g, t, base, first)
	if err := p.servable(s, t.Preferences); err != nil {
		return err
	}
	x := s.inputs(&g.prompts)
	config := nn.Config{
		Backend: p.setup.Backend, Memo: p.setup.Memo, Seed: p.setup.Seed, Name: "carbon quality",
		Blocks: []nn.Block{{Link: nn.Bernoulli, Width: len(first), Weight: 1}},
		Hidden: p.params.Hidden, Members: p.params.Members, LearningRate: p.params.LearningRate, WeightDecay: p.params.WeightDecay,
		ClipNorm: 1, Batch: p.params.Batch, Epochs: p.params.Epochs, Patience: p.params.Patience,
	}
	ex := scores(g, x)
	if s.Quality, err = nn.Train(ctx, config, ex, report); err != nil {
		return fmt.Errorf("training the predictor of quality: %w", err)
	}
	usage, err := p.fitUsage(ctx, s, g, x, config, report)
	if err != nil {
		return fmt.Errorf("training the predictor of usage: %w", err)
	}
	honest, err := s.Quality.Predict(ctx, ex.X, ex.HeldOut)
	if err != nil {
		return err
	}
	var near *forecast.Expected
	if p.params.Neighbours > 0 {
		s.Memory, s.Near = forecast.Remember(len(first), all), p.params.Neighbours
		itself := make([]int32, g.prompts.Len())
		for i := range itself {
			itself[i] = int32(i)
		}
		found, err := s.Memory.Expect(ctx, g.prompts.Vector, g.prompts.Dim, []int{s.Near}, itself)
		if err != nil {
			return err
		}
		near = found[0]
	}
	parts := s.parts(g.prompts.Len(), honest, near)
	s.Weights = forecast.Blend(parts, &g.outcomes)
	p.State = s
	expected := p.place(forecast.Mix(parts, s.Weights), usage, g.prompts.GridGPerKWh)
	p.budget(expected, g, base)
	report(policy.Progress{Stage: "held out", Step: 1, Total: 1, Metrics: p.errors(expected, g)})
	return ctx.Err()
}

// gather lays the prompts side by side and deals them into folds.
func (p *router) gather(t *policy.Task, first []int) (*gathered, error) {
	g := &gathered{outcomes: policy.Outcomes{Models: len(first)}}
	g.prompts.Dim = t.Train.Prompts.Dim
	splits := []*policy.Split{t.Train}
	if forecast.HasValidation(t) {
		splits = append(splits, t.Validation)
	}
	models := len(p.setup.Models)
	for _, s := range splits {
		q, o := &s.Prompts, &s.Outcomes
		grid, err := grids(q, models)
		if err != nil {
			return nil, err
		}
		g.prompts.ID = append(g.prompts.ID, q.ID...)
		g.prompts.Text = append(g.prompts.Text, q.Text...)
		g.prompts.Vector = append(g.prompts.Vector, q.Vector...)
		g.prompts.GridGPerKWh = append(g.prompts.GridGPerKWh, grid...)
		for i := range s.Len() {
			for _, m := range first {
				g.outcomes.Present = append(g.outcomes.Present, o.Present[i*models+m])
			}
		}
		for _, c := range []struct {
			to   *[]float32
			from []float32
		}{
			{&g.outcomes.Figures[policy.Quality], o.Figures[policy.Quality]}, {&g.outcomes.Figures[policy.Cost], o.Figures[policy.Cost]}, {&g.outcomes.Figures[policy.Carbon], o.Figures[policy.Carbon]},
			{&g.outcomes.Figures[policy.Latency], o.Figures[policy.Latency]}, {&g.energy, o.Figures[policy.Energy]},
		} {
			for i := range s.Len() {
				for _, m := range first {
					x := float32(math.NaN())
					if c.from != nil {
						x = c.from[i*models+m]
					}
					*c.to = append(*c.to, x)
				}
			}
		}
	}
	n := g.prompts.Len()
	g.heldOut = make([]int32, n)
	for i, at := range policy.Stream(p.setup.Seed, "carbon", "folds").Perm(n) {
		g.heldOut[at] = int32(i % p.params.Members)
		if n < 4*p.params.Members {
			g.heldOut[at] = nn.FromNobody
		}
	}
	return g, nil
}

// placeMeans finds the means of usage of each base, what a Wh of it causes beside its grid, and each model's mean grid.
func (p *router) placeMeans(s *state, g *gathered, t *policy.Task, base, first []int) {
	bases, models, nan := len(first), len(base), float32(math.NaN())
	n := g.prompts.Len()
	for u, column := range g.usage() {
		s.UsageMean[u] = make(checkpoint.F32s, bases)
		for b := range bases {
			s.UsageMean[u][b] = nan
			var sum, known float64
			for i := range n {
				if x := column[i*bases+b]; g.outcomes.Present[i*bases+b] && x == x {
					sum, known = sum+float64(x), known+1
				}
			}
			if known > 0 {
				s.UsageMean[u][b] = float32(sum / known)
			}
		}
	}
	s.EmbodiedG = make(checkpoint.F32s, bases)
	for b, m := range first {
		var wh, g0 float64
		for i := range n {
			e, c, grid := g.energy[i*bases+b], g.outcomes.Figures[policy.Carbon][i*bases+b], g.prompts.GridGPerKWh[i*models+m]
			if g.outcomes.Present[i*bases+b] && e == e && c == c && grid == grid {
				wh, g0 = wh+float64(e), g0+float64(c)-float64(e)*float64(grid)/1000
			}
		}
		if wh > 0 {
			s.EmbodiedG[b] = float32(max(0, g0/wh))
		}
	}
	s.Grid, s.Direct = make(checkpoint.F32s, models), make(checkpoint.F32s, models)
	for m := range models {
		var sum, known, carbon, emitted float64
		for i := range n {
			if x := g.prompts.GridGPerKWh[i*models+m]; x == x {
				sum, known = sum+float64(x), known+1
			}
		}
		for _, split := range []*policy.Split{t.Train, t.Validation} {
			if split == nil || split.Outcomes.Figures[policy.Carbon] == nil {
				continue
			}
			for i := range split.Len() {
				if x := split.Outcomes.Figures[policy.Carbon][i*models+m]; split.Outcomes.Present[i*models+m] && x == x {
					carbon, emitted = carbon+float64(x), emitted+1
				}
			}
		}
		s.Grid[m], s.Direct[m] = float32(sum/known), float32(carbon/emitted)
	}
}

// usage are the columns of the second ensemble.
func (g *gathered) usage() [uses][]float32 {
	return [uses][]float32{useCost: g.outcomes.Figures[policy.Cost], useEnergy: g.energy, useLatency: g.outcomes.Figures[policy.Latency]}
}

// servable tells before training whether every preference, and the budgets, weigh only what is known.
func (p *router) servable(s *state, preferences []policy.Preference) error {
	p.State = s
	defer func() { p.State = nil }()
	one := p.place(s.Overall, nil, nil)
	if p.params.BudgetUSD > 0 || p.params.BudgetCarbonG > 0 {
		weighs := policy.Preference{policy.Cost: p.params.BudgetUSD, policy.Carbon: p.params.BudgetCarbonG}
		if err := one.Check(weighs, p.setup.Models); err != nil {
			return fmt.Errorf("budget: %w", err)
		}
	}
	for i, preference := range append([]policy.Preference{{}}, preferences...) {
		if err := one.Check(preference, p.setup.Models); err != nil {
			return fmt.Errorf("preference %d: %w", i-1, err)
		}
	}
	return nil
}

func scores(g *gathered, x []float32) *nn.Examples {
	n := len(g.outcomes.Figures[policy.Quality])
	ex := &nn.Examples{N: g.prompts.Len(), X: x, Y: make([]float32, n), W: make([]float32, n), HeldOut: g.heldOut}
	for i, present := range g.outcomes.Present {
		if present {
			ex.Y[i], ex.W[i] = g.outcomes.Figures[policy.Quality][i], 1
		}
	}
	return ex
}

// fitUsage trains the second ensemble and returns its honest ratios for the gathered prompts.
func (p *router) fitUsage(ctx context.Context, s *state, g *gathered, x []float32, c nn.Config, report func(policy.Progress)) ([]float32, error) {
	n, bases := g.prompts.Len(), g.outcomes.Models
	width := uses * bases
	ex := &nn.Examples{N: n, X: x, Y: make([]float32, n*width), W: make([]float32, n*width), HeldOut: g.heldOut}
	known := false
	for u, column := range g.usage() {
		for at, value := range column {
			i, b := at/bases, at%bases
			if mean := s.UsageMean[u][b]; g.outcomes.Present[at] && value == value && mean > 0 {
				ex.Y[i*width+u*bases+b], ex.W[i*width+u*bases+b] = min(value/mean, maxRatio), 1
				known = true
			}
		}
	}
	if !known {
		return nil, nil
	}
	c.Name, c.Hidden = "carbon usage", p.params.UsageHidden
	c.Blocks = []nn.Block{{Link: nn.Poisson, Width: width, Weight: 1}}
	var err error
	if s.Usage, err = nn.Train(ctx, c, ex, report); err != nil {
		return nil, err
	}
	return s.Usage.Predict(ctx, ex.X, ex.HeldOut)
}

// budget finds the prices of the budgets by what the honest predictions would have spent.
func (p *router) budget(e *forecast.Expected, g *gathered, base []int) {
	if p.params.BudgetUSD == 0 && p.params.BudgetCarbonG == 0 {
		return
	}
	bases, models := g.outcomes.Models, len(base)
	p.State.Price = hold(p.params, func(pref policy.Preference) spending {
		var out spending
		var n float64
		for i := range e.Rows() {
			m := e.Choose(i, pref)
			if m < 0 || !g.outcomes.Present[i*bases+base[m]] {
				continue
			}
			at := i*bases + base[m]
			n++
			out.cost += nonNaN(g.outcomes.Figures[policy.Cost][at])
			// What this copy emitted: energy on its own grid.
			carbon := g.energy[at] * (g.prompts.GridGPerKWh[i*models+m]/1000 + p.State.EmbodiedG[base[m]])
			if carbon != carbon {
				carbon = g.outcomes.Figures[policy.Carbon][at]
			}
			out.carbon += nonNaN(carbon)
		}
		return spending{out.cost / max(n, 1), out.carbon / max(n, 1)}
	})
}

func nonNaN(x float32) float64 {
	if x != x {
		return 0
	}
	return float64(x)
}

// errors are those of the honest predictions: the mean absolute error of quantities as a share of their mean, over all
// models and prompts, and the same where each model's mean is predicted for every prompt.
func (p *router) errors(e *forecast.Expected, g *gathered) []policy.Metric {
	var out []policy.Metric
	bases := g.outcomes.Models
	_, first := p.bases()
	for _, q := range []struct {
		name   string
		of     policy.Quantity
		actual []float32
		usage  int
	}{{"cost", policy.Cost, g.outcomes.Figures[policy.Cost], useCost}, {"latency", policy.Latency, g.outcomes.Figures[policy.Latency], useLatency}, {"carbon", policy.Carbon, g.outcomes.Figures[policy.Carbon], useEnergy}} {
		var off, plain, sum float64
		means := make([]float64, bases)
		count := make([]float64, bases)
		for at, x := range q.actual {
			if g.outcomes.Present[at] && x == x {
				means[at%bases] += float64(x)
				count[at%bases]++
			}
		}
		for i := range e.Rows() {
			for b, m := range first {
				x, y := q.actual[i*bases+b], e.Row(q.of, i)[m]
				if !g.outcomes.Present[i*bases+b] || x != x || y != y {
					continue
				}
				off += math.Abs(float64(x) - float64(y))
				plain += math.Abs(float64(x) - means[b]/count[b])
				sum += float64(x)
			}
		}
		if sum > 0 {
			out = append(out, policy.Metric{Name: q.name + "_error", Value: off / sum}, policy.Metric{Name: q.name + "_error_of_means", Value: plain / sum})
		}
	}
	if p.State.Price != (policy.Preference{}) {
		out = append(out, policy.Metric{Name: "budget_lambda_cost", Value: p.State.Price[policy.Cost]}, policy.Metric{Name: "budget_lambda_carbon", Value: p.State.Price[policy.Carbon]})
	}
	return out
}

// textFeatures is the number of figures that describe how a text looks: what its length, digits and lines are paid for.
const textFeatures = 6

func describe(text string, out []float64) {
	var letters, digits, other, lines float64
	for _, r := range text {
		switch {
		case unicode.IsLetter(r):
			letters++
		case unicode.IsDigit(r):
			digits++
		case r == '\n':
			lines++
		case !unicode.IsSpace(r):
			other++
		}
	}
	n := letters + digits + other
	for i, x := range [textFeatures]float64{
		math.Log1p(n), math.Log1p(float64(len(strings.Fields(text)))), digits / max(n, 1), other / max(n, 1), math.Log1p(lines), math.Log1p(digits),
	} {
		out[i] = x
	}
}

// scaleText standardises the features of the text to twice the spread of one direction of the vector.
func (s *state) scaleText(p *policy.Prompts) {
	n, row := float64(p.Len()), make([]float64, textFeatures)
	sum, square := make([]float64, textFeatures), make([]float64, textFeatures)
	for _, text := range p.Text {
		describe(text, row)
		for j, x := range row {
			sum[j], square[j] = sum[j]+x, square[j]+x*x
		}
	}
	var total float64
	for _, x := range p.Vector {
		total += float64(x) * float64(x)
	}
	unit := math.Sqrt(total / n / float64(p.Dim))
	if unit == 0 {
		unit = 1
	}
	s.Mean, s.Scale = make([]float64, textFeatures), make([]float64, textFeatures)
	for j := range sum {
		s.Mean[j] = sum[j] / n
		if deviation := math.Sqrt(max(square[j]/n-s.Mean[j]*s.Mean[j], 0)); deviation > 1e-6 {
			s.Scale[j] = 2 * unit / deviation
		}
	}
}

// inputs is [n × (Dim + textFeatures)].
func (s *state) inputs(p *policy.Prompts) []float32 {
	width := s.Dim + textFeatures
	x, row := make([]float32, p.Len()*width), make([]float64, textFeatures)
	for i := range p.Len() {
		copy(x[i*width:], p.Row(i))
		describe(p.Text[i], row)
		for j, v := range row {
			x[i*width+s.Dim+j] = float32((v - s.Mean[j]) * s.Scale[j])
		}
	}
	return x
}
