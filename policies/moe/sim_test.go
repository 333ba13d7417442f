package moe

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// simulated draws n prompts of two topics that models answer, one answer of five being right. right gives the
// probability that a model is right on a topic; who is wrong names one of the others, so mistakes cancel.
func simulated(name string, n, models int, right func(model, topic int) float64) *policy.Split {
	r := policy.Stream(11, "moe simulator", name)
	s := &policy.Split{Prompts: policy.Prompts{Dim: 4}, Outcomes: policy.Outcomes{Models: models}}
	o := &s.Outcomes
	for i := range n {
		topic := r.IntN(2)
		s.Prompts.ID, s.Prompts.Text = append(s.Prompts.ID, fmt.Sprint(name, i)), append(s.Prompts.Text, "which?")
		s.Prompts.Category = append(s.Prompts.Category, fmt.Sprint("topic", topic))
		s.Reference = append(s.Reference, "A")
		s.Prompts.Vector = append(s.Prompts.Vector, float32(float64(2*topic-1)+0.4*r.NormFloat64()), float32(r.NormFloat64()), float32(r.NormFloat64()), float32(r.NormFloat64()))
		for m := range models {
			score, answer := float32(0), string(rune('B'+r.IntN(4)))
			if r.Float64() < right(m, topic) {
				score, answer = 1, "A"
			}
			o.Present, o.Figures[policy.Quality], o.Answer = append(o.Present, true), append(o.Figures[policy.Quality], score), append(o.Answer, answer)
			o.Figures[policy.Cost] = append(o.Figures[policy.Cost], 0.01*float32(1+m))
			o.Figures[policy.Carbon], o.Figures[policy.Latency] = append(o.Figures[policy.Carbon], float32(math.NaN())), append(o.Figures[policy.Latency], 1)
		}
	}
	return s
}

// fitted is a policy with its pool, trained.
func fitted(t *testing.T, raw string, models int, train *policy.Split, preferences ...policy.Preference) *router {
	t.Helper()
	var pool []policy.Model
	for m := range models {
		one := policy.NewModel(fmt.Sprint("model", m))
		one.PriceInputUSDPerMTok, one.PriceOutputUSDPerMTok = float64(1+m), float64(1+m)
		pool = append(pool, one)
	}
	p, err := Definition().New(policy.Setup{Models: pool, Params: json.RawMessage(raw), Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.(policy.Learner).Fit(context.Background(), &policy.Task{Train: train, Preferences: preferences}, nil); err != nil {
		t.Fatal(err)
	}
	return p.(*router)
}

// outcome of routing a split under one preference: mean score of the vote, mean cost, and the share of prompts on which
// each model was asked.
func outcome(t *testing.T, p *router, test *policy.Split, preference policy.Preference) (score, cost float64, asked []float64) {
	t.Helper()
	n := test.Len()
	b := &policy.Batch{Prompts: &test.Prompts, Preferences: []policy.Preference{preference}, Prompt: make([]int32, n), Preference: make([]int32, n)}
	for i := range n {
		b.Prompt[i] = int32(i)
	}
	d, err := p.Route(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	models := test.Outcomes.Models
	if err := d.Check(n, models); err != nil {
		t.Fatal(err)
	}
	asked = make([]float64, models)
	for r := range n {
		_, chosen, weights := d.Row(r)
		votes := map[string]float64{}
		for i, m := range chosen {
			asked[m] += 1 / float64(n)
			cost += float64(test.Outcomes.Figures[policy.Cost][r*models+int(m)]) / float64(n)
			votes[test.Outcomes.Answer[r*models+int(m)]] += float64(weights[i])
		}
		won := votes["A"] > 0
		for a, v := range votes {
			won = won && (a == "A" || v < votes["A"])
		}
		if won {
			score += 1 / float64(n)
		}
	}
	return score, cost, asked
}

// chosen is the model that each prompt goes to where money is no matter.
func chosen(t *testing.T, p *router, test *policy.Split) (models []int32) {
	t.Helper()
	b := &policy.Batch{Prompts: &test.Prompts, Preferences: []policy.Preference{{}}}
	for i := range test.Len() {
		b.Prompt, b.Preference = append(b.Prompt, int32(i)), append(b.Preference, 0)
	}
	d, err := p.Route(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	for i := range test.Len() {
		_, m, _ := d.Row(i)
		models = append(models, m[0])
	}
	return models
}

const quick = `"width":8,"members":2,"learning_rate":0.01,"weight_decay":0.01,"neighbours":0,"epochs":12,"batch":64,"text_features":false`

// Without a balance loss one expert takes all; with any of the three the work is spread.
func TestBalancePreventsCollapse(t *testing.T) {
	right := func(m, _ int) float64 { return 0.5 + 0.1*float64(m) }
	train, test := simulated("train", 600, 4, right), simulated("test", 300, 4, right)
	greatest := func(balance string) (top float64) {
		p := fitted(t, `{`+quick+`,"k":1,"entropy_weight":0.05,"score_weight":0.1`+balance+`}`, 4, train)
		_, _, asked := outcome(t, p, test, policy.Preference{})
		for _, share := range asked {
			top = max(top, share)
		}
		return top
	}
	if top := greatest(""); top < 0.9 {
		t.Errorf("without balance the greatest share is %.2f, want a collapse on one expert", top)
	}
	for _, balance := range []string{`,"importance_weight":2`, `,"load_weight":2`, `,"switch_weight":2`} {
		if top := greatest(balance); top > 0.7 {
			t.Errorf("with %s the greatest share is %.2f, want the work spread", balance, top)
		}
	}
}

func TestVoteBeatsEverySingleModel(t *testing.T) {
	right := func(m, topic int) float64 { return 0.55 + 0.1*float64((m+topic)%2) }
	train, test := simulated("train", 600, 5, right), simulated("test", 400, 5, right)
	p := fitted(t, `{`+quick+`,"k":5}`, 5, train, policy.Preference{}, policy.Preference{policy.Cost: 100})
	one := fitted(t, `{`+quick+`,"k":1}`, 5, train)
	single, _, _ := outcome(t, one, test, policy.Preference{})
	vote, dear, _ := outcome(t, p, test, policy.Preference{})
	if vote < single+0.1 {
		t.Errorf("the vote scores %.3f, one expert %.3f", vote, single)
	}
	_, cheap, _ := outcome(t, p, test, policy.Preference{policy.Cost: 100})
	if cheap > 0.5*dear {
		t.Errorf("where an answer costs a point or more, %.4f USD are spent, %.4f where money is no matter", cheap, dear)
	}
}

// A model that joins later is used after its probe prompts, and the others' routing stays as it was.
func TestUnseenModelJoins(t *testing.T) {
	right := func(m, topic int) float64 {
		if m == 3 {
			return 0.4 + 0.5*float64(topic) // by far the best on one topic
		}
		return 0.5 + 0.02*float64(m)
	}
	train, test := simulated("train", 800, 4, right), simulated("test", 400, 4, right)
	use := map[int]float64{}
	alone := chosen(t, fitted(t, `{`+quick+`,"k":1,"unseen":"model3","probe":0}`, 4, train), test)
	for _, probe := range []int{0, 200, 800} {
		p := fitted(t, fmt.Sprintf(`{%s,"k":1,"unseen":"model3","probe":%d}`, quick, probe), 4, train)
		_, _, asked := outcome(t, p, test, policy.Preference{})
		use[probe] = asked[3]
		for i, m := range chosen(t, p, test) {
			if probe > 0 && m != 3 && alone[i] != 3 && m != alone[i] {
				t.Fatalf("prompt %d goes to model %d after model3 joined, to %d before", i, m, alone[i])
			}
		}
		if kept := p.state.changes[1]; kept.Name != "routing_kept" || kept.Value != 1 {
			t.Errorf("reported %+v: joining must leave the others' routing as it was", kept)
		}
		state, err := p.Save()
		if err != nil {
			t.Fatal(err)
		}
		again := &router{params: p.params, setup: p.setup, unseen: p.unseen}
		if err := again.Load(state); err != nil {
			t.Fatal(err)
		}
		if _, _, same := outcome(t, again, test, policy.Preference{}); same[3] != asked[3] {
			t.Errorf("after Save and Load model3 takes %.3f, before %.3f", same[3], asked[3])
		}
	}
	if use[200] < 0.35 || use[200] > 0.65 || math.Abs(use[800]-0.5) > 0.15 {
		t.Errorf("model3 takes %v of the prompts by probe prompts, want about the half on which it is best", use)
	}
}
