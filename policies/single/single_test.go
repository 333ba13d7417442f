package single

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

var pool = []policy.Model{policy.NewModel("llama-3-8b"), policy.NewModel("gemini-pro")}

func TestAsksTheModelNamed(t *testing.T) {
	p, err := Definition().New(policy.Setup{Models: pool, Params: json.RawMessage(`{"model":"gemini-pro"}`)})
	if err != nil {
		t.Fatal(err)
	}
	b := &policy.Batch{Prompts: &policy.Prompts{ID: []string{"x"}}, Preferences: []policy.Preference{{}}, Prompt: []int32{0}, Preference: []int32{0}}
	d, err := p.Route(context.Background(), b)
	if err != nil || d.Model[0] != 1 || d.Check(1, 2) != nil {
		t.Errorf("got %+v, %v; want model 1", d, err)
	}
}

func TestNamesTheMistake(t *testing.T) {
	for _, c := range []struct{ raw, want string }{
		{`{}`, "name the model that is always asked"},
		{`{"model":"gemini-por"}`, `did you mean "gemini-pro"?`},
		{`{"model":"gpt"}`, "the pool has llama-3-8b, gemini-pro"},
		{`{"model":7}`, "want a text in quotes"},
	} {
		if _, err := Definition().New(policy.Setup{Models: pool, Params: json.RawMessage(c.raw)}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.raw, err, c.want)
		}
	}
}
