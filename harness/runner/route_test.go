package runner

import (
	"context"
	"encoding/json"
	"slices"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// reader asks the model that a prompt's text names, where the text is of even length, and ends with the next one.
type reader struct{ models int }

func (p *reader) named(text string) int {
	sum := 0
	for _, b := range []byte(text) {
		sum += int(b)
	}
	return sum % p.models
}

func (p *reader) Route(_ context.Context, b *policy.Batch) (*policy.Decisions, error) {
	d := policy.NewDecisions(b.Rows())
	for r := range b.Rows() {
		text := b.Prompts.Text[b.Prompt[r]]
		switch m := p.named(text); {
		case b.Round == 0 && len(text)%2 == 0:
			d.AppendOne(policy.Ask, m)
		case b.Preferences[b.Preference[r]][policy.Cost] > 0:
			d.AppendOne(policy.Select, m)
		default:
			d.AppendOne(policy.Select, (m+1)%p.models)
		}
	}
	return d, nil
}

func (p *reader) Observe(context.Context, *policy.Feedback) error { return nil }

// Policies meet prompts in another order than the trace's: what they decide must stand beside the prompt that it is for,
// whether all are routed at once or batch by batch.
func TestDecisionsStandBesideTheirPrompts(t *testing.T) {
	for _, online := range []bool{false, true} {
		w := prepared(t, policy.Definition{
			Description: policy.Description{
				Name: "reader", Version: "1", Summary: "a test", Preference: policy.PreferenceInput, Sequential: true, Online: online,
				ParamsSchema: json.RawMessage(`{"type":"object"}`), Needs: []policy.Need{policy.NeedText},
			},
			New: func(s policy.Setup) (policy.Policy, error) { return &reader{len(s.Models)}, nil },
		})
		result := w.done(t)
		models, prompts := w.feed.Models(), &w.data.Trace.Prompts
		p, rows := &reader{len(models)}, 0
		for d := range result.Decisions {
			at := w.test[rows%len(w.test)]
			rows++
			text := prompts.Text[at]
			m := p.named(text)
			want, asked := models[(m+1)%len(models)].ID, []string(nil)
			if d.Preference != "0" {
				want = models[m].ID
			}
			if len(text)%2 == 0 {
				asked = []string{models[m].ID}
			}
			if d.PromptID != prompts.ID[at] || d.Model != want || !slices.Equal(d.Asked, asked) {
				t.Fatalf("online %v: prompt %s is decided as %s after %v, want %s after %v", online, d.PromptID, d.Model, d.Asked, want, asked)
			}
		}
		if want := len(w.test) * len(w.cell.Preferences); rows != want {
			t.Errorf("online %v: %d decisions, want %d", online, rows, want)
		}
	}
}
