package bundled

import (
	"fmt"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// world is a simulated pool whose truth is known: prompts of three topics, in a vector that shows the topic and a
// length, and in their text. Model "specialist-t" is good at topic t alone; "strong" is good at all and dear; "cheap" is
// poor at all. Costs grow with the length that the prompt shows.
type world struct {
	models []policy.Model
	dim    int
}

const topics = 3

func newWorld() world {
	w := world{dim: 12}
	for t := range topics {
		w.models = append(w.models, policy.NewModel(fmt.Sprintf("specialist-%d", t)))
	}
	w.models = append(w.models, policy.NewModel("strong"), policy.NewModel("cheap"))
	return w
}

// truth is the probability that a model is right and what it costs.
func (w *world) truth(model, topic int, length float64) (quality, costUSD float64) {
	switch model {
	case topics: // strong
		return 0.75, 0.004 * length
	case topics + 1: // cheap
		return 0.35, 0.0001 * length
	case topic:
		return 0.9, 0.001 * length
	}
	return 0.2, 0.001 * length
}

// split draws n prompts with their outcomes, a few of them missing.
func (w *world) split(name string, n int) *policy.Split {
	r := policy.Stream(7, "world", name)
	models := len(w.models)
	s := &policy.Split{Prompts: policy.Prompts{Dim: w.dim}}
	o := &s.Outcomes
	o.Models = models
	nan := float32(math.NaN())
	for i := range n {
		topic, length := r.IntN(topics), 0.5+r.Float64()*2
		vector := make([]float32, w.dim)
		for j := range vector {
			vector[j] = float32(0.4 * r.NormFloat64())
		}
		vector[topic] += 2
		vector[topics] = float32(length)
		s.Prompts.ID = append(s.Prompts.ID, fmt.Sprintf("%s-%d", name, i))
		s.Prompts.Text = append(s.Prompts.Text, fmt.Sprintf("topic %d %s?", topic, string(slices.Repeat([]byte("x "), int(length*20)))))
		s.Prompts.Category = append(s.Prompts.Category, fmt.Sprintf("topic-%d", topic))
		s.Prompts.Vector = append(s.Prompts.Vector, vector...)
		s.Reference = append(s.Reference, "A")
		for m := range models {
			quality, cost := w.truth(m, topic, length)
			if r.Float64() < 0.03 {
				o.Present = append(o.Present, false)
				o.Figures[policy.Quality], o.Figures[policy.Cost] = append(o.Figures[policy.Quality], nan), append(o.Figures[policy.Cost], nan)
				o.Figures[policy.Carbon], o.Figures[policy.Latency] = append(o.Figures[policy.Carbon], nan), append(o.Figures[policy.Latency], nan)
				o.Answer = append(o.Answer, "")
				continue
			}
			score, answer := float32(0), string(rune('B'+m))
			if r.Float64() < quality {
				score, answer = 1, "A"
			}
			cost *= 0.8 + 0.4*r.Float64()
			o.Present = append(o.Present, true)
			o.Figures[policy.Quality], o.Figures[policy.Cost] = append(o.Figures[policy.Quality], score), append(o.Figures[policy.Cost], float32(cost))
			o.Figures[policy.Carbon], o.Figures[policy.Latency] = append(o.Figures[policy.Carbon], float32(10*cost)), append(o.Figures[policy.Latency], float32(100*cost))
			o.Answer = append(o.Answer, answer)
		}
	}
	o.Figures[policy.Energy] = slices.Clone(o.Figures[policy.Carbon])
	o.InputTokens, o.OutputTokens = slices.Clone(o.Figures[policy.Carbon]), slices.Clone(o.Figures[policy.Carbon])
	return s
}

func (w *world) task() *policy.Task {
	return &policy.Task{Train: w.split("train", 500), Validation: w.split("validation", 150), Preferences: sweep()}
}

func sweep() []policy.Preference {
	return []policy.Preference{{}, {policy.Cost: 30}, {policy.Cost: 300}, {policy.Cost: 3000}, {policy.Carbon: 20}, {policy.Latency: 2}}
}

// crossed asks for every prompt under every preference.
func crossed(p *policy.Prompts, preferences []policy.Preference) *policy.Batch {
	b := &policy.Batch{Prompts: p, Preferences: preferences}
	for i := range p.Len() {
		for j := range preferences {
			b.Prompt, b.Preference = append(b.Prompt, int32(i)), append(b.Preference, int32(j))
		}
	}
	return b
}

// subset is the prompts of some rows.
func subset(p *policy.Prompts, rows ...int) *policy.Prompts {
	s := &policy.Prompts{Dim: p.Dim}
	for _, i := range rows {
		s.ID, s.Text, s.Category = append(s.ID, p.ID[i]), append(s.Text, p.Text[i]), append(s.Category, p.Category[i])
		s.Vector = append(s.Vector, p.Row(i)...)
	}
	return s
}

// first cuts a split to its first n prompts and, where keep is not nil, to some models.
func first(s *policy.Split, n int, keep []int) *policy.Split {
	if keep == nil {
		for m := range s.Outcomes.Models {
			keep = append(keep, m)
		}
	}
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	c := &policy.Split{Prompts: *subset(&s.Prompts, rows...), Reference: s.Reference[:n]}
	o, from := &c.Outcomes, &s.Outcomes
	o.Models = len(keep)
	for i := range n {
		for _, m := range keep {
			at := i*from.Models + m
			o.Present = append(o.Present, from.Present[at])
			o.Figures[policy.Quality], o.Figures[policy.Cost] = append(o.Figures[policy.Quality], from.Figures[policy.Quality][at]), append(o.Figures[policy.Cost], from.Figures[policy.Cost][at])
			o.Figures[policy.Carbon], o.Figures[policy.Latency] = append(o.Figures[policy.Carbon], from.Figures[policy.Carbon][at]), append(o.Figures[policy.Latency], from.Figures[policy.Latency][at])
			o.Answer = append(o.Answer, from.Answer[at])
		}
	}
	return c
}

// play routes prompts of a split to the end, revealing answers as a host would, and returns the mean score and the mean
// utility, score less what all that were asked cost, missing outcomes counting nothing.
func play(p policy.Policy, s *policy.Split, preference policy.Preference) (score, utility float64, err error) {
	o := &s.Outcomes
	type ask struct{ model, round int32 }
	asked := make([][]ask, s.Len()) // what each prompt asked for, in all rounds
	rows := make([]int, s.Len())
	for i := range rows {
		rows[i] = i
	}
	total := 0.0
	for round := 0; len(rows) > 0; round++ {
		b := &policy.Batch{Prompts: &s.Prompts, Preferences: []policy.Preference{preference}, Round: round,
			Preference: make([]int32, len(rows))}
		if round > 0 {
			b.Asked = &policy.Asked{Offset: []int32{0}}
		}
		for _, i := range rows {
			b.Prompt = append(b.Prompt, int32(i))
			for _, a := range asked[i] {
				at := i*o.Models + int(a.model)
				b.Asked.Model, b.Asked.Round = append(b.Asked.Model, a.model), append(b.Asked.Round, a.round)
				b.Asked.Missing = append(b.Asked.Missing, !o.Present[at])
				b.Asked.Answer = append(b.Asked.Answer, o.Answer[at])
			}
			if round > 0 {
				b.Asked.Offset = append(b.Asked.Offset, int32(len(b.Asked.Model)))
			}
		}
		d, err := route(p, b, o.Models)
		if err != nil {
			return 0, 0, err
		}
		var again []int
		for r, i := range rows {
			use, models, weights := d.Row(r)
			for e, m := range models {
				at := i*o.Models + int(m)
				paid := slices.ContainsFunc(asked[i], func(a ask) bool { return a.model == m })
				if o.Present[at] && !paid {
					utility -= preference[policy.Cost] * float64(o.Figures[policy.Cost][at])
				}
				if use == policy.Ask {
					asked[i] = append(asked[i], ask{m, int32(round)})
				} else if o.Present[at] {
					w := float64(weights[e])
					total += w
					score += w * float64(o.Figures[policy.Quality][at])
					utility += w * float64(o.Figures[policy.Quality][at])
				}
			}
			if use == policy.Ask {
				again = append(again, i)
			}
		}
		rows = again
	}
	return score / total, utility / total, nil
}
