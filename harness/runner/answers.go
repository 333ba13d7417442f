package runner

import (
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/replay"
	"github.com/trilemma-bench/trilemma/harness/savings"
	"github.com/trilemma-bench/trilemma/harness/stats"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// use is one answer that was paid for.
type use struct {
	row    int   // index into p.test of the pool
	model  int32 // of the table
	weight float64
}

// answers are what one way of answering the test prompts of a pool led to. Columns are over p.test, NaN where there is no
// result; uses are in order of the rows.
type answers struct {
	score, cost, latency []float32
	uses                 []use
}

func newAnswers(n int) *answers { return &answers{score: nans(n), cost: nans(n), latency: nans(n)} }

// covers tells whether there is a result.
func (a *answers) covers(row int) bool { return !math.IsNaN(float64(a.score[row])) }

// asking is what asking models of the table leads to: of(row) lists them by part of the prompts, so that it is the
// expectation over a mix.
func (p *Plan) asking(pool string, of func(row int) []use) *answers {
	test := p.test[pool]
	a := newAnswers(len(test))
	for row, prompt := range test {
		var score, cost, latency float64
		list := of(row)
		whole := len(list) > 0
		for _, u := range list {
			o := p.data.Table.At(prompt, int(u.model))
			whole = whole && o.Present()
			score, cost, latency = score+u.weight*float64(o.Score), cost+u.weight*float64(o.CostUSD), latency+u.weight*float64(o.LatencySec)
		}
		if whole {
			a.score[row], a.cost[row], a.latency[row] = float32(score), float32(cost), float32(latency)
			a.uses = append(a.uses, list...)
		}
	}
	return a
}

// single is what asking one model for everything leads to.
func (p *Plan) single(pool string, model int) *answers {
	return p.asking(pool, func(row int) []use { return []use{{row, int32(model), 1}} })
}

// answersOf reads what the decisions of a cell led to under some preferences.
func (p *Plan) answersOf(run *store.Run, c *experiment.Cell, preferences []string) (map[string]*answers, error) {
	row := map[string]int{}
	for i, prompt := range p.test[c.Pool] {
		row[p.data.Trace.Prompts.ID[prompt]] = i
	}
	model := map[string]int32{}
	for _, m := range p.pools[c.Pool] {
		model[p.data.Trace.Models[m].ID] = int32(m)
	}
	out := map[string]*answers{}
	for d, err := range run.Decisions(c.ID) {
		if err != nil {
			return nil, err
		}
		i, known := row[d.PromptID]
		if !known || !slices.Contains(preferences, d.Preference) {
			continue
		}
		a := out[d.Preference]
		if a == nil {
			a = newAnswers(len(row))
			out[d.Preference] = a
		}
		a.score[i], a.cost[i], a.latency[i] = d.Score, d.CostUSD, d.LatencySec
		for _, m := range d.Asked {
			a.uses = append(a.uses, use{i, model[m], 1})
		}
		for k, m := range d.Models {
			if slices.Contains(d.Asked, m) {
				continue
			}
			weight := 1.0
			if d.Use != "combine" {
				weight = float64(d.Weights[k])
			}
			a.uses = append(a.uses, use{i, model[m], weight})
		}
	}
	// Cells store their prompts in the order of the trace, as p.test is; what is by prompt must not depend on that.
	for _, a := range out {
		slices.SortStableFunc(a.uses, func(x, y use) int { return x.row - y.row })
	}
	return out, nil
}

// spent brings answers to the prompts that are kept (rows, ascending) and says which model emitted what.
func (p *Plan) spent(pool string, a *answers, keep []int) savings.Spent {
	place := make([]int32, len(p.test[pool]))
	for i := range place {
		place[i] = -1
	}
	var out savings.Spent
	for i, row := range keep {
		place[row] = int32(i)
		out.Score, out.CostUSD, out.LatencySec = append(out.Score, a.score[row]), append(out.CostUSD, a.cost[row]), append(out.LatencySec, a.latency[row])
	}
	by := map[int]*savings.Emitted{}
	for _, u := range a.uses {
		at := place[u.row]
		if at < 0 {
			continue
		}
		prompt := p.test[pool][u.row]
		factor := savings.Exact
		if p.data.Table.Estimated(prompt, int(u.model)) {
			factor = p.doubt.of[u.model]
		}
		e := by[factor]
		if e == nil {
			e = &savings.Emitted{Factor: factor}
			by[factor] = e
		}
		g := float32(u.weight) * p.data.Table.At(prompt, int(u.model)).CarbonG()
		if k := len(e.Prompt); k > 0 && e.Prompt[k-1] == at {
			e.G[k-1] += g // another copy of the same model, or the same one again
		} else {
			e.Prompt, e.G = append(e.Prompt, at), append(e.G, g)
		}
	}
	for f := savings.Exact; f < len(p.doubt.factors); f++ {
		if by[f] != nil {
			out.Carbon = append(out.Carbon, *by[f])
		}
	}
	return out
}

// emittedBy are the mean emissions by the factor that they may be wrong by, and those that were measured.
func (p *Plan) emittedBy(s *savings.Spent) (byModel []float64, exact float64) {
	byModel = make([]float64, len(p.doubt.factors))
	for _, e := range s.Carbon {
		var sum float64
		for _, g := range e.G {
			sum += float64(g)
		}
		sum /= float64(len(s.Score))
		if e.Factor == savings.Exact {
			exact = sum
		} else {
			byModel[e.Factor] = sum
		}
	}
	return byModel, exact
}

// sizes are the mean emissions on the prompts that are kept, where all assumed sizes are at their low and at their high end.
func (p *Plan) sizes(pool string, a *answers, keep []int) (low, high float64) {
	kept := make([]bool, len(p.test[pool]))
	for _, row := range keep {
		kept[row] = true
	}
	for _, u := range a.uses {
		if !kept[u.row] {
			continue
		}
		o := p.data.Table.At(p.test[pool][u.row], int(u.model))
		low += u.weight * float64(o.CarbonGLow) / float64(len(keep))
		high += u.weight * float64(o.CarbonGHigh) / float64(len(keep))
	}
	return low, high
}

// doubt is how wrong the estimate of energy may be: a factor for each model and resample. Copies of one model in several
// places share its factor: their energy is the same.
type doubt struct {
	store.Estimate
	of      []int // [models of the table] → row of factors
	factors [][]float64
}

// newDoubt draws the factors from streams named by the models.
func (p *Plan) newDoubt() (doubt, error) {
	d := doubt{}
	var err error
	if d.SDLn, d.Source, err = p.acc.Method.ErrorSD(); err != nil {
		return d, err
	}
	if d.Method = string(p.acc.Method.Name); d.Method == "" {
		d.Method = "regression"
	}
	d.Prefill = p.acc.Energy.Prefill.On
	d.Logged = max(p.data.Table.Logged.CarbonG, p.data.Table.Logged.EnergyWh)
	var names []string
	for m := range p.data.Trace.Models {
		name := p.data.OriginalID(m)
		at := slices.Index(names, name)
		if at < 0 {
			at, names = len(names), append(names, name)
		}
		d.of = append(d.of, at)
	}
	d.factors = savings.Factors(p.Spec.Metrics.Seed, names, d.SDLn, p.Spec.Metrics.Resamples)
	return d, nil
}

// bounds are those of a sum by model (rows of factors) and of what was measured, by the estimate of energy alone. They
// are nil where nothing was estimated or something is not known.
func (d *doubt) bounds(byModel []float64, exact float64) (low, high *float64) {
	estimated := false
	for _, g := range byModel {
		estimated = estimated || g > 0
	}
	if !estimated || len(d.factors) == 0 {
		return nil, nil
	}
	sums := make([]float64, len(d.factors[0]))
	for r := range sums {
		sums[r] = exact
		for m, g := range byModel {
			if g != 0 {
				sums[r] += g * d.factors[m][r]
			}
		}
	}
	a, b := stats.Percentile(sums, savings.Level)
	return finite(a), finite(b)
}

// meansOf are the single models' means over some prompts, as blind mixes know them.
func (p *Plan) meansOf(pool string, rows []int) ([]savings.Known, []replay.Mean, error) {
	means, err := replay.SingleMeans(p.data.Table.View(p.pools[pool]), int32s(rows))
	if err != nil {
		return nil, nil, err
	}
	out := make([]savings.Known, len(means))
	for m := range means {
		out[m] = savings.Known{Quality: means[m].Quality, CarbonG: means[m].CarbonG}
	}
	return out, means, nil
}
