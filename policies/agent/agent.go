package agent

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/nn/actor"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Router is an agent as a policy.
type Router struct {
	config Config
	start  Start
	state  *state // nil before Fit
}

// state is what was learned.
type state struct {
	Estimator *estimator `json:"estimator"`
	Agents    []trained  `json:"agents"` // one, or one for every preference of the sweep
}

// New returns an agent trained by an algorithm.
func New(c Config, start Start) (*Router, error) {
	if c.MaxAsks <= 0 || c.MaxAsks > len(c.Setup.Models) {
		c.MaxAsks = len(c.Setup.Models)
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return &Router{config: c, start: start}, nil
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
	p.state = &state{Estimator: s, Agents: agents}
	return nil
}

// train plays and updates in turn, on the first of the datasets; the second, if there is one, is that of validation.
// Where from is not nil it goes on from there. tell is given a snapshot wherever the training may go on from.
func (p *Router) train(ctx context.Context, s *estimator, preferences []policy.Preference, datasets []*dataset, from *snapshot, tell func(policy.Progress, *snapshot) error) (*trained, error) {
	c := &p.config
	shape := actor.Shape{
		In: c.width(s), Actions: env.Actions(s.Models, c.Sequential), Hidden: c.Hidden, Each: c.each(), Scorer: c.Scorer,
	}
	actor, err := actor.New(shape, policy.Stream(c.Setup.Seed, c.Name, "weights"))
	if err != nil {
		return nil, err
	}
	learned := &trained{Actor: actor.Clone()}
	if c.Steps == 0 {
		return learned, ctx.Err() // the start itself, to the last bit
	}
	play, err := newCollector(c, s, preferences, datasets[0], shape)
	if err != nil {
		return nil, err
	}
	var check *checker
	var best *played
	if len(datasets) > 1 && c.Checks > 0 {
		if check, err = newChecker(c, s, preferences, datasets[1], shape); err != nil {
			return nil, err
		}
		if best, err = check.play(ctx, actor, play.multiplier); err != nil {
			return nil, err
		}
		if from == nil {
			err := tell(policy.Progress{Stage: "play", Step: 0, Total: c.Steps, Metrics: []policy.Metric{{Name: "validation_return", Value: best.mean}}}, nil)
			if err != nil {
				return nil, err
			}
		}
		play.weigh(check.weight)
	}
	algorithm, err := p.start(c, actor)
	if err != nil {
		return nil, err
	}
	defer algorithm.Close()
	rows := c.Slots * c.Horizon
	updates := max(1, (min(c.Steps, c.Passes*datasets[0].split.Len())+rows-1)/rows)
	every := max(1, updates/max(1, c.Checks))
	budgets := c.Budget != policy.Figures{}
	first := 0
	if from != nil {
		if !shaped(from.Learned.Actor, shape) || from.Updates > updates || (best != nil && len(from.Best) != len(best.utility)) {
			return nil, errors.New("the snapshot of the interrupted training is of another agent; run again with --fresh")
		}
		first, learned = from.Updates, &from.Learned
		if best != nil {
			best = newPlayed(from.Best)
		}
		err := play.restore(&from.Play)
		if err == nil {
			err = algorithm.Restore(from.Steps)
		}
		if err != nil {
			return nil, fmt.Errorf("going on with the interrupted training: %w; run again with --fresh", err)
		}
		if err := algorithm.Read(actor); err != nil {
			return nil, err
		}
	}
	started := time.Now()
	for u := first; u < updates; u++ {
		roll, err := play.collect(ctx, actor)
		if err != nil {
			return nil, err
		}
		metrics := play.metrics(roll)
		more, err := algorithm.Update(ctx, roll, 1-float64(u)/float64(updates))
		if err != nil {
			return nil, fmt.Errorf("update %d: %w", u+1, err)
		}
		if err := algorithm.Read(actor); err != nil {
			return nil, err
		}
		if budgets {
			play.learnMultipliers()
		}
		metrics = append(metrics, more...)
		rest := (u+1)%every == 0 || u+1 == updates
		if check != nil && rest {
			score, err := check.play(ctx, actor, play.multiplier)
			if err != nil {
				return nil, err
			}
			metrics = append(metrics, policy.Metric{Name: "validation_return", Value: score.mean})
			// A budget's price moves while training goes on: only the last agent is known to hold it.
			if budgets || score.better(best) {
				best, learned.Actor, learned.Multiplier = score, actor.Clone(), play.multiplier
			}
		} else if check == nil {
			learned.Actor, learned.Multiplier = actor, play.multiplier
		}
		var at *snapshot
		if rest && u+1 < updates {
			at = &snapshot{Updates: u + 1, Learned: *learned}
			if best != nil {
				at.Best = best.utility
			}
			if at.Play, err = play.state(); err != nil {
				return nil, err
			}
			if at.Steps, err = algorithm.State(); err != nil {
				return nil, err
			}
		}
		metrics = append(metrics, policy.Metric{Name: "steps_per_s", Value: float64((u+1-first)*rows) / time.Since(started).Seconds()})
		if err := tell(policy.Progress{Stage: "play", Step: (u + 1) * rows, Total: updates * rows, Metrics: metrics}, at); err != nil {
			return nil, err
		}
	}
	return learned, ctx.Err()
}

// Save implements [policy.Saver].
func (p *Router) Save() ([]byte, error) {
	if p.state == nil {
		return nil, errors.New(p.config.Name + " was not fitted")
	}
	return checkpoint.Save(p.config.Kind, p.state)
}

// Load implements [policy.Saver].
func (p *Router) Load(data []byte) error {
	s := new(state)
	if err := checkpoint.Load(p.config.Kind, data, s); err != nil {
		return err
	}
	if s.Estimator == nil {
		return errors.New("the checkpoint knows nothing; fit again")
	}
	if err := s.Estimator.check(len(p.config.Setup.Models)); err != nil {
		return err
	}
	if err := p.checkAgents(s); err != nil {
		return err
	}
	if (s.Estimator.Predictor != nil) != (p.config.Warm == WarmPredict) || (s.Estimator.Gate != nil) != (p.config.Warm == WarmGate) {
		return errors.New("the checkpoint was fitted with another warm_start; fit again")
	}
	p.state = s
	return nil
}
