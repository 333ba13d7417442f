package random

import (
	"context"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

func TestEveryModelAlike(t *testing.T) {
	p, err := Definition().New(policy.Setup{Models: []policy.Model{policy.NewModel("a"), policy.NewModel("b"), policy.NewModel("c"), policy.NewModel("d")}})
	if err != nil {
		t.Fatal(err)
	}
	b := &policy.Batch{Prompts: &policy.Prompts{ID: []string{"x"}}, Preferences: []policy.Preference{{}}, Prompt: []int32{0, 0}, Preference: []int32{0, 0}}
	d, err := p.Route(context.Background(), b)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Check(2, 4); err != nil {
		t.Fatal(err)
	}
	if use, models, weights := d.Row(1); use != policy.Select || len(models) != 4 || weights[3] != 0.25 {
		t.Errorf("got %v %v %v, want four models of weight 0.25", use, models, weights)
	}
}
