package env

import (
	"fmt"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Scalarisation says how an outcome becomes one number.
type Scalarisation uint8

const (
	// Linear is score − Σ λ·figure, paid as it is spent.
	Linear Scalarisation = iota
	// Chebyshev is 1 − max(1 − score, max_q λ_q·figure_q), at the end: the weighted distance
	// from a free, right answer (Steuer and Choo, Mathematical Programming 26, 1983; for agents Van Moffaert et al.,
	// ADPRL 2013). It reaches points in the dents of a front that no linear λ reaches.
	Chebyshev
)

// Config says what kind of episodes an environment runs.
type Config struct {
	Slots      int
	Sequential bool
	MaxAsks    int // models that one episode may ask; 0 means all. Ignored in one-shot mode
	Reward     Scalarisation
}

// Env runs one episode a slot. It is not safe for concurrent use: give each goroutine its own, they may share a World.
type Env struct {
	*World
	Config Config

	Prompt     []int32             // [slots]
	Preference []policy.Preference // [slots]
	asked      []uint64            // [slots] bits
	count      []int32             // [slots]
	model      []int32             // [slots × MaxAsks] in the order of asking
	answers    []int32             // likewise
	weights    []float32           // likewise
	result     []Result            // [slots]
}

// Result is how an episode ended or, before it has, what it has spent so far: its quality and what preferences weigh. It is
// what replay would say of it.
type Result [policy.NumQuantities]float32

// New returns an environment whose slots must be [Env.Reset] before the first step.
func New(w *World, c Config) (*Env, error) {
	if c.Slots < 1 {
		return nil, fmt.Errorf("an environment of %d slots", c.Slots)
	}
	if c.MaxAsks <= 0 || c.MaxAsks > w.Models {
		c.MaxAsks = w.Models
	}
	if !c.Sequential {
		c.MaxAsks = 1
	}
	return &Env{
		World: w, Config: c,
		Prompt: make([]int32, c.Slots), Preference: make([]policy.Preference, c.Slots),
		asked: make([]uint64, c.Slots), count: make([]int32, c.Slots),
		model: make([]int32, c.Slots*c.MaxAsks), answers: make([]int32, c.Slots*c.MaxAsks), weights: make([]float32, c.Slots*c.MaxAsks),
		result: make([]Result, c.Slots),
	}, nil
}

// Actions is the number of actions of a pool: ask each model, and in sequential mode two ways to stop.
func Actions(models int, sequential bool) int {
	if sequential {
		return models + 2
	}
	return models
}

// Reset puts a slot at the start of an episode.
func (e *Env) Reset(slot int, prompt int32, preference policy.Preference) {
	e.Prompt[slot], e.Preference[slot] = prompt, preference
	e.asked[slot], e.count[slot], e.result[slot] = 0, 0, Result{}
}

// Allowed tells whether an action makes sense in a slot's state: a model that was not asked yet and whose outcome the
// trace holds, while more may be asked; stopping once somebody answered; the vote once two did.
func (e *Env) Allowed(slot, action int) bool {
	n := int(e.count[slot])
	switch {
	case action < e.Models:
		return n < e.Config.MaxAsks && e.asked[slot]&(1<<action) == 0 && e.present[int(e.Prompt[slot])*e.Models+action]
	case !e.Config.Sequential:
		return false
	case action == e.Models:
		return n > 0
	}
	return action == e.Models+1 && n > 1
}

// Step takes action[slot] of every slot, which must be allowed, and writes rewards and ends into reward and done. A slot
// that is done must be reset before its next step. An action below 0 leaves its slot as it is.
func (e *Env) Step(action []int32, reward []float32, done []bool) {
	for slot, a := range action {
		if a >= 0 {
			reward[slot], done[slot] = e.step(slot, int(a))
		}
	}
}

func (e *Env) step(slot, action int) (reward float32, done bool) {
	p, r := &e.Preference[slot], &e.result[slot]
	if action < e.Models {
		at := int(e.Prompt[slot])*e.Models + action
		k := slot*e.Config.MaxAsks + int(e.count[slot])
		e.model[k], e.answers[k], e.weights[k] = int32(action), e.answer[at], e.weight[at]
		e.asked[slot] |= 1 << action
		e.count[slot]++
		for _, q := range policy.Weighed {
			r[q] += e.figures[q][at]
		}
		if e.Config.Reward == Linear {
			reward = -e.spend(at, p)
		}
		if e.Config.Sequential {
			return reward, false
		}
	}
	r[policy.Quality] = e.final(slot, action == e.Models+1)
	if e.Config.Reward == Linear {
		return reward + r[policy.Quality], true
	}
	return chebyshev(r, p), true
}

// chebyshev is the reward of a finished episode under that scalarisation.
func chebyshev(r *Result, p *policy.Preference) float32 {
	worst := 1 - float64(r[policy.Quality])
	for _, q := range policy.Weighed {
		if p[q] != 0 {
			worst = math.Max(worst, p[q]*float64(r[q]))
		}
	}
	return float32(1 - worst)
}

// final is the score of the answer that an episode ends with: that of the last model, or of the weighted vote against
// the reference, or where there is none the weighted mean of the scores. Of equal sums the answer given first wins.
func (e *Env) final(slot int, vote bool) float32 {
	lo := slot * e.Config.MaxAsks
	hi := lo + int(e.count[slot])
	row := int(e.Prompt[slot]) * e.Models
	if !vote || hi-lo == 1 {
		return e.figures[policy.Quality][row+int(e.model[hi-1])]
	}
	if e.reference == nil || e.reference[e.Prompt[slot]] == 0 {
		var mean, sum float32
		for k := lo; k < hi; k++ {
			mean += e.weights[k] * e.figures[policy.Quality][row+int(e.model[k])]
			sum += e.weights[k]
		}
		return mean / sum
	}
	answers := e.answers[lo:hi]
	if policy.Vote(len(answers), func(i int) int32 { return answers[i] }, e.weights[lo:hi]) == e.reference[e.Prompt[slot]] {
		return 1
	}
	return 0
}

// Result is what a slot's episode came to, or has spent so far.
func (e *Env) Result(slot int) Result { return e.result[slot] }

// Seen is what a live router knows in the middle of an episode. Entries are in the order of asking.
type Seen struct {
	Models  []int32
	Answers []int32   // equal numbers are equal answers, 0 is none
	Weights []float32 // of the vote
	Shape   []float32 // [len(Models) × ShapeFeatures]; nil without responses
	Spent   Result    // but for the score, which is zero
}

// Seen fills what is known in a slot's state, without an allocation: models, answers and weights are views, shapes are
// copied into the room that into has ([MaxAsks × ShapeFeatures]).
func (e *Env) Seen(slot int, into *Seen) {
	lo := slot * e.Config.MaxAsks
	hi := lo + int(e.count[slot])
	into.Models, into.Answers, into.Weights = e.model[lo:hi], e.answers[lo:hi], e.weights[lo:hi]
	into.Spent = e.result[slot]
	into.Spent[policy.Quality] = 0
	into.Shape = into.Shape[:0]
	if e.shape != nil {
		for _, m := range into.Models {
			at := (int(e.Prompt[slot])*e.Models + int(m)) * ShapeFeatures
			into.Shape = append(into.Shape, e.shape[at:at+ShapeFeatures]...)
		}
	}
}

// State is where every slot's episode stands.
type State struct {
	Prompt     []int32
	Preference []policy.Preference
	Asked      []uint64
	Count      []int32
	Model      []int32
	Answers    []int32
	Weights    []float32
	Result     []Result
}

// State copies out where every episode stands.
func (e *Env) State() State {
	return State{
		slices.Clone(e.Prompt), slices.Clone(e.Preference), slices.Clone(e.asked), slices.Clone(e.count),
		slices.Clone(e.model), slices.Clone(e.answers), slices.Clone(e.weights), slices.Clone(e.result),
	}
}

// Restore goes on from a state of an environment of the same world and configuration.
func (e *Env) Restore(s State) error {
	n, all := e.Config.Slots, e.Config.Slots*e.Config.MaxAsks
	for _, c := range [][2]int{
		{len(s.Prompt), n}, {len(s.Preference), n}, {len(s.Asked), n}, {len(s.Count), n}, {len(s.Result), n},
		{len(s.Model), all}, {len(s.Answers), all}, {len(s.Weights), all},
	} {
		if c[0] != c[1] {
			return fmt.Errorf("a state of %d figures, want %d: it is of another environment", c[0], c[1])
		}
	}
	for _, p := range s.Prompt {
		if p < 0 || int(p) >= e.N {
			return fmt.Errorf("a state at prompt %d of %d: it is of another world", p, e.N)
		}
	}
	copy(e.Prompt, s.Prompt)
	copy(e.Preference, s.Preference)
	copy(e.asked, s.Asked)
	copy(e.count, s.Count)
	copy(e.model, s.Model)
	copy(e.answers, s.Answers)
	copy(e.weights, s.Weights)
	copy(e.result, s.Result)
	return nil
}
