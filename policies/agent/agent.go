// Package agent is what the policies that learn from reward share: how a state becomes numbers, how episodes are played
// in policies/env, and how a trained actor routes. How an actor is changed by what it played is an [rl.Algorithm], one file
// in policies/reinforce and one in policies/ppo; the loop around it is in policies/rl.
//
// The way of the data through a fit:
//
//  1. The estimator (estimator.go) learns from labels what can be known without acting: what to expect of every model for a
//     prompt (a [forecast.Forecaster], or nothing but means), and in sequential mode whether an answer is correct
//     (correctness.go): by itself, from how the response looks and what it claims, which weighs it in the vote (the answer
//     model), and given who answered what and who agrees with whom (the posterior). All are cross-fitted (Chernozhukov et
//     al., arXiv 1608.00060): the member of an ensemble that did not train on a prompt judges it while the agent is trained.
//     What an answer took tells what the next will (elasticity.go).
//  2. A state is laid out as numbers (features.go): what the user pays, what was spent, votes (votes.go), posteriors, and a
//     few numbers for every action. Each action also gets a base logit, its expected utility in score over a temperature, so
//     that an untrained agent is the supervised router that it starts from and reward teaches it what that one does not
//     know: that asking is worth more than the answer it brings.
//     With feedback "bandit" nothing is learned from labels: the means are those of the outcomes that a log chose, weighted
//     by its propensities, and episodes are played on doubly robust outcomes (bandit.go); without a log, models are drawn.
//  3. Episodes are played on the train split (play.go), under a preference drawn for each, in many slots side by side, and
//     the algorithm changes the actor.
//  4. From time to time the greedy agent is played on the validation split (evaluate.go). The best one is kept, the untrained
//     one included, so that reward can not make it worse than its warm start there.
//  5. At test time the host reveals answers in rounds, the same numbers are computed from them, and the most probable
//     action is taken (route.go).
package agent

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"math"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/nn/actor"
	"github.com/trilemma-bench/trilemma/policies/policy"
	"github.com/trilemma-bench/trilemma/policies/rl"
)

// Router is an agent as a policy.
type Router struct {
	checkpoint.Learned[state]
	config Config
	start  Start
}

// state is what was learned.
type state struct {
	Estimator *estimator `json:"estimator"`
	Agents    []trained  `json:"agents"` // one, or one for every preference of the sweep
}

// trained is an actor and what it was trained for.
type trained struct {
	Preference *policy.Preference `json:"preference,omitempty"` // nil: it is told the preference, any of them
	Actor      *actor.Actor       `json:"actor"`
	Multiplier policy.Preference  `json:"multiplier"` // prices of the budgets, added to every preference
}

// New returns an agent trained by an algorithm.
func New(c Config, start Start) (*Router, error) {
	if c.MaxAsks <= 0 || c.MaxAsks > len(c.Setup.Models) {
		c.MaxAsks = len(c.Setup.Models)
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	p := &Router{config: c, start: start}
	p.Learned = checkpoint.Learned[state]{Kind: c.Kind, Check: p.check}
	return p, nil
}

// Fit implements [policy.Learner].
func (p *Router) Fit(ctx context.Context, t *policy.Task, report func(policy.Progress)) error {
	c := &p.config
	if err := forecast.CheckTask(t, len(c.Setup.Models), c.needs()...); err != nil {
		return err
	}
	overall := forecast.Overall(len(c.Setup.Models), t.Train)
	for i, preference := range append([]policy.Preference{{}}, t.Preferences...) {
		if err := overall.Check(preference, c.Setup.Models); err != nil {
			return fmt.Errorf("preference %d: %w", i-1, err)
		}
	}
	from, err := decodeSnapshot(t.Snapshot)
	if err != nil {
		return err
	}
	task := *t
	if len(task.Preferences) == 0 {
		task.Preferences = []policy.Preference{{}}
	}
	s := &estimator{}
	train, validation, err := s.learn(ctx, c, &task, report)
	if err != nil {
		return err
	}
	datasets, err := s.lay(ctx, c, &task, train, validation, report)
	if err != nil {
		return err
	}
	agents, err := p.trainAll(ctx, s, task.Preferences, datasets, from, report)
	if err != nil {
		return err
	}
	p.State = &state{Estimator: s, Agents: agents}
	return nil
}

// snapshot is where an interrupted training stood. What came before the playing is not in it: it is learned again, to the
// same bits. It is a gob: costs that are not known are NaN, which JSON has not.
type snapshot struct {
	Agents   []trained         // those of earlier preferences
	History  []policy.Progress // what was reported of the playing
	Training *rl.Snapshot
}

// decodeSnapshot reads a snapshot; nil where there is none.
func decodeSnapshot(data []byte) (*snapshot, error) {
	if len(data) == 0 {
		return nil, nil
	}
	s := new(snapshot)
	err := gob.NewDecoder(bytes.NewReader(data)).Decode(s)
	if err == nil && s.Training == nil {
		err = errors.New("it has no training")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the snapshot of an interrupted training: %w; run again with --fresh", err)
	}
	return s, nil
}

// trainAll trains one agent on all preferences, or one on each. All see with the same estimator. from is where an interrupted
// training stood, or nil.
func (p *Router) trainAll(ctx context.Context, s *estimator, preferences []policy.Preference, datasets []*dataset, from *snapshot, report func(policy.Progress)) ([]trained, error) {
	lists := [][]policy.Preference{preferences}
	if !p.config.Conditioned {
		lists = nil
		for _, one := range preferences {
			lists = append(lists, []policy.Preference{one})
		}
	}
	agents, history := make([]trained, 0, len(lists)), []policy.Progress{}
	if from != nil {
		if len(from.Agents) >= len(lists) {
			return nil, errors.New("the snapshot of the interrupted training is of other preferences; run again with --fresh")
		}
		agents = append(agents, from.Agents...)
		for _, g := range from.History {
			history = append(history, g)
			if report != nil {
				report(g)
			}
		}
	}
	for i, list := range lists {
		if i < len(agents) {
			continue
		}
		// One curve of all agents, one after another.
		tell := func(g policy.Progress, at *rl.Snapshot) error {
			g.Step, g.Total = g.Step+i*g.Total, g.Total*len(lists)
			history = append(history, g)
			if report == nil {
				return nil
			}
			if at != nil {
				var b bytes.Buffer
				if err := gob.NewEncoder(&b).Encode(&snapshot{agents, history, at}); err != nil {
					return fmt.Errorf("writing a snapshot: %w", err)
				}
				g.Snapshot = b.Bytes()
			}
			report(g)
			return nil
		}
		var going *rl.Snapshot
		if from != nil {
			going, from = from.Training, nil
		}
		one, err := p.train(ctx, s, list, datasets, going, tell)
		if err != nil && !p.config.Conditioned {
			err = fmt.Errorf("the agent of preference %d: %w", i, err)
		}
		if err != nil {
			return nil, err
		}
		if !p.config.Conditioned {
			one.Preference = &list[0]
		}
		agents = append(agents, *one)
	}
	return agents, nil
}

// shape is that of an actor.
func (c *Config) shape(s *estimator) actor.Shape {
	return actor.Shape{
		In: c.width(s), Actions: env.Actions(s.Models, c.sequential()), Hidden: c.Hidden, Each: actionFeatures, Scorer: c.Scorer,
	}
}

// train trains one agent on the first of the datasets; the second, if there is one, is that of validation.
func (p *Router) train(ctx context.Context, s *estimator, preferences []policy.Preference, datasets []*dataset, from *rl.Snapshot, tell func(policy.Progress, *rl.Snapshot) error) (*trained, error) {
	c := &p.config
	shape := c.shape(s)
	net, err := actor.New(shape, policy.Stream(c.Setup.Seed, c.Name, "weights"))
	if err != nil {
		return nil, err
	}
	if c.Steps == 0 {
		return &trained{Actor: net}, ctx.Err() // the start itself, to the last bit
	}
	play, err := newArena(c, s, preferences, datasets[0])
	if err != nil {
		return nil, err
	}
	rows := c.Slots * c.Horizon
	updates := max(1, (min(c.Steps, c.Passes*datasets[0].split.Len())+rows-1)/rows)
	loop := &rl.Loop{
		Environment: play, Slots: c.Slots, Horizon: c.Horizon, Draw: play.draw, Updates: updates, Every: max(1, updates/max(1, c.Checks)),
		KeepLast: c.budget() != policy.Figures{}, // a budget's price moves while training goes on: only the last agent is known to hold it
		Report: func(step, total int, metrics []policy.Metric, at *rl.Snapshot) error {
			return tell(policy.Progress{Stage: "play", Step: step, Total: total, Metrics: metrics}, at)
		},
	}
	if len(datasets) > 1 && c.Checks > 0 {
		check, err := newEvaluator(c, s, preferences, datasets[1])
		if err != nil {
			return nil, err
		}
		loop.Validate = func(ctx context.Context, a *actor.Actor) ([]float64, error) {
			utility, err := check.play(ctx, a, play.multiplier)
			play.weigh(check.weight)
			return utility, err
		}
	}
	algorithm, err := p.start(c, net)
	if err != nil {
		return nil, err
	}
	defer algorithm.Close()
	kept, err := loop.Train(ctx, net, algorithm, from)
	return &trained{Actor: kept, Multiplier: play.kept}, err
}

// nearest is the agent trained for a preference, or for the one least far from it where it is none of the sweep. The
// first wins a tie.
func nearest(agents []trained, p policy.Preference) int {
	best, least := 0, math.Inf(1)
	for i := range agents {
		q := agents[i].Preference
		if q == nil {
			return i
		}
		far := 0.0
		for _, weighed := range policy.Weighed {
			far += apart(q[weighed], p[weighed])
		}
		if far < least {
			best, least = i, far
		}
	}
	return best
}

// apart compares prices of one figure by their ratio: 0 where they are equal, 1 where one of them is zero.
func apart(a, b float64) float64 {
	if a == b {
		return 0
	}
	return math.Abs(a-b) / math.Max(a, b)
}

// check tells whether a loaded state fits the parameters.
func (p *Router) check(s *state) error {
	c := &p.config
	if s.Estimator == nil {
		return errors.New("the checkpoint knows nothing; fit again")
	}
	if err := s.Estimator.check(c); err != nil {
		return err
	}
	if len(s.Agents) == 0 {
		return errors.New("the checkpoint has no agent; fit again")
	}
	for i := range s.Agents {
		a := &s.Agents[i]
		if err := a.Actor.Check(); err != nil {
			return err
		}
		want := c.shape(s.Estimator)
		want.Hidden, want.Scorer = a.Actor.Shape.Hidden, a.Actor.Shape.Scorer
		// All share one featurizer, whose buffers are laid out by the first.
		if a.Actor.Shape != want || want != s.Agents[0].Actor.Shape {
			return fmt.Errorf("the checkpoint's actor has shape %+v, want %+v: it was fitted with other parameters", a.Actor.Shape, want)
		}
		if (a.Preference == nil) != c.Conditioned {
			return errors.New("the checkpoint was fitted with another value of conditioned; fit again")
		}
	}
	return nil
}
