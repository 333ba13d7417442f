package dataset

import (
	"strings"
	"testing"
	"time"

	"github.com/trilemma-bench/trilemma/harness/billing"
	"github.com/trilemma-bench/trilemma/harness/cost"
	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/harness/trace/split"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// versions is a source of one prompt and two models whose ids have an @ of their own, as Vertex AI names versions.
func versions(ids ...string) *source {
	var models []policy.Model
	for _, id := range ids {
		models = append(models, policy.NewModel(id))
	}
	t := trace.NewTrace(models, trace.Prompts{ID: []string{"p"}})
	for at := range ids {
		t.Outcomes.Present.Set(at)
		t.Outcomes.Logged[policy.Quality][at], t.Outcomes.InputTokens[at], t.Outcomes.OutputTokens[at] = 1, 1e6, 0
	}
	t.Outcomes.Estimated = trace.NewBitmap(len(ids))
	t.Outcomes.Estimated.Set(1)
	return &source{n: 1, trace: t}
}

// TestCopiesCostWhatTheirOriginalsDo holds that ids are opaque: a copy is billed as the model that it is a copy of, and a
// version as itself.
func TestCopiesCostWhatTheirOriginalsDo(t *testing.T) {
	book, err := cost.ParseBook([]byte(`models:
  - {id: m, prices: [{from: 2024-01-01, source: s, input: 1, output: 1}]}
  - {id: m@2024, prices: [{from: 2024-01-01, source: s, input: 3, output: 1}]}
  - {id: m@2025, prices: [{from: 2024-01-01, source: s, input: 6, output: 1}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	s := versions("m@2024", "m@2025")
	if err := s.deploy([]experiment.Deployment{{Models: []string{"m@2024"}, Zones: []string{"FRA", "POL"}}}); err != nil {
		t.Fatal(err)
	}
	acc := billing.DefaultAccounting()
	acc.Prices, acc.PricesOn = book, time.Date(2024, 12, 1, 0, 0, 0, 0, time.UTC)
	ordered, _, models := split.Ordered(s.trace)
	tab, err := billing.NewTable(ordered, []int{0, 1, 2, 3}, acc)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range map[string]float32{"m@2024": 3, "m@2024@FRA": 3, "m@2024@POL": 3, "m@2025": 6} {
		for m := range ordered.Models {
			if ordered.Models[m].ID == i && tab.At(0, m).At(policy.Cost) != want {
				t.Errorf("%s costs %v USD, want %v", i, tab.At(0, m).At(policy.Cost), want)
			}
		}
	}
	for m := range ordered.Models {
		if got, want := ordered.Outcomes.Estimated.Has(m), ordered.Models[m].ID == "m@2025"; got != want {
			t.Errorf("%s is estimated: %v, want %v (order %v)", ordered.Models[m].ID, got, want, models)
		}
	}
	if err := versions("m", "m@FRA").deploy([]experiment.Deployment{{Models: []string{"m"}, Zones: []string{"FRA"}}}); err == nil || !strings.Contains(err.Error(), "called so already") {
		t.Errorf("a copy that takes another model's id gives %v", err)
	}
}
