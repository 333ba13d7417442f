package savings

import (
	"math"

	"github.com/trilemma-bench/trilemma/harness/replay"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// baseline is what savings are taken against.
type baseline struct {
	store.Baseline
	answers *answers
	// selection and selectionG are its mean score and carbon on the selection prompts, by which settings are held to it.
	selection, selectionG float64
	// singles are the models of the pool, and quality its own score, on the prompts by which it was chosen: what the best
	// alternative and the blind mix are chosen by.
	singles []Known
	quality float64
	model   int // of the table; −1 for what is no single model
}

// baselines are the best single model by the prompts outside of test, chosen once; the best by the test prompts, in
// hindsight, where that is another; the policy that deploys one model by its training prompts, where that is yet another;
// the static policy's setting of highest quality on the selection prompts; and what was logged, where the log is of one
// choice a prompt.
func (p *poolSavings) baselines() ([]baseline, error) {
	view := replay.Of(p.Data.Table, p.Models)
	best := p.Best
	if best < 0 {
		return nil, nil
	}
	known, _, err := p.meansOf(p.Known)
	if err != nil {
		return nil, err
	}
	chosen, _, err := p.meansOf(p.Selection)
	if err != nil {
		return nil, err
	}
	_, test, err := p.meansOf(p.Test)
	if err != nil {
		return nil, err
	}
	single := func(name, on string, m int) baseline {
		b := baseline{
			Baseline: store.Baseline{Pool: p.Name, Name: name, What: p.Data.Trace.Models[view.Pool[m]].ID, ChosenOn: on},
			answers:  p.single(view.Pool[m]), selection: chosen[m].Quality, selectionG: chosen[m].CarbonG,
			singles: known, quality: known[m].Quality, model: view.Pool[m],
		}
		return b
	}
	out := []baseline{single("best single", store.OnKnown, best)}
	cleanest := best
	for m := range known {
		if known[m].Quality == known[best].Quality && known[m].CarbonG < known[cleanest].CarbonG {
			cleanest = m // a copy of it in another place
		}
	}
	if cleanest != best {
		out = append(out, single("best single, cleanest place", store.OnKnown, cleanest))
	}
	lucky := best
	for m := range test {
		if test[m].Covered > 0 && test[m].Figures[policy.Quality] > test[lucky].Figures[policy.Quality] {
			lucky = m
		}
	}
	if lucky != best {
		out = append(out, single("best single (hindsight)", store.Hindsight, lucky))
	}
	for _, of := range []struct{ family, name string }{{"best-single", "deployed single"}, {"static", "static"}} {
		b, found, err := p.ofPolicy(of.family, of.name)
		if err != nil {
			return nil, err
		}
		if found && (of.family != "best-single" || b.model != out[0].model) {
			b.singles = chosen
			out = append(out, *b)
		}
	}
	if p.Data.Trace.Outcomes.Propensity != nil {
		b := p.logged(view)
		b.singles = chosen
		out = append(out, b)
	}
	for i := range out {
		p.describeBaseline(&out[i])
	}
	return out, nil
}

// describeBaseline fills in the means over the test prompts that the baseline covers.
func (p *poolSavings) describeBaseline(b *baseline) {
	keep := p.covered(b.answers)
	if len(keep) == 0 {
		return
	}
	s := p.spent(b.answers, keep)
	b.Quality, b.CostUSD, b.LatencySec = store.Known(mean32(s.Score)), store.Known(mean32(s.CostUSD)), store.Known(mean32(s.LatencySec))
	byModel, exact := p.emittedBy(&s)
	sum := exact
	for _, g := range byModel {
		sum += g
	}
	b.CarbonG = store.Known(sum)
	low, high := p.sizes(b.answers, keep)
	b.CarbonGLow, b.CarbonGHigh = store.Known(low), store.Known(high)
	b.CarbonGModelLow, b.CarbonGModelHigh = p.doubt.bounds(byModel, exact)
}

func mean32(x []float32) float64 {
	var sum float64
	for _, v := range x {
		sum += float64(v)
	}
	return sum / float64(len(x))
}

// covered are the rows of p.test that all of some answers have a result for.
func (p *poolSavings) covered(all ...*answers) []int {
	var keep []int
rows:
	for row := range p.Test {
		for _, a := range all {
			if !a.covers(row) {
				continue rows
			}
		}
		keep = append(keep, row)
	}
	return keep
}

// ofPolicy is the baseline that the first policy of a family makes at its setting of highest quality on the selection
// prompts, of equals the cheapest.
func (p *poolSavings) ofPolicy(family, name string) (*baseline, bool, error) {
	for i := range p.cells {
		c := &p.cells[i]
		st, ok := p.run.Cell(c.ID)
		if c.Pool != p.Name || c.Family != family || !ok || st.State != store.Done || len(st.Selection) == 0 {
			continue
		}
		at := 0
		for k := range st.Selection {
			a, b := &st.Selection[k].Figures, &st.Selection[at].Figures
			if a[policy.Quality] > b[policy.Quality] || a[policy.Quality] == b[policy.Quality] && a[policy.Cost] < b[policy.Cost] {
				at = k
			}
		}
		pt := &st.Selection[at]
		if math.IsNaN(pt.Figures[policy.Quality]) {
			continue
		}
		all, err := p.answersOf(c, []string{pt.Preference})
		if err != nil {
			return nil, false, err
		}
		a := all[pt.Preference]
		if a == nil {
			continue
		}
		b := &baseline{
			Baseline: store.Baseline{Pool: p.Name, Name: name, What: c.Label + ", " + pt.Setting(), ChosenOn: store.OnSelection},
			answers:  a, selection: pt.Figures[policy.Quality], selectionG: pt.Figures[policy.Carbon], quality: pt.Figures[policy.Quality], model: -1,
		}
		if only := onlyModel(a); only >= 0 {
			b.model, b.What = only, p.Data.Trace.Models[only].ID+", chosen by the training prompts"
		}
		return b, true, nil
	}
	return nil, false, nil
}

// onlyModel is the model that all answers are of, −1 where there are several.
func onlyModel(a *answers) int {
	if len(a.uses) == 0 {
		return -1
	}
	for _, u := range a.uses {
		if u.model != a.uses[0].model {
			return -1
		}
	}
	return int(a.uses[0].model)
}

// logged is what the log's own choices led to: under bandit feedback every present outcome is one.
func (p *poolSavings) logged(view *replay.View) baseline {
	choice := func(prompt int) int {
		for m := range view.Pool {
			if view.At(prompt, m).Present() {
				return m
			}
		}
		return -1
	}
	var score, grams, n float64
	for _, prompt := range p.Selection {
		if m := choice(prompt); m >= 0 {
			o := view.At(prompt, m)
			score, grams, n = score+float64(o.At(policy.Quality)), grams+float64(o.At(policy.Carbon)), n+1
		}
	}
	return baseline{
		Baseline: store.Baseline{Pool: p.Name, Name: "logged", What: "the choices of the log", ChosenOn: store.OnLog},
		answers: p.asking(func(row int) []use {
			m := choice(p.Test[row])
			if m < 0 {
				return nil
			}
			return []use{{row, int32(view.Pool[m]), 1}}
		}),
		selection: score / n, selectionG: grams / n, quality: score / n, model: -1,
	}
}

// labels are what the outcomes took that policies of a pool were trained and chosen by.
func (p *poolSavings) labels() store.Labels {
	out := store.Labels{Pool: p.Name}
	var usd, grams float64
	for _, prompt := range p.Outside {
		out.Prompts++
		for _, m := range p.Models {
			o := p.Data.Table.At(prompt, m)
			if !o.Present() {
				continue
			}
			out.Outcomes++
			usd += float64(o.At(policy.Cost))
			if g := float64(o.At(policy.Carbon)); math.IsNaN(g) {
				out.Unknown++
			} else {
				grams += g
			}
		}
	}
	if out.CostUSD = store.Known(usd); out.Unknown < out.Outcomes {
		out.CarbonG = store.Known(grams)
	}
	return out
}
