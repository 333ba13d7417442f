package trace

import (
	"context"
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDescribe(t *testing.T) {
	tr := small()
	tr.Outcomes.Present.Clear(3)
	tr.Outcomes.CostUSD = NewMatrix(4)
	tr.Outcomes.CostUSD[1] = 0.5
	s := tr.Describe()
	if s.Outcomes != 3 || s.Missing != 1 || s.Complete != 1 || s.Coverage != 0.75 {
		t.Errorf("got %d outcomes, %d missing, %d complete, coverage %v", s.Outcomes, s.Missing, s.Complete, s.Coverage)
	}
	if got := Mean(s.ByModel[0].Score); got != 0.25 {
		t.Errorf("mean score of model a is %v, want 0.25", got)
	}
	if got := s.ByModel[1]; got.Outcomes != 1 || got.Coverage != 0.5 || Mean(got.CostUSD) != 0.5 {
		t.Errorf("model b: %+v", got)
	}
	if got := s.ByCategory[1]; got.Name != "y" || got.Prompts != 1 || got.Outcomes != 1 || Mean(got.Score) != 0.5 || got.CostUSD != nil {
		t.Errorf("category y: %+v", got)
	}
	if diff := cmp.Diff(s.Quantities[3], QuantityShare{"cost_usd", 1.0 / 3}); diff != "" {
		t.Error(diff)
	}
	if s.ModelCategory[3].Score != nil {
		t.Errorf("model b has no outcome in category y, but a score %v", *s.ModelCategory[3].Score)
	}
	if _, err := json.Marshal(s); err != nil {
		t.Errorf("as JSON: %v", err)
	}
}

// Counts of shared/data/README.md.
func TestDescribeMMLUPro(t *testing.T) {
	tr, err := Open(context.Background(), shared(t, "data/mmlu-pro"))
	if err != nil {
		t.Fatal(err)
	}
	s := tr.Describe()
	if s.Outcomes != 244408 || s.Missing != 1222 || len(s.Categories) != 14 || s.Bandit {
		t.Errorf("got %d outcomes, %d missing, %d categories, bandit %v", s.Outcomes, s.Missing, len(s.Categories), s.Bandit)
	}
	sum := 0.0
	for _, m := range s.ByModel {
		sum += Mean(m.Score) * float64(m.Outcomes)
	}
	for _, c := range s.ByCategory {
		sum -= Mean(c.Score) * float64(c.Outcomes)
	}
	if math.Abs(sum) > 1e-6 {
		t.Errorf("right answers by model and by category differ by %v", sum)
	}
}
