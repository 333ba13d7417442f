package agent

import (
	"bytes"
	"encoding/gob"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"

	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/policy"
	"github.com/trilemma-bench/trilemma/policies/rl"
)

// player plays episodes of one split.
type player struct {
	config     *Config
	estimator  *estimator
	env        *env.Env
	dataset    *dataset
	featurizer []*featurizer // one a slot, so that slots may be looked at side by side
	seen       []env.Seen
}

func newPlayer(c *Config, s *estimator, g *dataset, slots int) (*player, error) {
	ev, err := env.New(g.world, env.Config{Slots: slots, Sequential: c.sequential(), MaxAsks: c.MaxAsks, Reward: c.reward()})
	if err != nil {
		return nil, err
	}
	p := &player{config: c, estimator: s, env: ev, dataset: g, seen: make([]env.Seen, slots)}
	for range slots {
		p.featurizer = append(p.featurizer, newFeaturizer(s, c))
	}
	return p, nil
}

// Observe implements [rl.Observer].
func (p *player) Observe(slot int, state, about, base []float32) (ahead float32) {
	prompt := int(p.env.Prompt[slot])
	p.env.Seen(slot, &p.seen[slot])
	var vector []float32
	if p.config.Vector {
		vector = p.dataset.split.Prompts.Row(prompt)
	}
	p.featurizer[slot].member = int(p.dataset.fold[prompt])
	return p.featurizer[slot].describe(p.dataset.expect, prompt, vector, &p.env.Preference[slot], &p.seen[slot],
		func(action int) bool { return p.env.Allowed(slot, action) }, state, about, base)
}

// arena is the train split as an [rl.Environment].
type arena struct {
	*player
	preferences []policy.Preference
	share       []float64 // [preferences] how often each is played; nil for all alike
	scale       []float32 // [preferences] of the reward
	order       []int32   // prompts that somebody of the pool answered, shuffled again each time round
	next        int
	source      *rand.ChaCha8
	draw        *rand.Rand        // from source
	which       []int             // [slots] preference
	spent       []float64         // [slots] return of the episode so far, unscaled
	threshold   []float64         // [preferences] value at risk
	multiplier  policy.Preference // prices of the budgets
	kept        policy.Preference // the prices that belong to the actor that training will return
	tally       tally
	followed    []int // actions whose shares are reported
}

// tally is what the diagnostics report of a rollout.
type tally struct {
	episodes, steps float64
	reward, score   float64
	spent           policy.Figures
	asks, votes     float64
}

func newArena(c *Config, s *estimator, preferences []policy.Preference, g *dataset) (*arena, error) {
	p, err := newPlayer(c, s, g, c.Slots)
	if err != nil {
		return nil, err
	}
	k := &arena{
		player: p, preferences: preferences, source: policy.Source(c.Setup.Seed, c.Name, "play"),
		which: make([]int, c.Slots), spent: make([]float64, c.Slots), threshold: make([]float64, len(preferences)),
	}
	k.draw = rand.New(k.source)
	for i := range g.split.Len() {
		for m := range s.Models {
			if p.env.Present(i, m) && usable(g.expect, i, m) {
				k.order = append(k.order, int32(i))
				break
			}
		}
	}
	if len(k.order) == 0 {
		return nil, fmt.Errorf("%s: no training prompt has an outcome to learn from", c.Name)
	}
	k.next = len(k.order)
	k.scale = scales(preferences, &g.split.Outcomes)
	for slot := range c.Slots {
		k.reset(slot)
	}
	return k, nil
}

func usable(e *forecast.Expected, row, model int) bool {
	q := e.Row(policy.Quality, row)[model]
	return q == q
}

// scales divide the reward by the spread of the utility over the pool's outcomes, so that a preference under which
// everything costs much does not drown the others.
func scales(preferences []policy.Preference, o *policy.Outcomes) []float32 {
	out := make([]float32, len(preferences))
	for k, p := range preferences {
		var n, sum, square float64
		for i, present := range o.Present {
			if !present {
				continue
			}
			u := p.Utility(o.Figures.At(i))
			if u == u {
				n, sum, square = n+1, sum+u, square+u*u
			}
		}
		mean := sum / max(n, 1)
		out[k] = float32(1 / max(math.Sqrt(max(square/max(n, 1)-mean*mean, 0)), 0.1))
	}
	return out
}

// reset starts the next episode of a slot.
func (k *arena) reset(slot int) {
	if k.next >= len(k.order) {
		k.draw.Shuffle(len(k.order), func(i, j int) { k.order[i], k.order[j] = k.order[j], k.order[i] })
		k.next = 0
	}
	k.which[slot] = k.drawPreference()
	k.env.Reset(slot, k.order[k.next], k.under(k.preferences[k.which[slot]]))
	k.next++
	k.spent[slot] = 0
}

// weigh lets preferences be played as often as they count, half of the time.
func (k *arena) weigh(weight []float64) {
	if len(weight) == 0 {
		return // there was nothing to weigh by
	}
	k.share = make([]float64, len(weight))
	for i, w := range weight {
		k.share[i] = w/2 + 0.5/float64(len(weight))
	}
}

func (k *arena) drawPreference() int {
	if k.share == nil {
		return k.draw.IntN(len(k.preferences))
	}
	u := k.draw.Float64()
	for i, s := range k.share {
		if u -= s; u < 0 {
			return i
		}
	}
	return len(k.share) - 1
}

// under adds the prices of the budgets to a preference.
func (k *arena) under(p policy.Preference) policy.Preference { return charged(p, k.multiplier) }

func charged(p, multiplier policy.Preference) policy.Preference {
	for q := range p {
		p[q] += multiplier[q]
	}
	return p
}

// Step implements [rl.Environment].
func (k *arena) Step(action []int32, reward []float32, done []bool) {
	for _, a := range action {
		if a < int32(k.estimator.Models) {
			k.tally.asks++
		} else if a == int32(k.estimator.Models)+1 {
			k.tally.votes++
		}
	}
	k.env.Step(action, reward, done)
	for slot := range action {
		which := k.which[slot]
		k.spent[slot] += float64(reward[slot])
		if done[slot] {
			reward[slot] += float32(k.risk(which, k.spent[slot]))
			k.count(slot)
			k.reset(slot)
		}
		reward[slot] *= k.scale[which]
		k.tally.steps++
	}
}

// risk is what a finished episode's return is changed by under CVaR, the mean of the worst α of returns:
//
//	CVaR_α(R) = max_ν ν − E[max(0, ν − R)]/α
//
// (Rockafellar and Uryasev, Journal of Risk 2, 2000). With weight w the objective is (1−w)·E[R] + w·CVaR_α(R); ν follows
// the α-quantile of the returns of its preference by stochastic approximation.
func (k *arena) risk(preference int, total float64) float64 {
	w := k.config.RiskWeight
	if w == 0 {
		return 0
	}
	nu := &k.threshold[preference]
	tail := *nu - math.Max(0, *nu-total)/k.config.RiskLevel
	below := 0.0
	if total < *nu {
		below = 1
	}
	*nu += 0.02 * (k.config.RiskLevel - below)
	return w * (tail - total)
}

// count adds a finished episode to the tally.
func (k *arena) count(slot int) {
	r, g := k.env.Result(slot), &k.tally
	g.episodes++
	g.reward += k.spent[slot]
	g.score += float64(r[policy.Quality])
	for _, q := range policy.Weighed {
		g.spent[q] += float64(r[q])
	}
}

// learnMultipliers raises the price of what is over its budget and lowers it where there is room: projected gradient
// ascent on the Lagrangian's dual (Altman, Constrained Markov Decision Processes, 1999), in steps relative to what a
// dollar, a gram or a second typically buys.
func (k *arena) learnMultipliers() {
	g := &k.tally
	for q, bound := range k.config.budget() {
		if bound <= 0 || g.episodes == 0 || g.spent[q] != g.spent[q] {
			continue
		}
		over := g.spent[q]/g.episodes/bound - 1
		k.multiplier[q] = max(0, k.multiplier[q]+k.config.MultiplierRate*math.Max(-1, math.Min(1, over))/bound)
	}
}

// followedActions is how many actions' shares are reported.
const followedActions = 4

// Played implements [rl.Environment]: the prices of budgets learn from what was spent.
func (k *arena) Played(r *rl.Rollout) []policy.Metric {
	metrics := k.metrics(r)
	k.learnMultipliers()
	k.tally = tally{}
	return metrics
}

// Keep implements [rl.Environment].
func (k *arena) Keep() { k.kept = k.multiplier }

// metrics are the diagnostics of a rollout.
func (k *arena) metrics(r *rl.Rollout) []policy.Metric {
	g := &k.tally
	e := max(g.episodes, 1)
	list := []policy.Metric{
		{Name: "return", Value: g.reward / e}, {Name: "score", Value: g.score / e}, {Name: "cost_usd", Value: g.spent[policy.Cost] / e},
		{Name: "entropy", Value: r.Entropy}, {Name: "episode_steps", Value: g.steps / e},
		{Name: "share_ask", Value: g.asks / g.steps}, {Name: "share_vote", Value: g.votes / e},
	}
	for q, price := range k.multiplier {
		if price > 0 {
			list = append(list, policy.Metric{Name: "multiplier_" + policy.Quantity(q).String(), Value: price})
		}
	}
	taken := make([]float64, r.Actions)
	for _, a := range r.Action {
		taken[a] += 1 / float64(len(r.Action))
	}
	// The actions that are taken most at first are followed to the end, so that their curves have no gaps.
	if k.followed == nil {
		order := make([]int, r.Actions)
		for i := range order {
			order[i] = i
		}
		sort.SliceStable(order, func(i, j int) bool { return taken[order[i]] > taken[order[j]] })
		k.followed = order[:min(followedActions, len(order))]
	}
	for _, a := range k.followed {
		list = append(list, policy.Metric{Name: "share_" + k.actionName(a), Value: taken[a]})
	}
	return list
}

func (k *arena) actionName(a int) string {
	switch {
	case a < k.estimator.Models:
		return k.config.Setup.Models[a].ID
	case a == k.estimator.Models:
		return "stop_last"
	}
	return "stop_vote"
}

// arenaState is where the play stands.
type arenaState struct {
	Order            []int32
	Next             int
	Stream           []byte
	Which            []int
	Spent, Threshold []float64
	Multiplier, Kept policy.Preference
	Followed         []int
	Env              env.State
}

// State implements [rl.Environment].
func (k *arena) State() ([]byte, error) {
	stream, err := k.source.MarshalBinary()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = gob.NewEncoder(&b).Encode(arenaState{k.order, k.next, stream, k.which, k.spent, k.threshold, k.multiplier, k.kept, k.followed, k.env.State()})
	return b.Bytes(), err
}

// Restore implements [rl.Environment].
func (k *arena) Restore(data []byte) error {
	s := new(arenaState)
	if err := gob.NewDecoder(bytes.NewReader(data)).Decode(s); err != nil {
		return err
	}
	if len(s.Order) != len(k.order) || len(s.Which) != len(k.which) || len(s.Spent) != len(k.spent) || len(s.Threshold) != len(k.threshold) {
		return errors.New("the play is of other prompts or preferences")
	}
	actions := env.Actions(k.estimator.Models, k.config.sequential())
	for _, a := range s.Followed {
		if a < 0 || a >= actions {
			return fmt.Errorf("action %d of %d is followed", a, actions)
		}
	}
	if err := k.env.Restore(s.Env); err != nil {
		return err
	}
	k.order, k.which, k.spent, k.threshold = s.Order, s.Which, s.Spent, s.Threshold
	k.next, k.multiplier, k.kept, k.followed = s.Next, s.Multiplier, s.Kept, s.Followed
	return k.source.UnmarshalBinary(s.Stream)
}
