package doubt

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Two names of one stem that share no prompt are doubted; two that share one, and two of other stems, are not.
func TestRenamed(t *testing.T) {
	for _, c := range []struct {
		a, b  string
		share int // prompts that both answered
		want  bool
	}{
		{"gpt-4o", "gpt-4o-2024-08-06", 0, true}, {"openai/gpt-4o:latest", "gpt-4o", 0, true}, {"claude-3-5-sonnet@20241022", "claude-3-5-sonnet@default", 0, true},
		{"gemini-1.5-pro-001", "gemini-1.5-pro-002", 0, true},
		{"gpt-4o", "gpt-4o-2024-08-06", 1, false}, {"gpt-4o", "gpt-4o-mini", 0, false}, {"llama-3-8b", "llama-3-70b", 0, false}, {"llama-3", "llama-3.1", 0, false},
	} {
		prompts := trace.Prompts{}
		for p := range 40 {
			prompts.ID = append(prompts.ID, fmt.Sprint(p))
		}
		tr := trace.NewTrace([]policy.Model{policy.NewModel(c.a), policy.NewModel(c.b), policy.NewModel("third")}, prompts)
		put := func(p, m int) {
			tr.Outcomes.Present.Set(tr.Outcomes.At(p, m))
			tr.Outcomes.Logged[policy.Quality][tr.Outcomes.At(p, m)] = float32(p%3) / 2
		}
		for p := range 40 {
			put(p, p/20)
			put(p, 2)
		}
		for p := range c.share {
			put(p, 1)
		}
		found, err := Find(context.Background(), tr)
		if err != nil {
			t.Fatal(err)
		}
		got := false
		for _, x := range found {
			if x.Kind == "renamed" {
				got = true
				if text := x.Error(); !strings.Contains(text, "they answered 20 and 20 prompts") || !strings.Contains(text, "aliases: [{name: "+c.b+"}]") {
					t.Error(text)
				}
			}
		}
		if got != c.want {
			t.Errorf("%s and %s sharing %d prompts: doubted %v, want %v", c.a, c.b, c.share, got, c.want)
		}
	}
}
