package agent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/nn"
	"github.com/trilemma-bench/trilemma/policies/nn/actor"
	"github.com/trilemma-bench/trilemma/policies/policy"
	"github.com/trilemma-bench/trilemma/policies/rl"
)

// fitted is an agent after a fit, with an algorithm that changes nothing unless told to.
func fitted(t testing.TB, c Config, task *policy.Task, g idle, report func(policy.Progress)) *Router {
	t.Helper()
	p, err := New(c, func(_ *Config, a *actor.Actor) (rl.Algorithm, error) {
		made := g
		made.actor = a.Clone()
		return &made, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Fit(t.Context(), task, report); err != nil {
		t.Fatal(err)
	}
	return p
}

// Without a step of reward an agent is its start, to the last bit: the actor as it was drawn, no update, no check.
func TestNoStepsLeaveTheStart(t *testing.T) {
	task := taskOf(asked("train", 40, 0), asked("validation", 40, 0))
	c := small()
	c.Steps = 0
	var updates []*rl.Rollout
	reports := 0
	p := fitted(t, c, task, idle{updates: &updates}, func(g policy.Progress) {
		if g.Stage == "play" {
			reports++
		}
	})
	if len(updates) != 0 || reports != 0 {
		t.Errorf("%d updates and %d reports of play", len(updates), reports)
	}
	start, err := actor.New(p.State.Agents[0].Actor.Shape, policy.Stream(7, "test", "weights"))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(start.Weights, p.State.Agents[0].Actor.Weights) {
		t.Error("the weights are not those that were drawn")
	}
	if p.State.Agents[0].Multiplier != (policy.Preference{}) {
		t.Error("budgets have a price that nothing taught")
	}
	c.Steps = 1
	fitted(t, c, task, idle{updates: &updates}, nil)
	if len(updates) != 1 {
		t.Errorf("one step makes %d updates", len(updates))
	}
}

// An agent that reward makes worse on validation is not kept: the untrained one is.
func TestTheBestAgentIsKept(t *testing.T) {
	task := taskOf(asked("train", 60, 0), asked("validation", 60, 0))
	c := small()
	untrained := fitted(t, c, task, idle{}, nil).State.Agents[0].Actor
	spoil := func(towards int) func(*actor.Actor) {
		return func(a *actor.Actor) {
			a.Layer("heads_bias")[towards] = 50
		}
	}
	if kept := fitted(t, c, task, idle{at: 1, spoil: spoil(2)}, nil).State.Agents[0].Actor; !slices.Equal(kept.Weights, untrained.Weights) {
		t.Error("an agent that always asks the dear model is kept")
	}
	c.Checks = 0
	if kept := fitted(t, c, task, idle{at: 1, spoil: spoil(2)}, nil).State.Agents[0].Actor; kept.Layer("heads_bias")[2] != 50 {
		t.Error("without checks the last agent is not kept")
	}
}

// rounds routes prompts under preferences as a host does: what is asked is revealed in the next round.
func rounds(t testing.TB, p *Router, s *policy.Split, preferences []policy.Preference) (final *policy.Decisions, asked [][]int32) {
	t.Helper()
	n := s.Len() * len(preferences)
	b := &policy.Batch{Prompts: &s.Prompts, Preferences: preferences}
	open := make([]int, 0, n)
	for r := range n {
		open = append(open, r)
	}
	asked = make([][]int32, n)
	use, models, weights := make([]policy.Use, n), make([][]int32, n), make([][]float32, n)
	for round := 0; len(open) > 0; round++ {
		if round > len(pool) {
			t.Fatalf("%d rows still ask in round %d", len(open), round)
		}
		b.Round, b.Prompt, b.Preference = round, nil, nil
		b.Asked = &policy.Asked{Offset: []int32{0}}
		for _, r := range open {
			i := r % s.Len()
			b.Prompt, b.Preference = append(b.Prompt, int32(i)), append(b.Preference, int32(r/s.Len()))
			for _, m := range asked[r] {
				at, a := i*len(pool)+int(m), b.Asked
				a.Model, a.Missing = append(a.Model, m), append(a.Missing, !s.Outcomes.Present[at])
				a.Answer, a.Figures[policy.Cost] = append(a.Answer, s.Outcomes.Answer[at]), append(a.Figures[policy.Cost], s.Outcomes.Figures[policy.Cost][at])
				a.Figures[policy.Carbon], a.Figures[policy.Latency] = append(a.Figures[policy.Carbon], nan32), append(a.Figures[policy.Latency], s.Outcomes.Figures[policy.Latency][at])
			}
			b.Asked.Offset = append(b.Asked.Offset, int32(len(b.Asked.Model)))
		}
		d, err := p.Route(t.Context(), b)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Check(len(open), len(pool)); err != nil {
			t.Fatal(err)
		}
		var again []int
		for k, r := range open {
			if use[r], models[r], weights[r] = d.Row(k); use[r] == policy.Ask {
				asked[r] = append(asked[r], models[r]...)
				again = append(again, r)
			}
		}
		open = again
	}
	final = policy.NewDecisions(n)
	for r := range n {
		final.Append(use[r], models[r], weights[r])
	}
	return final, asked
}

// Routing in rounds does what the greedy agent does in the environment: the same models in the same order, the same end.
func TestRoundsAreGreedyEpisodes(t *testing.T) {
	for _, sequential := range []bool{true, false} {
		ends := map[string]int{}
		for _, shake := range []string{"a", "b", "c", "d"} {
			c := small()
			c.Steps, c.Vector = 0, true
			if !sequential {
				c.Mode = "one-shot"
			}
			p := fitted(t, c, taskOf(asked("train", 80, 0), asked("validation", 40, 0)), idle{}, nil)
			r := policy.Stream(5, "shake", shake)
			w := p.State.Agents[0].Actor.Weights
			for i := range w {
				w[i] += float32(0.7 * r.NormFloat64()) // an agent with a will of its own
			}
			test := asked("test", 50, 0)
			final, was := rounds(t, p, test, sweep)
			for row := range final.Rows() {
				asks, last := greedy(t, p, test, row)
				use, models, _ := final.Row(row)
				if !sequential {
					if len(was[row]) > 0 || use != policy.Select || models[0] != int32(last) {
						t.Fatalf("row %d ends with %v of %v, in the environment with %d", row, use, models, last)
					}
					ends[fmt.Sprint(last)]++
					continue
				}
				if !slices.Equal(was[row], asks) {
					t.Fatalf("row %d asks %v in rounds, %v in the environment", row, was[row], asks)
				}
				vote := last == len(pool)+1
				if (use == policy.Combine) != vote || vote && !slices.Equal(models, asks) || !vote && models[0] != asks[len(asks)-1] {
					t.Errorf("row %d ends with %v of %v after %v, in the environment with %d", row, use, models, asks, last)
				}
				ends[fmt.Sprint(use, asks)]++
			}
		}
		if len(ends) < 3 {
			t.Errorf("episodes end as %v: too alike to test anything", ends)
		}
	}
}

// greedy plays one row of a test in the environment: whom the agent asks, and its last action.
func greedy(t *testing.T, p *Router, test *policy.Split, row int) (asks []int32, last int) {
	t.Helper()
	s, net := p.State.Estimator, p.State.Agents[0].Actor
	g := &dataset{split: test, expect: s.means(test.Len()), fold: slices.Repeat([]int32{int32(nn.Everybody)}, test.Len())}
	var err error
	if g.world, err = env.NewWorld(test, s.priorWeights(g.expect), s.Answers); err != nil {
		t.Fatal(err)
	}
	play, err := newPlayer(&p.config, s, g, 1)
	if err != nil {
		t.Fatal(err)
	}
	play.env.Reset(0, int32(row%test.Len()), sweep[row/test.Len()])
	at, reward, done := rl.NewObservations(1, net.Shape), []float32{0}, []bool{false}
	for !done[0] {
		at.Observe(play, 0, 0)
		at.Act(net.Batch(), 0, 1)
		if last = at.Likeliest(0); last < len(pool) {
			asks = append(asks, int32(last))
		}
		play.env.Step([]int32{int32(last)}, reward, done)
	}
	return asks, last
}

// Models that turn out to be missing are no dead end, and nothing of them is charged.
func TestMissingAnswersInRounds(t *testing.T) {
	c := small()
	c.Steps = 0
	p := fitted(t, c, taskOf(asked("train", 80, 0), asked("validation", 40, 0)), idle{}, nil)
	final, was := rounds(t, p, asked("test", 60, 0.7), sweep)
	more := 0
	for row := range final.Rows() {
		if len(was[row]) > 1 {
			more++
		}
	}
	if more == 0 {
		t.Error("nobody asks on after a missing answer")
	}
	v := newChooser(p, p.State.Estimator.means(1))
	a := &policy.Asked{
		Offset: []int32{0, 3}, Model: []int32{0, 1, 2}, Missing: []bool{false, true, false}, Answer: []string{"A", "", "B"},
		Figures: policy.Matrix{policy.Cost: {0.5, nan32, 2}, policy.Latency: {1, nan32, 3}},
	}
	v.read(a, 0, "", p.State.Estimator.Overall.Row(policy.Quality, 0))
	if s := v.seen.Spent; s[policy.Cost] != 2.5 || s[policy.Latency] != 4 || s[policy.Carbon] == s[policy.Carbon] {
		t.Errorf("charged %+v, want 2.5 USD, 4 s and an unknown carbon", s)
	}
	if !slices.Equal(v.seen.Models, []int32{0, 2}) || !v.tried[1] {
		t.Errorf("seen %v, tried %v", v.seen.Models, v.tried)
	}
}

// What is saved and loaded routes alike; what is no checkpoint, or another agent's, is refused.
func TestCheckpoints(t *testing.T) {
	c := small()
	task := taskOf(asked("train", 60, 0), asked("validation", 40, 0))
	p := fitted(t, c, task, idle{}, nil)
	state, err := p.Save()
	if err != nil {
		t.Fatal(err)
	}
	load := func(c Config, state []byte) (*Router, error) {
		q, err := New(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		return q, q.Load(state)
	}
	q, err := load(c, state)
	if err != nil {
		t.Fatal(err)
	}
	again, err := q.Save()
	if err != nil || !bytes.Equal(again, state) {
		t.Errorf("what was loaded saves other bytes (%v)", err)
	}
	test := asked("test", 30, 0)
	want, _ := rounds(t, p, test, sweep)
	got, _ := rounds(t, q, test, sweep)
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Error("what was loaded routes otherwise")
	}
	vector, one, separate := c, c, c
	vector.Vector, one.Mode, separate.Conditioned = true, "one-shot", false
	for what, other := range map[string]Config{"that sees vectors": vector, "that asks once": one, "for one preference each": separate} {
		if _, err := load(other, state); err == nil {
			t.Errorf("an agent %s takes the checkpoint", what)
		}
	}
	if _, err := load(c, state[:len(state)/2]); err == nil {
		t.Error("half a checkpoint is taken")
	}
	if unfitted, err := New(c, nil); err != nil {
		t.Fatal(err)
	} else if _, err := unfitted.Save(); err == nil {
		t.Error("an agent that was not fitted is saved")
	}
}

// Agents of their own are trained on one preference each, in order, and route what they were trained for.
func TestSeparateAgents(t *testing.T) {
	c := small()
	c.Conditioned = false
	p := fitted(t, c, taskOf(asked("train", 40, 0), asked("validation", 40, 0)), idle{}, nil)
	if len(p.State.Agents) != len(sweep) {
		t.Fatalf("%d agents, want %d", len(p.State.Agents), len(sweep))
	}
	for i, a := range p.State.Agents {
		if a.Preference == nil || *a.Preference != sweep[i] {
			t.Errorf("agent %d is for %+v, want %+v", i, a.Preference, sweep[i])
		}
	}
}

func TestWhatAgentsRefuse(t *testing.T) {
	bandit, sequential, many := small(), small(), small()
	bandit.Feedback, bandit.Mode, bandit.WarmStart = "bandit", "one-shot", "predict"
	sequential.Feedback = "bandit"
	many.Setup.Models = make([]policy.Model, env.MaxModels+1)
	for what, c := range map[string]Config{"labels under bandit feedback": bandit, "bandit feedback in rounds": sequential, "a pool beyond a word": many} {
		if _, err := New(c, nil); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	p, err := New(small(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Route(t.Context(), &policy.Batch{Prompts: &policy.Prompts{}}); err == nil {
		t.Error("routes before it was fitted")
	}
	if p.config.MaxAsks != 3 {
		t.Errorf("at most %d asks", p.config.MaxAsks)
	}
}

// The parameters of the start keep what shapes it and set all else to its default.
func TestUntrainedParameters(t *testing.T) {
	var got map[string]any
	err := json.Unmarshal(untrained(struct {
		Mode   string  `json:"mode"`
		Hidden int     `json:"hidden"`
		Steps  int     `json:"steps"`
		Rate   float64 `json:"learning_rate"`
	}{"sequential", 64, 200_000, 0.001}), &got)
	if err != nil || len(got) != 2 || got["steps"] != 0.0 || got["learning_rate"] != 0.001 {
		t.Errorf("parameters %v (%v)", got, err)
	}
}

func TestTheAgentOfTheNearestPreferenceRoutes(t *testing.T) {
	agents := []trained{
		{Preference: &policy.Preference{}}, {Preference: &policy.Preference{policy.Cost: 10}},
		{Preference: &policy.Preference{policy.Cost: 1000}}, {Preference: &policy.Preference{policy.Carbon: 2}},
	}
	for _, c := range []struct {
		p    policy.Preference
		want int
	}{
		{policy.Preference{}, 0}, {policy.Preference{policy.Cost: 10}, 1}, {policy.Preference{policy.Cost: 14}, 1},
		{policy.Preference{policy.Cost: 900}, 2}, {policy.Preference{policy.Cost: 1e6}, 2}, {policy.Preference{policy.Carbon: 1}, 3},
	} {
		if got := nearest(agents, c.p); got != c.want {
			t.Errorf("%+v goes to agent %d, want %d", c.p, got, c.want)
		}
	}
	if got := nearest([]trained{{}}, policy.Preference{policy.Cost: 5}); got != 0 {
		t.Errorf("the only agent is %d, want 0", got)
	}
}
