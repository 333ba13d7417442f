package agent

import (
	"math"
	"slices"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/env"
	"github.com/trilemma-bench/trilemma/policies/nn/actor"
	"github.com/trilemma-bench/trilemma/policies/policy"
	"github.com/trilemma-bench/trilemma/policies/rl"
)

func playing(t testing.TB, c Config, missing float64) (*recorder, *actor.Actor) {
	t.Helper()
	task := taskOf(asked("train", 40, missing), asked("validation", 30, missing))
	s, datasets, shape := laid(t, &c, task)
	k, err := newArena(&c, s, task.Preferences, datasets[0])
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{arena: k}
	r.collector = rl.NewCollector(r, c.Slots, c.Horizon, shape, k.draw)
	return r, actorOf(t, shape)
}

// recorder is an arena that notes which prompt every step was taken at.
type recorder struct {
	*arena
	collector *rl.Collector
	prompts   []int32 // [rows] of the last rollout
}

func (k *recorder) Step(action []int32, reward []float32, done []bool) {
	k.prompts = append(k.prompts, k.env.Prompt...)
	k.arena.Step(action, reward, done)
}

func (k *recorder) collect(t *testing.T, a *actor.Actor) *rl.Rollout {
	t.Helper()
	k.prompts = k.prompts[:0]
	r, err := k.collector.Collect(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// episodes follows a slot's actions through rollouts and says, in plain arithmetic over the split, what each step earned.
type episodes struct {
	split *policy.Split
	asked []int
}

// step is the reward of an action under a preference, and whether the episode ended. With equal weights the vote goes to
// the answer with most voices, of equals the one given first.
func (e *episodes) step(prompt int32, action int, p policy.Preference, weight func(m int) float32) (reward float64, done bool) {
	o := &e.split.Outcomes
	at := func(m int) int { return int(prompt)*3 + m }
	if action < 3 {
		e.asked = append(e.asked, action)
		return -p[policy.Cost]*float64(o.Figures[policy.Cost][at(action)]) - p[policy.Latency]*float64(o.Figures[policy.Latency][at(action)]), false
	}
	last := e.asked[len(e.asked)-1]
	answer := o.Answer[at(last)]
	if action == 4 {
		var best float32
		for i, m := range e.asked {
			if slices.ContainsFunc(e.asked[:i], func(b int) bool { return o.Answer[at(b)] == o.Answer[at(m)] }) {
				continue
			}
			var votes float32
			for _, b := range e.asked {
				if o.Answer[at(b)] == o.Answer[at(m)] {
					votes += weight(b)
				}
			}
			if votes > best {
				best, answer = votes, o.Answer[at(m)]
			}
		}
	}
	e.asked = nil
	if answer == e.split.Reference[prompt] {
		return 1, true
	}
	return 0, true
}

// Rewards, ends and charges of what is played are those of the outcomes, action by action; probabilities and values those
// of the actor for the state that is stored.
func TestRolloutsAreWhatWasPlayed(t *testing.T) {
	c := small()
	k, net := playing(t, c, 0)
	slots := make([]episodes, c.Slots)
	for i := range slots {
		slots[i].split = k.dataset.split
	}
	which := slices.Clone(k.which)
	logits, value := make([]float32, 5), []float32{0}
	for round := range 4 {
		prompts := slices.Clone(k.env.Prompt)
		r := k.collect(t, net)
		var score, ended float64
		for row := range r.Rows() {
			slot := row % c.Slots
			if row < c.Slots && k.prompts[row] != prompts[slot] {
				t.Errorf("round %d: slot %d plays prompt %d, it stood at %d", round, slot, k.prompts[row], prompts[slot])
			}
			p, action := sweep[which[slot]], int(r.Action[row])
			reward, done := slots[slot].step(k.prompts[row], action, p, func(m int) float32 { return k.estimator.priorWeight(k.estimator.Overall.Row(policy.Quality, 0)[m]) })
			if want := reward * float64(k.scale[which[slot]]); math.Abs(float64(r.Reward[row])-want) > 1e-5 || r.Done[row] != done {
				t.Fatalf("round %d row %d: action %d earns %v and ends %v, want %v and %v", round, row, action, r.Reward[row], r.Done[row], want, done)
			}
			net.Batch().Forward(1, r.State[row*r.In:], r.About[row*5*r.Each:], r.Base[row*5:], logits, value, new(actor.Scratch))
			actor.LogSoftmax(logits)
			if math.Abs(float64(logits[action]-r.LogP[row])) > 1e-4 || math.Abs(float64(value[0]+r.Ahead[row]-r.Value[row])) > 1e-4 {
				t.Fatalf("round %d row %d: log-probability %v and value %v, want %v and %v", round, row, r.LogP[row], r.Value[row], logits[action], value[0]+r.Ahead[row])
			}
			if done {
				ended++
				score += reward
				which[slot] = nextPreference(t, k, r, row)
			}
		}
		found := map[string]float64{}
		for _, m := range k.Played(r) {
			found[m.Name] = m.Value
		}
		if ended == 0 || math.Abs(found["score"]-score/ended) > 1e-6 || math.Abs(found["episode_steps"]-float64(r.Rows())/ended) > 1e-6 {
			t.Errorf("round %d: score %v over %v steps an episode, want %v and %v", round, found["score"], found["episode_steps"], score/ended, float64(r.Rows())/ended)
		}
	}
}

// nextPreference finds under which preference a slot goes on after row: the one whose λ its state tells.
func nextPreference(t *testing.T, k *recorder, r *rl.Rollout, row int) int {
	t.Helper()
	next := row + r.Slots
	if next >= r.Rows() {
		return k.which[row%r.Slots]
	}
	state := r.State[next*r.In : (next+1)*r.In]
	for i, p := range sweep {
		typical := k.estimator.Typical
		if state[0] == squash(float32(p[policy.Cost]*typical[policy.Cost])) && state[1] == squash(float32(p[policy.Latency]*typical[policy.Latency])) {
			return i
		}
	}
	t.Fatalf("row %d: the state tells no preference", next)
	return -1
}

// Spend is charged once for each model asked, in the tally that budgets follow too.
func TestBudgetsFollowWhatIsCharged(t *testing.T) {
	c := small()
	c.BudgetCost = 0.01
	k, net := playing(t, c, 0)
	k.collect(t, net)
	mean := k.tally.spent[policy.Cost] / k.tally.episodes
	if !(mean > c.BudgetCost) {
		t.Fatalf("an untrained agent spends %v, which the budget of %v does not bind", mean, c.BudgetCost)
	}
	k.learnMultipliers()
	if want := c.MultiplierRate * min(1, mean/c.BudgetCost-1) / c.BudgetCost; math.Abs(k.multiplier[policy.Cost]-want) > 1e-9 || k.multiplier[policy.Carbon] != 0 {
		t.Errorf("prices %v after a mean of %v, want %v for cost alone", k.multiplier, mean, want)
	}
	if got := k.under(policy.Preference{policy.Cost: 2}); got[policy.Cost] != 2+k.multiplier[policy.Cost] || got[policy.Carbon] != 0 {
		t.Errorf("played under %+v", got)
	}
	k.tally.spent[policy.Cost] = 0
	for range 100 {
		k.learnMultipliers()
	}
	if k.multiplier[policy.Cost] != 0 {
		t.Errorf("a budget that is not used keeps a price of %v", k.multiplier[policy.Cost])
	}
}

// The value at risk goes to the α-quantile of the returns, and with it the changed returns to CVaR in the mean.
func TestRiskIsCVaR(t *testing.T) {
	k := &arena{player: &player{config: &Config{Objective: Objective{RiskWeight: 1, RiskLevel: 0.25}}}, threshold: []float64{0}}
	r := policy.Stream(1, "risk")
	var sum, n float64
	for i := range 60_000 {
		total := r.Float64()
		changed := total + k.risk(0, total)
		if i > 20_000 {
			sum, n = sum+changed, n+1
		}
	}
	// Returns even on [0, 1]: the quantile is 1/4, the mean of those below it 1/8.
	if math.Abs(k.threshold[0]-0.25) > 0.1 || math.Abs(sum/n-0.125) > 0.02 {
		t.Errorf("value at risk %.3f and CVaR %.3f, want 0.25 and 0.125", k.threshold[0], sum/n)
	}
	k.config.RiskWeight = 0
	if got := k.risk(0, 0.1); got != 0 {
		t.Errorf("without a weight the return is changed by %v", got)
	}
}

func TestScalesAreSpreads(t *testing.T) {
	o := &policy.Outcomes{
		Models: 2, Present: []bool{true, true, true, false}, Figures: policy.Matrix{policy.Quality: {1, 0, 1, nan32}, policy.Cost: {1, 3, nan32, nan32}},
	}
	got := scales([]policy.Preference{{}, {policy.Cost: 2}, {policy.Carbon: 1}}, o)
	spread := math.Sqrt(2.0/3 - 4.0/9)
	// Under λ = 2 the utilities are −1 and −6; those of unknown cost or carbon say nothing.
	for i, want := range []float64{1 / spread, 1 / 2.5, 10} {
		if math.Abs(float64(got[i])-want) > 1e-5 {
			t.Errorf("scale %d is %v, want %v", i, got[i], want)
		}
	}
}

func TestPreferencesArePlayedAsTheyCount(t *testing.T) {
	k := &arena{preferences: sweep, draw: policy.Stream(1, "preferences")}
	count := func() (share [3]float64) {
		for range 6000 {
			share[k.drawPreference()] += 1.0 / 6000
		}
		return share
	}
	k.weigh(nil)
	even := count()
	k.weigh([]float64{0.8, 0.2, 0})
	weighed := count()
	for i, want := range []float64{0.8/2 + 1.0/6, 0.2/2 + 1.0/6, 1.0 / 6} {
		if math.Abs(even[i]-1.0/3) > 0.03 || math.Abs(weighed[i]-want) > 0.03 {
			t.Errorf("preference %d is played %.3f and %.3f of the time, want 0.333 and %.3f", i, even[i], weighed[i], want)
		}
	}
}

// A collector that goes on from a state plays what the other would have played.
func TestPlayGoesOnFromItsState(t *testing.T) {
	c := small()
	c.RiskWeight, c.BudgetCost = 0.3, 0.05
	a, net := playing(t, c, 0.1)
	b, _ := playing(t, c, 0.1)
	for range 2 {
		a.Played(a.collect(t, net))
	}
	state, err := a.State()
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Restore(state); err != nil {
		t.Fatal(err)
	}
	want := a.collect(t, net)
	got := b.collect(t, net)
	if !slices.Equal(got.Action, want.Action) || !slices.Equal(got.Reward, want.Reward) || !slices.Equal(got.State, want.State) || !slices.Equal(got.Last, want.Last) {
		t.Error("it goes on otherwise")
	}
	if !slices.Equal(b.Played(got), a.Played(want)) {
		t.Error("it reports otherwise")
	}
	other := small()
	other.Slots--
	if c, _ := playing(t, other, 0.1); c.Restore(state) == nil {
		t.Error("the state of other slots is taken")
	}
}

// A prompt that nobody answered is never played, and a model without an outcome never asked.
func TestOnlyWhatIsThereIsPlayed(t *testing.T) {
	c := small()
	k, net := playing(t, c, 0.6)
	for range 5 {
		r := k.collect(t, net)
		for row, a := range r.Action {
			if a < 3 && !k.dataset.split.Outcomes.Present[int(k.prompts[row])*3+int(a)] {
				t.Fatalf("row %d asks model %d, which did not answer prompt %d", row, a, k.prompts[row])
			}
		}
	}
	nobody := asked("train", 5, 1.1)
	s, datasets, _ := laid(t, &c, taskOf(asked("train", 40, 0), nil))
	world, err := env.NewWorld(nobody, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	datasets[0].split, datasets[0].world = nobody, world
	if _, err := newArena(&c, s, sweep, datasets[0]); err == nil {
		t.Error("a split without any outcome is played")
	}
}
