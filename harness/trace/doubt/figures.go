package doubt

import (
	"context"
	"fmt"
	"math"
	"strconv"

	"github.com/trilemma-bench/trilemma/harness/energy"
	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// What figures of one unit are off by before they are taken for those of another. Medians over a model's answers are
// compared, so that single answers may be anything.
const (
	costOff   = 10  // logged ÷ tokens × price: discounts for cached tokens and batches stay below
	energyOff = 100 // logged ÷ the published estimate, which is right within a factor of a few
	speedOff  = 100 // logged seconds ÷ those of the stated throughput

	mostTokensPerSAnswer = 1e4  // tokens of one answer a second; the fastest hardware yields some thousands
	patienceSec          = 60   // an answer takes longer than this and a second a token only in a queue
	leastGPerKWh         = 1    // carbon_g ÷ energy_wh: the cleanest grids have some 10 gCO2e/kWh
	mostGPerKWh          = 1e4  // the dirtiest about 1,200, and the making of the hardware comes on top
	estimateOff          = 3    // the published estimate of energy, where none was logged
	leastWhPerToken      = 1e-6 // of models whose size is unknown
	mostWhPerToken       = 0.5
	inputWeight          = 0.1 // reading a token takes this part of writing one
	mostTokens           = 2e7 // no context window is as long
)

// parts doubts token counts that contradict each other, or the texts.
func (d *doubts) parts(ctx context.Context) error {
	o := &d.t.Outcomes
	cells := d.t.Prompts.Len() * len(d.t.Models)
	for _, p := range []struct {
		kind, part, whole string
		parts, wholes     []float32
	}{
		{"reasoning above output", "reasoning_tokens", "output_tokens", o.ReasoningTokens, o.OutputTokens},
		{"cached above input", "cached_input_tokens", "input_tokens", o.CachedInputTokens, o.InputTokens},
	} {
		for at := range p.parts {
			if x, y := p.parts[at], p.wholes[at]; x > y {
				d.outcome(p.kind, p.part, at, number(x), "is above "+p.whole+", "+number(y)+", of which it should be a part",
					"where the provider counts it on top, set accounting.usage: exclusive; else such answers have no known cost")
			}
		}
	}
	silent := map[int]bool{}
	for at := range cells {
		if !o.Present.Has(at) {
			continue
		}
		for _, c := range []struct {
			column string
			tokens []float32
		}{{"input_tokens", o.InputTokens}, {"output_tokens", o.OutputTokens}} {
			x := float64(c.tokens[at])
			switch {
			case x != math.Trunc(x) && x == x && !(o.Samples != nil && o.Samples[at] > 1): // a mean of several is one
				d.outcome("fractions of "+c.column, c.column, at, number(c.tokens[at]), "is not a whole number: are these thousands of tokens?", "write whole tokens")
			case x > mostTokens:
				d.outcome("too many "+c.column, c.column, at, number(c.tokens[at]), "is longer than any context window", "write the tokens of one answer")
			}
		}
		if text := d.t.Prompts.Text; text != nil && o.InputTokens[at] == 0 && text[at/len(d.t.Models)] != "" {
			d.outcome("no input tokens", "input_tokens", at, "0", "although the prompt has a text", trace.LeaveNull)
		}
		if o.OutputTokens[at] == 0 {
			silent[at] = o.Answer != nil && o.Answer[at] != 0
		}
	}
	return d.silent(ctx, silent)
}

// silent doubts answers of no tokens that have a response all the same.
func (d *doubts) silent(ctx context.Context, answered map[int]bool) error {
	if len(answered) == 0 {
		return nil
	}
	o := &d.t.Outcomes
	var responses []string
	if d.t.Dir != "" {
		var err error
		responses, err = file.Responses(ctx, d.t, func(p, m int) bool { _, ok := answered[o.At(p, m)]; return ok })
		if err != nil {
			return err
		}
	}
	for at := range d.t.Prompts.Len() * len(d.t.Models) {
		has, zero := answered[at]
		if zero && (has || responses != nil && responses[at] != "") {
			d.outcome("no output tokens", "output_tokens", at, "0", "although there is a response: it would cost no money, energy or time",
				trace.LeaveNull+", or count the texts with accounting.tokens: estimate")
		}
	}
	return nil
}

// costs doubts answers whose cost can be neither read nor derived: unless an experiment says otherwise they count as missing.
func (d *doubts) costs() {
	o := &d.t.Outcomes
	for m := range d.t.Models {
		model := &d.t.Models[m]
		priced := model.PriceInputUSDPerMTok == model.PriceInputUSDPerMTok && model.PriceOutputUSDPerMTok == model.PriceOutputUSDPerMTok
		var bare, rest ratios // their scores
		tokens := true
		for p := range d.t.Prompts.Len() {
			at := o.At(p, m)
			if !o.Present.Has(at) {
				continue
			}
			if cost := figureAt(o.Logged[policy.Cost], at); cost == cost {
				rest.add(float64(o.Logged[policy.Quality][at]), at)
				continue
			}
			known := o.InputTokens[at] == o.InputTokens[at] && o.OutputTokens[at] == o.OutputTokens[at]
			if known && priced {
				rest.add(float64(o.Logged[policy.Quality][at]), at)
				continue
			}
			tokens = tokens && known
			bare.add(float64(o.Logged[policy.Quality][at]), at)
		}
		if len(bare.x) == 0 {
			continue
		}
		kind, what, fix := "no tokens", "cost_usd nor input_tokens/output_tokens to derive it from", "log one of them, or count the texts with accounting.tokens: estimate"
		if tokens {
			kind, what, fix = "no prices", "cost_usd nor prices in models.yaml to derive it from", "give price_input_usd_per_mtok and price_output_usd_per_mtok, or a price book"
		}
		if len(rest.x) > 0 {
			what += fmt.Sprintf("; such answers of %s score %.3f, the others %.3f", trace.Clip(model.ID), mean(bare.x), mean(rest.x))
		}
		d.flag(kind, "cost_usd", m, &bare, "", "has neither "+what, fix)
	}
}

func mean(x []float64) float64 {
	var sum float64
	for _, v := range x {
		sum += v
	}
	return sum / float64(len(x))
}

func number(x float32) string { return strconv.FormatFloat(float64(x), 'g', 6, 32) }

// ratios are of one model, with the first cell that they are from.
type ratios struct {
	x     []float64
	first int
}

func (r *ratios) add(x float64, at int) {
	if x != x {
		return
	}
	if len(r.x) == 0 {
		r.first = at
	}
	r.x = append(r.x, x)
}

// figures doubts the units of cost, latency, energy and carbon, model by model.
func (d *doubts) figures() {
	for m := range d.t.Models {
		d.cost(m)
		d.latency(m)
		d.energy(m)
	}
}

// each calls fn with the figures of a model's outcomes, NaN where unknown.
func (d *doubts) each(m int, fn func(at int, in, out, x float64), matrix []float32) {
	o := &d.t.Outcomes
	if matrix == nil {
		return
	}
	for p := range d.t.Prompts.Len() {
		if at := o.At(p, m); o.Present.Has(at) && matrix[at] == matrix[at] {
			fn(at, float64(o.InputTokens[at]), float64(o.OutputTokens[at]), float64(matrix[at]))
		}
	}
}

// flag doubts a model's figures, its first one being the example.
func (d *doubts) flag(kind, column string, m int, r *ratios, value, problem, fix string) {
	before := 0
	if x := d.list[kind]; x != nil {
		before = x.Count
	}
	d.outcome(kind, column, r.first, value, problem, fix)
	d.list[kind].Count = before + len(r.x)
	d.model(d.list[kind], m)
}

func (d *doubts) cost(m int) {
	model := &d.t.Models[m]
	in, out := model.PriceInputUSDPerMTok, model.PriceOutputUSDPerMTok
	var r ratios
	d.each(m, func(at int, i, o, usd float64) {
		if derived := (i*in + o*out) / 1e6; derived > 0 && usd > 0 {
			r.add(usd/derived, at)
		}
	}, d.t.Outcomes.Logged[policy.Cost])
	if len(r.x) == 0 {
		return
	}
	mid := median(r.x)
	if mid <= costOff && mid >= 1.0/costOff {
		return
	}
	kind, what := "cost unit", unitOf(mid, []unitName{
		{1e2, "cents"}, {1e3, "thousandths of a dollar, or USD for 1,000 requests"}, {1e6, "microdollars"}, {1e9, "nanodollars"},
		{1e-2, "hundreds of dollars"}, {1e-3, "thousands of dollars, or the prices are for a thousand tokens"}, {1e-6, "USD for one token, or millions"},
	})
	if min(in, out) > 0 && max(in, out) < leastPrice {
		what = "right and the prices in models.yaml those of one token"
	}
	d.flag(kind, "cost_usd", m, &r, number(d.t.Outcomes.Logged[policy.Cost][r.first]),
		fmt.Sprintf("USD is far from tokens × price: the costs of %s are %.3g times that in the median%s", trace.Clip(model.ID), mid, looksLike(what)),
		"write USD, or mend the prices in models.yaml")
}

type unitName struct {
	factor float64
	name   string
}

// unitOf names the unit whose factor is within a factor of 2.5 of the ratio, "" where none is.
func unitOf(ratio float64, names []unitName) string {
	for _, u := range names {
		if math.Abs(math.Log(ratio/u.factor)) < math.Log(2.5) {
			return u.name
		}
	}
	return ""
}

func looksLike(what string) string {
	if what == "" {
		return ""
	}
	return "; they look like " + what
}

func (d *doubts) latency(m int) {
	model := &d.t.Models[m]
	var slow, speed, stated ratios
	d.each(m, func(at int, _, out, sec float64) {
		slow.add(sec-(patienceSec+zeroIfUnknown(out)), at)
		if out >= 10 {
			speed.add(out/sec, at)
		}
		if model.TokensPerSec > 0 && out > 0 && sec > 0 {
			stated.add(sec/(out/model.TokensPerSec+zeroIfUnknown(model.TimeToFirstTokenSec)), at)
		}
	}, d.t.Outcomes.Logged[policy.Latency])
	off := 1.0
	if len(stated.x) > 0 {
		off = median(stated.x)
	}
	switch {
	case len(slow.x) > 0 && (median(slow.x) > 0 || off > speedOff):
		value := d.t.Outcomes.Logged[policy.Latency][slow.first]
		d.flag("latency unit", "latency_s", m, &slow, number(value), "seconds are more than an answer takes: they look like milliseconds", "divide by 1000: "+trace.FigureText(float64(value)/1000))
	case len(speed.x) > 0 && (median(speed.x) > mostTokensPerSAnswer || off < 1.0/speedOff):
		d.flag("latency unit", "latency_s", m, &speed, number(d.t.Outcomes.Logged[policy.Latency][speed.first]),
			fmt.Sprintf("seconds are less than an answer takes: %.3g tokens a second in the median", median(speed.x)), "write the seconds of the whole answer")
	}
}

func zeroIfUnknown(x float64) float64 {
	if x == x {
		return x
	}
	return 0
}

// estimate is the published energy of an answer in Wh, at both ends of the model's size; NaN where that is unknown.
func estimate(a energy.Assumptions, total, active, out float64) float64 {
	impact, err := a.Estimate(energy.Request{Model: energy.Model{ParamsTotalB: total, ParamsActiveB: active}, OutputTokens: out})
	if err != nil {
		return math.NaN()
	}
	return impact.EnergyWh()
}

func (d *doubts) energy(m int) {
	model, o := &d.t.Models[m], &d.t.Outcomes
	sized := model.ParamsTotalB.Known() && model.ParamsActiveB.Known()
	a := energy.Default()
	var low, high, token, grid ratios
	d.each(m, func(at int, in, out, wh float64) {
		if tokens := zeroIfUnknown(out) + inputWeight*zeroIfUnknown(in); wh > 0 && tokens > 0 {
			token.add(wh/tokens, at)
			if sized && out > 0 {
				low.add(wh/estimate(a, model.ParamsTotalB.Low, model.ParamsActiveB.Low, out), at)
				high.add(wh/estimate(a, model.ParamsTotalB.High, model.ParamsActiveB.High, out), at)
			}
		}
	}, o.Logged[policy.Energy])
	tooMuch, tooLittle := median(token.x) > mostWhPerToken, median(token.x) < leastWhPerToken
	if len(low.x) > 0 {
		// Prefill of long prompts is not in the published estimate, so what is high must be so by the tokens as well.
		tooMuch = median(high.x) > energyOff && median(token.x) > mostWhPerToken/energyOff
		tooLittle = median(low.x) < 1.0/energyOff
	}
	switch {
	case tooMuch:
		d.flag("energy unit", "energy_wh", m, &token, number(o.Logged[policy.Energy][token.first]), "Wh are more than an answer takes: they look like joules, or milliwatt-hours",
			"divide joules by 3600, milliwatt-hours by 1000")
		return
	case tooLittle:
		d.flag("energy unit", "energy_wh", m, &token, number(o.Logged[policy.Energy][token.first]), "Wh are less than an answer takes: they look like kilowatt-hours",
			"multiply kilowatt-hours by 1000")
		return
	}
	slack := 1.0
	d.each(m, func(at int, _, out, g float64) {
		switch wh := float64(figureAt(o.Logged[policy.Energy], at)); {
		case wh > 0:
			grid.add(g/wh*1000, at)
		case sized && out > 0:
			slack = estimateOff
			grid.add(g/estimate(a, model.ParamsTotalB.High, model.ParamsActiveB.High, out)*1000, at)
		}
	}, o.Logged[policy.Carbon])
	switch mid := median(grid.x); {
	case mid > mostGPerKWh*slack:
		d.flag("carbon unit", "carbon_g", m, &grid, number(o.Logged[policy.Carbon][grid.first]), fmt.Sprintf("grams are more than any grid emits, %.3g g/kWh in the median: they look like milligrams", mid), "divide by 1000")
	case mid < leastGPerKWh/slack:
		d.flag("carbon unit", "carbon_g", m, &grid, number(o.Logged[policy.Carbon][grid.first]), fmt.Sprintf("grams are less than any grid emits, %.3g g/kWh in the median: they look like kilograms", mid), "multiply by 1000")
	}
}

func figureAt(matrix []float32, at int) float32 {
	if matrix == nil {
		return float32(math.NaN())
	}
	return matrix[at]
}
