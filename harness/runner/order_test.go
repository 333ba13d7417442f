package runner

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/harness/synth"
	"github.com/trilemma-bench/trilemma/policies/bundled"
)

// small are parameters with which each bundled policy learns something in a moment; slow ones are left out of short tests.
var small = map[string]struct {
	params string
	slow   bool
}{
	"agreement": {}, "best-single": {}, "category-best": {}, "random": {}, "single": {},
	"knn":           {params: "k: 9"},
	"static":        {params: "epochs: 3"},
	"predict":       {params: "epochs: 3, members: 2, hidden: 4, cost_hidden: 4, neighbours: 9"},
	"carbon":        {params: "epochs: 3, members: 2, hidden: 4, usage_hidden: 4, neighbours: 9"},
	"carbon-budget": {params: "epochs: 3, members: 2, hidden: 4, usage_hidden: 4, neighbours: 9, budget_usd: 0.0001"},
	"moe":           {params: "epochs: 2, members: 2, width: 8, cost_hidden: 4, neighbours: 9", slow: true},
	"ppo":           {params: "steps: 512, slots: 16, horizon: 8, checks: 2, hidden: 8, scorer: 4, warm_start: none, use_vector: true", slow: true},
	"reinforce":     {params: "steps: 512, slots: 16, horizon: 8, checks: 2, hidden: 8, scorer: 4, warm_start: none, feedback: bandit, mode: one-shot", slow: true},
}

// policies is the list of the bundled policies, with small parameters.
func policies(t *testing.T) string {
	var list []string
	for _, d := range bundled.All() {
		name := d.Description.Name
		p, ok := small[name]
		if !ok {
			t.Errorf("%s has no small parameters: add them", name)
		}
		if !p.slow || !testing.Short() {
			list = append(list, fmt.Sprintf("{name: %s, params: {%s}}", name, p.params))
		}
	}
	return "policies: [" + strings.Join(list, ", ") + "]\n"
}

// The order of the rows of a trace's files, and of the models in models.yaml, reaches no result of any bundled policy.
func TestOrderOfTheFilesReachesNoResult(t *testing.T) {
	w := simulated(t, func(p *synth.Params) { p.MissingRate, p.Responses = 0.03, "short" })
	r := rand.New(rand.NewPCG(5, 6))
	for _, c := range []struct{ name, rest string }{
		{"one trace", "data: {trace: %s}\ncoverage: available\n" + policies(t)},
		{"copies in two places", "data: {trace: %s, arrivals: {from: 2024-06-01T00:00:00Z, span: 48h, replace: true}, regions: [{models: ['*'], zones: [FRA, POL]}]}\n" +
			"policies: [best-single, {name: carbon, params: {" + small["carbon"].params + "}}, {name: knn, params: {k: 9}}]\n"},
	} {
		first, one := ran(t, fmt.Sprintf(c.rest, w.store(t)))
		_, other := ran(t, fmt.Sprintf(c.rest, w.shuffled(r).store(t)))
		if first.ID == other.Run.ID {
			t.Errorf("%s: the shuffled files are not other files", c.name)
		}
		agree(t, c.name, one, other)
	}
}

// A train and a test trace apart, each in another order, are the same experiment.
func TestOrderOfJoinedTraces(t *testing.T) {
	train, test := simulated(t, nil), simulated(t, func(p *synth.Params) { p.Prompts, p.Seed = 120, 4 })
	for i := range test.Prompts.ID {
		test.Prompts.ID[i] = "test-" + test.Prompts.ID[i]
	}
	copy(test.Models, train.Models)
	r := rand.New(rand.NewPCG(7, 8))
	rest := "data: {train: %s, test: %s}\npolicies: [best-single, category-best, random, {name: knn, params: {k: 9}}, {name: predict, params: {" +
		small["predict"].params + "}}]\n"
	_, one := ran(t, fmt.Sprintf(rest, train.store(t), test.store(t)))
	_, other := ran(t, fmt.Sprintf(rest, train.shuffled(r).store(t), test.shuffled(r).store(t)))
	agree(t, "joined", one, other)
}

// agree holds that two runs have the same points and metrics, byte by byte.
func agree(t *testing.T, name string, one, other *Outcome) {
	t.Helper()
	for _, file := range []string{store.PointsCSV, MetricsCSV} {
		a, b := content1(t, one.Run, file), content1(t, other.Run, file)
		if strings.Count(a, "\n") < 5 {
			t.Errorf("%s: %s has nothing to compare:\n%s", name, file, a)
		}
		if a != b {
			t.Errorf("%s: %s differs:\n%s", name, file, cmp.Diff(strings.Split(a, "\n"), strings.Split(b, "\n")))
		}
	}
}
