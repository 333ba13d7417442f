package agent

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"

	"github.com/trilemma-bench/trilemma/policies/compute"
	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/forecast"
	"github.com/trilemma-bench/trilemma/policies/nn/actor"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Rollout is what was played between two updates: Horizon steps of every slot, row t·Slots + slot. An episode may go on
// from one rollout to the next.
type Rollout struct {
	Slots, Horizon int
	Width, Actions int
	Each           int

	State  []float32 // [rows × Width]
	About  []float32 // [rows × Actions × Each]
	Base   []float32 // [rows × Actions]
	Action []int32
	LogP   []float32 // of the action, when it was taken
	Ahead  []float32 // expected utility of the state by the warm start: what the actor's value adds to
	Value  []float32 // Ahead and the actor's value
	Reward []float32
	Done   []bool    // the episode ended with this step
	Last   []float32 // [Slots] value of the states that the rollout ended in
	Prompt []int32   // of the episode: rows that share it share what the prompt is worth
}

// Rows is the number of steps.
func (r *Rollout) Rows() int { return r.Slots * r.Horizon }

// player plays episodes of one split.
type player struct {
	config     *Config
	estimator  *estimator
	env        *env.Env
	dataset    *dataset
	featurizer []*featurizer // one a slot, so that slots may be looked at side by side
	seen       []env.Seen
	shape      actor.Shape
}

func newPlayer(c *Config, s *estimator, g *dataset, shape actor.Shape, slots int) (*player, error) {
	ev, err := env.New(g.world, env.Config{Slots: slots, Sequential: c.Sequential, MaxAsks: c.MaxAsks, Reward: c.Scalarisation})
	if err != nil {
		return nil, err
	}
	p := &player{config: c, estimator: s, env: ev, dataset: g, shape: shape, seen: make([]env.Seen, slots)}
	for range slots {
		p.featurizer = append(p.featurizer, newFeaturizer(s, c))
	}
	return p, nil
}

// see describes a slot's state and returns the value that is known of it.
func (p *player) see(slot int, state, each, base []float32) (ahead float32) {
	prompt := int(p.env.Prompt[slot])
	p.env.Seen(slot, &p.seen[slot])
	var vector []float32
	if p.config.Vector {
		vector = p.dataset.split.Prompts.Row(prompt)
	}
	p.featurizer[slot].member = int(p.dataset.fold[prompt])
	return p.featurizer[slot].describe(p.dataset.expect, prompt, vector, &p.env.Preference[slot], &p.seen[slot],
		func(action int) bool { return p.env.Allowed(slot, action) }, state, each, base)
}

// views are what an actor reads of some slots and what it says of them, row by row. Logits become log-probabilities.
type views struct{ state, each, base, logits, value []float32 }

func newViews(s actor.Shape, rows int) *views {
	return &views{
		make([]float32, rows*s.In), make([]float32, rows*s.Actions*s.Each), make([]float32, rows*s.Actions),
		make([]float32, rows*s.Actions), make([]float32, rows),
	}
}

// see describes a slot's state in a row.
func (v *views) see(p *player, slot, row int) (ahead float32) {
	s := p.shape
	return p.see(slot, v.state[row*s.In:(row+1)*s.In], v.each[row*s.Actions*s.Each:(row+1)*s.Actions*s.Each], v.base[row*s.Actions:(row+1)*s.Actions])
}

// judge runs an actor on rows from lo to hi.
func (v *views) judge(a *actor.Batch, s actor.Shape, lo, hi int) {
	logits := v.logits[lo*s.Actions : hi*s.Actions]
	a.Forward(hi-lo, v.state[lo*s.In:], v.each[lo*s.Actions*s.Each:], v.base[lo*s.Actions:], logits, v.value[lo:], new(actor.Scratch))
	for ; len(logits) > 0; logits = logits[s.Actions:] {
		actor.LogSoftmax(logits[:s.Actions])
	}
}

// collector plays the train split for an algorithm to learn from.
type collector struct {
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
	tally       tally
	followed    []int // actions whose shares are reported
	roll        *Rollout
	logits      []float32
}

// tally is what the diagnostics report of a rollout.
type tally struct {
	episodes, steps, entropy float64
	reward, score            float64
	spent                    policy.Figures
	asks, votes              float64
}

func newCollector(c *Config, s *estimator, preferences []policy.Preference, g *dataset, shape actor.Shape) (*collector, error) {
	p, err := newPlayer(c, s, g, shape, c.Slots)
	if err != nil {
		return nil, err
	}
	k := &collector{
		player: p, preferences: preferences, source: policy.Source(c.Setup.Seed, c.Name, "play"),
		which: make([]int, c.Slots), spent: make([]float64, c.Slots), threshold: make([]float64, len(preferences)),
		logits: make([]float32, c.Slots*shape.Actions),
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
	rows := c.Slots * c.Horizon
	k.roll = &Rollout{
		Slots: c.Slots, Horizon: c.Horizon, Width: shape.In, Actions: shape.Actions, Each: shape.Each,
		State: make([]float32, rows*shape.In), About: make([]float32, rows*shape.Actions*shape.Each), Base: make([]float32, rows*shape.Actions),
		Action: make([]int32, rows), LogP: make([]float32, rows), Ahead: make([]float32, rows), Value: make([]float32, rows),
		Reward: make([]float32, rows), Done: make([]bool, rows), Last: make([]float32, c.Slots), Prompt: make([]int32, rows),
	}
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
func (k *collector) reset(slot int) {
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
func (k *collector) weigh(weight []float64) {
	if len(weight) == 0 {
		return // there was nothing to weigh by
	}
	k.share = make([]float64, len(weight))
	for i, w := range weight {
		k.share[i] = w/2 + 0.5/float64(len(weight))
	}
}

func (k *collector) drawPreference() int {
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
func (k *collector) under(p policy.Preference) policy.Preference { return charged(p, k.multiplier) }

func charged(p, multiplier policy.Preference) policy.Preference {
	for q := range p {
		p[q] += multiplier[q]
	}
	return p
}

// collect plays one rollout with an actor.
func (k *collector) collect(ctx context.Context, a *actor.Actor) (*Rollout, error) {
	r, slots := k.roll, k.config.Slots
	k.tally = tally{}
	action, reward, done := make([]int32, slots), make([]float32, slots), make([]bool, slots)
	actor := a.Batch()
	for t := range k.config.Horizon {
		first := t * slots
		at := &views{
			r.State[first*r.Width:], r.About[first*r.Actions*r.Each:], r.Base[first*r.Actions:], k.logits, r.Value[first:],
		}
		err := compute.EachChunk(ctx, slots, func(lo, hi int) {
			for slot := lo; slot < hi; slot++ {
				r.Ahead[first+slot] = at.see(k.player, slot, slot)
			}
			at.judge(actor, k.shape, lo, hi)
			for row := first + lo; row < first+hi; row++ {
				r.Value[row] += r.Ahead[row]
			}
		})
		if err != nil {
			return nil, err
		}
		for slot := range slots {
			row := first + slot
			logp := k.logits[slot*r.Actions : (slot+1)*r.Actions]
			c := pick(logp, k.draw.Float64())
			action[slot], r.Action[row], r.LogP[row], r.Prompt[row] = int32(c), int32(c), logp[c], k.env.Prompt[slot]
			for _, x := range logp {
				if x > -30 {
					k.tally.entropy -= math.Exp(float64(x)) * float64(x)
				}
			}
			if c < k.estimator.Models {
				k.tally.asks++
			} else if c == k.estimator.Models+1 {
				k.tally.votes++
			}
		}
		k.env.Step(action, reward, done)
		for slot := range slots {
			row := first + slot
			k.spent[slot] += float64(reward[slot])
			if done[slot] {
				reward[slot] += float32(k.risk(k.which[slot], k.spent[slot]))
			}
			r.Reward[row], r.Done[row] = reward[slot]*k.scale[k.which[slot]], done[slot]
			if done[slot] {
				k.count(slot)
				k.reset(slot)
			}
			k.tally.steps++
		}
	}
	at := newViews(k.shape, slots)
	err := compute.EachChunk(ctx, slots, func(lo, hi int) {
		for slot := lo; slot < hi; slot++ {
			r.Last[slot] = at.see(k.player, slot, slot)
		}
		at.judge(actor, k.shape, lo, hi)
		for slot := lo; slot < hi; slot++ {
			r.Last[slot] += at.value[slot]
		}
	})
	return r, err
}

// pick draws from log-probabilities with one uniform number.
func pick(logp []float32, u float64) int {
	last := 0
	for i, x := range logp {
		if x < -60 {
			continue
		}
		last = i
		if u -= math.Exp(float64(x)); u < 0 {
			return i
		}
	}
	return last
}

// risk is what a finished episode's return is changed by under CVaR, the mean of the worst α of returns:
//
//	CVaR_α(R) = max_ν ν − E[max(0, ν − R)]/α
//
// (Rockafellar and Uryasev, Journal of Risk 2, 2000). With weight w the objective is (1−w)·E[R] + w·CVaR_α(R); ν follows
// the α-quantile of the returns of its preference by stochastic approximation.
func (k *collector) risk(preference int, total float64) float64 {
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
func (k *collector) count(slot int) {
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
func (k *collector) learnMultipliers() {
	g := &k.tally
	for q, bound := range k.config.Budget {
		if bound <= 0 || g.episodes == 0 || g.spent[q] != g.spent[q] {
			continue
		}
		over := g.spent[q]/g.episodes/bound - 1
		k.multiplier[q] = max(0, k.multiplier[q]+k.config.MultiplierRate*math.Max(-1, math.Min(1, over))/bound)
	}
}

// followedActions is how many actions' shares are reported.
const followedActions = 4

// metrics are the diagnostics of the rollout.
func (k *collector) metrics(r *Rollout) []policy.Metric {
	g := &k.tally
	e := max(g.episodes, 1)
	list := []policy.Metric{
		{Name: "return", Value: g.reward / e}, {Name: "score", Value: g.score / e}, {Name: "cost_usd", Value: g.spent[policy.Cost] / e},
		{Name: "entropy", Value: g.entropy / g.steps}, {Name: "episode_steps", Value: g.steps / e},
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

func (k *collector) actionName(a int) string {
	switch {
	case a < k.estimator.Models:
		return k.config.Setup.Models[a].ID
	case a == k.estimator.Models:
		return "stop_last"
	}
	return "stop_vote"
}
