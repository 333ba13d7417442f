package synth

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

func TestMissingOutcomesAreAbsent(t *testing.T) {
	s := generate(t, func(p *Params) { p.Prompts, p.MissingRate = 2000, 0.1 })
	o, present := &s.Trace.Outcomes, 0
	for at := range o.Logged[policy.Quality] {
		if o.Present.Has(at) {
			present++
		}
		if o.Present.Has(at) == math.IsNaN(float64(o.Logged[policy.Quality][at])) || o.Present.Has(at) != (o.Answer[at] > 0) {
			t.Fatalf("entry %d: present %v, score %v, answer %d", at, o.Present.Has(at), o.Logged[policy.Quality][at], o.Answer[at])
		}
	}
	if share := float64(present) / 16000; math.Abs(share-0.9) > 0.01 {
		t.Errorf("%.3f of the outcomes are present, want 0.9", share)
	}
	all := generate(t, func(p *Params) { p.Prompts = 2000 })
	for at := range o.Logged[policy.Quality] {
		if o.Present.Has(at) && o.Logged[policy.Quality][at] != all.Trace.Outcomes.Logged[policy.Quality][at] {
			t.Fatalf("entry %d: missing outcomes change the others", at)
		}
	}
}

// Inverse propensity weighting recovers every model's true mean from a bandit log, so the propensities are right.
func TestBanditPropensitiesAreTrue(t *testing.T) {
	s := generate(t, func(p *Params) { p.Prompts, p.Bandit = 40000, true })
	o, m := &s.Trace.Outcomes, 8
	estimate, weights, truth := make([]float64, m), make([]float64, m), make([]float64, m)
	for i := range 40000 {
		logged := 0
		for j := range m {
			at := o.At(i, j)
			truth[j] += float64(s.Truth.Chance[at]) / 40000
			if !o.Present.Has(at) {
				continue
			}
			logged++
			p := float64(o.Propensity[at])
			if p < 0.2/8-1e-6 || p > 1 {
				t.Fatalf("propensity %v", p)
			}
			estimate[j] += float64(o.Logged[policy.Quality][at]) / p / 40000
			weights[j] += 1 / p / 40000
		}
		if logged != 1 {
			t.Fatalf("prompt %d has %d outcomes, want one", i, logged)
		}
	}
	for j := range m {
		if math.Abs(weights[j]-1) > 0.1 || math.Abs(estimate[j]-truth[j]) > 0.06 {
			t.Errorf("model %d: weights sum to %.3f, IPS says %.3f, the truth is %.3f", j, weights[j], estimate[j], truth[j])
		}
	}
}

func TestGradedScores(t *testing.T) {
	s := generate(t, func(p *Params) { p.Prompts, p.Graded = 3000, true })
	if s.Trace.Outcomes.Answer != nil || s.Trace.Prompts.Reference != nil || strings.Contains(s.Trace.Prompts.Text[0], "\nA. ") {
		t.Error("graded prompts have options, answers or references")
	}
	var sum, chance float64
	between := 0
	for at, x := range s.Trace.Outcomes.Logged[policy.Quality] {
		if !(x >= 0 && x <= 1) {
			t.Fatalf("score %v", x)
		}
		if x > 0 && x < 1 {
			between++
		}
		sum += float64(x)
		chance += float64(s.Truth.Chance[at])
	}
	if n := float64(24000); math.Abs(sum-chance)/n > 0.005 || between < 12000 {
		t.Errorf("mean score %.4f, true mean %.4f; %d scores between 0 and 1", sum/n, chance/n, between)
	}
}

func TestDriftMovesTopicsAndAbilities(t *testing.T) {
	s := generate(t, func(p *Params) { p.Prompts, p.Drift = 6000, 1 })
	ps := &s.Trace.Prompts
	if !slices.IsSortedFunc(ps.ArrivedAt, time.Time.Compare) {
		t.Error("prompts do not arrive in order")
	}
	if days := ps.ArrivedAt[5999].Sub(ps.ArrivedAt[0]).Hours() / 24; math.Abs(days-30) > 0.1 {
		t.Errorf("6,000 prompts at 200 a day arrive over %.2f days", days)
	}
	share := func(from, to int) (topics map[string]float64) {
		topics = map[string]float64{}
		for _, c := range ps.Category[from:to] {
			topics[c] += 1 / float64(to-from)
		}
		return topics
	}
	var moved float64
	early, late := share(0, 1000), share(5000, 6000)
	for c := range early {
		moved += math.Abs(early[c] - late[c])
	}
	if moved < 0.15 {
		t.Errorf("topic shares moved by %.3f in sum, want 0.15", moved)
	}
	still := generate(t, func(p *Params) { p.Prompts = 6000 })
	if a, b := still.Truth.Chance[:80], s.Truth.Chance[:80]; math.Abs(float64(a[0]-b[0])) > 0.05 {
		t.Errorf("drift changes the first prompt's chances: %v, %v", a[0], b[0])
	}
}

func TestPools(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7, 8, 9, 24, 64} {
		s := generate(t, func(p *Params) { p.Prompts, p.Models = 20, n })
		seen := map[string]bool{}
		for _, m := range s.Trace.Models {
			if seen[m.ID] || !m.Priced() || m.PriceInputUSDPerMTok <= 0 || m.ParamsActiveB.High > m.ParamsTotalB.High || m.Region == "" {
				t.Errorf("%d models: %+v is a double or makes no sense", n, m)
			}
			seen[m.ID] = true
		}
		if len(seen) != n || len(s.Truth.Models) != n {
			t.Errorf("%d models, want %d", len(seen), n)
		}
		for at := range s.Truth.CarbonG {
			if !(s.Truth.CarbonG[at] > 0 && s.Truth.EnergyWh[at] > 0 && s.Truth.CostUSD[at] > 0 && s.Truth.LatencySec[at] > 0) {
				t.Fatalf("%d models: entry %d has carbon %v, energy %v, cost %v, latency %v", n, at,
					s.Truth.CarbonG[at], s.Truth.EnergyWh[at], s.Truth.CostUSD[at], s.Truth.LatencySec[at])
			}
		}
	}
	s := generate(t, func(p *Params) { p.Prompts = 10 })
	closed, moe := 0, 0
	for _, m := range s.Trace.Models {
		if !m.OpenWeights && m.ParamsTotalB.Low < m.ParamsTotalB.High {
			closed++
		}
		if m.OpenWeights && m.ParamsActiveB.High < m.ParamsTotalB.High {
			moe++
		}
	}
	if closed != 1 || moe < 2 {
		t.Errorf("the default pool has %d closed models and %d mixtures of experts", closed, moe)
	}
}

// Expected figures are the means of the drawn ones.
func TestExpectedFiguresAreMeans(t *testing.T) {
	s := generate(t, func(p *Params) { p.Prompts, p.LogCost = 20000, true })
	for j := range 8 {
		var cost, wantCost, latency, wantLatency float64
		for i := range 20000 {
			at := i*8 + j
			cost += float64(s.Trace.Outcomes.Logged[policy.Cost][at])
			wantCost += float64(s.Truth.CostUSD[at])
			latency += float64(s.Trace.Outcomes.Logged[policy.Latency][at])
			wantLatency += float64(s.Truth.LatencySec[at])
		}
		if math.Abs(cost/wantCost-1) > 0.015 || math.Abs(latency/wantLatency-1) > 0.015 {
			t.Errorf("%s: mean cost is %.4f of the expected, mean latency %.4f", s.Truth.Models[j], cost/wantCost, latency/wantLatency)
		}
	}
}

func TestExtremeWorlds(t *testing.T) {
	for name, change := range map[string]func(*Params){
		"one prompt":         func(p *Params) { p.Prompts = 1 },
		"one model, bandit":  func(p *Params) { p.Models, p.Bandit = 1, true },
		"greedy bandit":      func(p *Params) { p.Bandit, p.BanditEpsilon, p.BanditTemperature = true, 0, 0.001 },
		"everything missing": func(p *Params) { p.MissingRate = 1 },
		"no difficulty":      func(p *Params) { p.DifficultySD = 0 },
		"hard and steep":     func(p *Params) { p.DifficultySD, p.Discrimination, p.DiscriminationSD = 10, 20, 2 },
		"one topic":          func(p *Params) { p.Topics, p.Fields, p.DominantShare = 1, 1, 1 },
		"two options":        func(p *Params) { p.Options, p.Distraction = 2, 1 },
		"wild graded":        func(p *Params) { p.Graded, p.GradedConcentration, p.Level = true, 0.1, 20 },
		"long answers":       func(p *Params) { p.PromptWords, p.PromptWordsSD, p.OutputSD = 2000, 1, 2 },
	} {
		s := generate(t, func(p *Params) { p.Prompts = 60; change(p) })
		for at, x := range s.Trace.Outcomes.Logged[policy.Quality] {
			present := s.Trace.Outcomes.Present.Has(at)
			if present && !(x >= 0 && x <= 1 && s.Trace.Outcomes.OutputTokens[at] >= 1 && s.Trace.Outcomes.Logged[policy.Latency][at] > 0) {
				t.Fatalf("%s: entry %d has score %v, %v tokens, %v s", name, at, x, s.Trace.Outcomes.OutputTokens[at], s.Trace.Outcomes.Logged[policy.Latency][at])
			}
			if c := s.Truth.Chance[at]; !(c >= 0 && c <= 1) {
				t.Fatalf("%s: chance %v", name, c)
			}
		}
		for j := range s.Truth.Models {
			s.Response(0, j)
		}
		if b := s.Truth.Best(policy.Preference{policy.Cost: 1e9}); len(b) != s.Trace.Prompts.Len() {
			t.Errorf("%s: %d decisions", name, len(b))
		}
	}
}

func TestCheckNamesEveryBadParameter(t *testing.T) {
	p := Default()
	p.Prompts, p.Models, p.MissingRate, p.Text, p.DifficultySD = 0, 65, math.NaN(), "long", -1
	_, err := Generate(p)
	for _, want := range []string{"prompts is 0", "models is 65", "missing_rate is NaN", `text is "long"`, "difficulty_sd is -1"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %s", err, want)
		}
	}
	b, err := json.Marshal(Default())
	if err != nil {
		t.Fatal(err)
	}
	var back Params
	if err := json.Unmarshal(b, &back); err != nil || back != Default() {
		t.Errorf("parameters change on the way through JSON: %+v, %v", back, err)
	}
}
