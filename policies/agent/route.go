package agent

import (
	"context"
	"fmt"
	"math"

	"github.com/trilemma-bench/trilemma/policies/compute"
	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/nn"
	"github.com/trilemma-bench/trilemma/policies/nn/actor"
	"github.com/trilemma-bench/trilemma/policies/policy"
	"github.com/trilemma-bench/trilemma/policies/rl"
)

// Route implements [policy.Policy]: the most probable action of every row.
func (p *Router) Route(ctx context.Context, b *policy.Batch) (*policy.Decisions, error) {
	c := &p.config
	if err := p.Fitted(); err != nil {
		return nil, err
	}
	if err := forecast.CheckPrompts(b.Prompts, c.needs()...); err != nil {
		return nil, err
	}
	if b.Prompts.Len() == 0 {
		return policy.NewDecisions(0), ctx.Err()
	}
	s := p.State.Estimator
	if c.Vector && b.Prompts.Dim != s.Dim {
		return nil, fmt.Errorf("prompt vectors have %d numbers, those fitted on had %d: use the same encoder", b.Prompts.Dim, s.Dim)
	}
	if b.Round > 0 && b.Asked == nil {
		return nil, fmt.Errorf("round %d came without the answers asked for", b.Round)
	}
	if err := s.Overall.CheckEach(b.Preferences, c.Setup.Models); err != nil {
		return nil, err
	}
	// Only prompts that have a row are looked at: in later rounds those are few.
	place := make([]int, b.Prompts.Len()) // counted from 1
	var named []int32
	for _, i := range b.Prompt {
		if place[i] == 0 {
			named = append(named, i)
			place[i] = len(named)
		}
	}
	if b.Rows() == 0 {
		return policy.NewDecisions(0), ctx.Err()
	}
	some := b.Prompts.Gather(named)
	e, err := s.expect(ctx, some)
	if err != nil {
		return nil, err
	}
	agents := make([]int, len(b.Preferences))
	for i, preference := range b.Preferences {
		agents[i] = nearest(p.State.Agents, preference)
	}
	actors := make([]*actor.Batch, len(p.State.Agents))
	for i := range actors {
		actors[i] = p.State.Agents[i].Actor.Batch()
	}
	choices := make([]choice, b.Rows())
	err = compute.EachChunk(ctx, b.Rows(), func(lo, hi int) {
		v := newChooser(p, e)
		for r := lo; r < hi; r++ {
			row := place[b.Prompt[r]] - 1
			agent := agents[b.Preference[r]]
			preference := charged(b.Preferences[b.Preference[r]], p.State.Agents[agent].Multiplier)
			var vector []float32
			if c.Vector {
				vector = some.Row(row)
			}
			text := ""
			if some.Text != nil {
				text = some.Text[row]
			}
			choices[r] = v.decide(actors[agent], row, text, vector, &preference, b.Asked, r)
		}
	})
	if err != nil {
		return nil, err
	}
	d := policy.NewDecisions(b.Rows())
	for r := range choices {
		if len(choices[r].models) == 0 {
			return nil, fmt.Errorf("prompt %q: no model has a known utility", b.Prompts.ID[b.Prompt[r]])
		}
		d.Append(choices[r].use, choices[r].models, choices[r].weights)
	}
	return d, ctx.Err()
}

type choice struct {
	use     policy.Use
	models  []int32
	weights []float32
}

// chooser lays rows out for the actor; one a goroutine.
type chooser struct {
	*Router
	e          *forecast.Expected
	featurizer *featurizer
	seen       env.Seen
	tried      []bool // asked, answered or not
	code       map[string]int32
	at         *rl.Observations
	judge      *weigher
}

func newChooser(p *Router, e *forecast.Expected) *chooser {
	models := p.State.Estimator.Models
	return &chooser{
		Router: p, e: e, featurizer: newFeaturizer(p.State.Estimator, &p.config), tried: make([]bool, models), code: env.Codes(p.State.Estimator.Answers),
		judge: newWeigher(p.State.Estimator),
		at:    rl.NewObservations(1, p.State.Agents[0].Actor.Shape),
	}
}

// read turns what the host revealed to a row into what the environment would show.
func (v *chooser) read(asked *policy.Asked, r int, text string, score []float32) {
	s, seen := v.State.Estimator, &v.seen
	*seen = env.Seen{Models: seen.Models[:0], Answers: seen.Answers[:0], Weights: seen.Weights[:0], Shape: seen.Shape[:0]}
	clear(v.tried)
	if asked == nil {
		return
	}
	shape := make([]float32, env.ShapeFeatures)
	var options *env.Options
	for k := asked.Offset[r]; k < asked.Offset[r+1]; k++ {
		m := asked.Model[k]
		v.tried[m] = true
		if asked.Missing[k] {
			continue
		}
		answer := ""
		if int(k) < len(asked.Answer) {
			answer = asked.Answer[k]
		}
		code, known := v.code[answer]
		if !known {
			code = int32(len(v.code))
			v.code[answer] = code
		}
		if s.Choices == 0 {
			code = 0 // training knew no answers, so nothing was learned of votes
		}
		seen.Models, seen.Answers, seen.Weights = append(seen.Models, m), append(seen.Answers, code), append(seen.Weights, s.priorWeight(score[m]))
		if s.ShapeMean != nil && int(k) < len(asked.Response) {
			if options == nil {
				options = env.ParseOptions(text)
			}
			env.Shape(options, asked.Response[k], answer, figure(asked.OutputTokens, k), shape)
			seen.Shape = append(seen.Shape, shape...)
			if s.AnswerModel != nil && score[m] == score[m] {
				seen.Weights[len(seen.Weights)-1] = v.judge.weight(nn.Everybody, score[m], int(m), code, shape)
			}
		}
		for _, q := range policy.Weighed {
			seen.Spent[q] += figure(asked.Figures[q], k)
		}
	}
}

// figure is entry k of a column, NaN where the host did not reveal it.
func figure(column []float32, k int32) float32 {
	if int(k) >= len(column) {
		return float32(math.NaN())
	}
	return column[k]
}

// decide takes the most probable action of a row.
func (v *chooser) decide(net *actor.Batch, row int, text string, vector []float32, p *policy.Preference, asked *policy.Asked, r int) choice {
	models := v.State.Estimator.Models
	v.read(asked, r, text, v.e.Row(policy.Quality, row))
	n, tries := len(v.seen.Models), 0
	for _, tried := range v.tried {
		if tried {
			tries++
		}
	}
	sequential := v.config.sequential()
	allowed := func(a int) bool {
		switch {
		case a < models:
			return !v.tried[a] && tries < v.config.MaxAsks
		case a == models:
			return sequential && n > 0
		}
		return sequential && n > 1
	}
	v.featurizer.describe(v.e, row, vector, p, &v.seen, allowed, v.at.State, v.at.About, v.at.Base)
	v.at.Act(net, 0, 1)
	a := v.at.Likeliest(0)
	one := func(use policy.Use, m int) choice { return choice{use, []int32{int32(m)}, []float32{1}} }
	switch {
	case v.at.Base[a] <= actor.NotAllowed:
		// Nothing makes estimator: everyone asked was missing, or no price is known. Any answer in hand, else the best guess.
		if tries > 0 {
			for m, tried := range v.tried {
				if tried {
					return one(policy.Select, m)
				}
			}
		}
		if m := v.e.Choose(row, *p); m >= 0 {
			return one(policy.Select, m)
		}
		return choice{}
	case a >= models && n == 1, a == models:
		return one(policy.Select, int(v.seen.Models[n-1]))
	case a > models:
		c := choice{policy.Combine, append([]int32{}, v.seen.Models...), append([]float32{}, v.seen.Weights...)}
		var sum float32
		for _, w := range c.weights {
			sum += w
		}
		for i := range c.weights {
			c.weights[i] /= sum
		}
		return c
	case sequential:
		return one(policy.Ask, a)
	}
	return one(policy.Select, a)
}
