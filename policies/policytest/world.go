package policytest

import (
	"fmt"
	"math"
	"strings"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

const (
	seed       = 20240229
	trainRows  = 90
	validRows  = 30
	testRows   = 40
	dim        = 16
	topics     = 3
	poolModels = 4
)

var nan = float32(math.NaN())

// world is a made-up trace: each topic has a direction in vector space and words of its own, each model a strength in
// each topic, and dearer models are better on the whole.
type world struct {
	models []policy.Model
	train  policy.Split
	valid  policy.Split
	test   policy.Split // whose outcomes answer what a row asks, and are sent to nobody
}

// newWorld makes a world of models models. missing is the share of outcomes that are not there; silent, unless
// negative, is a model that never answered.
func newWorld(models int, missing float64, silent int) *world {
	w := new(world)
	for m := range models {
		x := policy.NewModel(fmt.Sprintf("lab/model-%d", m))
		x.Provider, x.OpenWeights, x.Region = "lab", m%2 == 0, "FRA"
		x.PriceInputUSDPerMTok, x.PriceOutputUSDPerMTok = 0.1*float64(m*m), 0.4*float64(m*m) // the first is free
		if x.OpenWeights {
			x.ParamsTotalB, x.ParamsActiveB = policy.Exactly(float64(8*(m+1))), policy.Exactly(float64(8*(m+1)))
		}
		w.models = append(w.models, x)
	}
	w.train = makeSplit("train", trainRows, models, missing, silent)
	w.valid = makeSplit("validation", validRows, models, missing, silent)
	w.test = makeSplit("test", testRows, models, missing, silent)
	// A topic that training never saw.
	for i := 0; i < testRows; i += 10 {
		w.test.Prompts.Category[i] = "unheard-of"
	}
	return w
}

// opaque names a prompt as a run does: by a hash that tells nothing of it. Another salt is another run.
func opaque(split string, i, salt int) string {
	return fmt.Sprintf("%016x", policy.Stream(seed, "policytest", "id", split, fmt.Sprint(i, salt)).Uint64())
}

// rename gives every prompt the id that another run would.
func (w *world) rename() {
	for name, s := range map[string]*policy.Split{"train": &w.train, "validation": &w.valid, "test": &w.test} {
		for i := range s.Prompts.ID {
			s.Prompts.ID[i] = opaque(name, i, 1)
		}
	}
}

func makeSplit(name string, n, models int, missing float64, silent int) policy.Split {
	rng := policy.Stream(seed, "policytest", name)
	all := n * models
	column := func() []float32 { return make([]float32, all) }
	s := policy.Split{
		Prompts: policy.Prompts{Dim: dim, Vector: make([]float32, n*dim), GridGPerKWh: make([]float32, all)},
		Outcomes: policy.Outcomes{
			Models: models, Present: make([]bool, all), Figures: policy.NewMatrix(all), InputTokens: column(), OutputTokens: column(),
			Answer: make([]string, all), Response: make([]string, all),
		},
	}
	p, o := &s.Prompts, &s.Outcomes
	for i := range n {
		topic := i % topics
		words := make([]string, 6)
		for k := range words {
			words[k] = fmt.Sprintf("word%d%c", topic, 'a'+rune(rng.IntN(6)))
		}
		p.ID = append(p.ID, opaque(name, i, 0))
		p.Text = append(p.Text, "Tell me of "+strings.Join(words, " ")+"?")
		p.Category = append(p.Category, fmt.Sprintf("topic-%d", topic))
		s.Reference = append(s.Reference, "ABCD"[i%4:i%4+1])
		var norm float64
		for d := range dim {
			x := 0.3 * rng.NormFloat64()
			if d%topics == topic {
				x++
			}
			p.Vector[i*dim+d] = float32(x)
			norm += x * x
		}
		for d := range dim {
			p.Vector[i*dim+d] /= float32(math.Sqrt(norm))
		}
		for m := range models {
			at := i*models + m
			p.GridGPerKWh[at] = float32(400 + 100*(m%2) - 150*(i%3))
			right := rng.Float64() < 0.3+0.15*float64(m)+0.2*float64((m+topic)%topics)
			gone := rng.Float64() < missing || m == silent
			tokens := 50 + rng.IntN(100)*(m+1)
			if gone {
				for q := range o.Figures {
					o.Figures[q][at] = nan
				}
				o.InputTokens[at], o.OutputTokens[at] = nan, nan
				continue
			}
			o.Present[at] = true
			o.InputTokens[at], o.OutputTokens[at] = 40, float32(tokens)
			o.Figures[policy.Cost][at] = float32(0.4e-6 * float64(m*m*tokens))
			o.Figures[policy.Energy][at] = float32(tokens*(m+1)) * 1e-3
			o.Figures[policy.Carbon][at] = o.Figures[policy.Energy][at] * p.GridGPerKWh[at] / 1000
			o.Figures[policy.Latency][at] = float32(tokens) / 50
			o.Figures[policy.Water][at] = 2 * o.Figures[policy.Energy][at]
			if rng.IntN(20) == 0 && m > 0 {
				o.Figures[policy.Energy][at], o.Figures[policy.Carbon][at], o.Figures[policy.Water][at] = nan, nan, nan // an outcome whose energy nobody knows
			}
			o.Answer[at] = "ABCD"[(i+1)%4 : (i+1)%4+1]
			if right {
				o.Figures[policy.Quality][at], o.Answer[at] = 1, s.Reference[i]
			}
			o.Response[at] = "The answer is " + o.Answer[at]
		}
	}
	return s
}

// sweep are the preferences that the checks route under: all of them, or one where the policy is fitted for one.
func sweep(d *policy.Description) []policy.Preference {
	all := []policy.Preference{{}, {policy.Cost: 500}, {policy.Cost: 100, policy.Carbon: 0.5, policy.Latency: 0.01}}
	if d.Preference == policy.PreferenceFixed {
		return all[1:2]
	}
	return all
}

// given are the prompts as a policy gets them: with the columns that it declared. category is the need that the label
// depends on: that of training prompts, or of those to be routed.
func given(d *policy.Description, p policy.Prompts, category policy.Need) policy.Prompts {
	for _, c := range p.Columns() {
		need := c.Need
		if need == policy.NeedCategory {
			need = category
		}
		if need != "" && !d.Wants(need) {
			c.Drop()
		}
	}
	return p
}

// task is what a policy may learn from this world.
func (w *world) task(d *policy.Description) *policy.Task {
	split := func(s policy.Split) *policy.Split {
		for _, c := range s.Columns() {
			if c.Need != "" && !d.Wants(c.Need) {
				c.Drop()
			}
		}
		return &s
	}
	return &policy.Task{Train: split(w.train), Validation: split(w.valid), Preferences: sweep(d)}
}

// firstRows are the first n rows of a split.
func firstRows(s policy.Split, n int) policy.Split { return *s.Slice(0, n) }
