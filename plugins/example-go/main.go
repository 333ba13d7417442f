// Command example-go is a routing policy in a plugin of its own: it sorts prompts into short, middling and long ones,
// and sends each sort to the model of best mean utility in training. Long questions tend to be hard ones.
//
//	go build -o plugins/example-go/trilemma-policy-by-length ./plugins/example-go
//	bin/trilemma policy describe by-length
package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/trilemma-bench/trilemma/plugins/serve"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

func main() { serve.Policy(definition()) }

func definition() policy.Definition {
	return policy.Definition{
		Description: policy.Description{
			Name: "by-length", Version: "1", Summary: "the best model for short, middling and long prompts",
			ParamsSchema: json.RawMessage(`{"type":"object","additionalProperties":false}`),
			Preference:   policy.PreferenceInput, Needs: []policy.Need{policy.NeedText}, Learns: true, Saves: true,
		},
		New: func(s policy.Setup) (policy.Policy, error) {
			if len(s.Params) > 0 && string(s.Params) != "{}" {
				return nil, errors.New("by-length has no parameters")
			}
			return &byLength{Models: len(s.Models)}, nil
		},
	}
}

// byLength is what was learned. Sums holds the sum of every quantity and how many there were of it, by sort
// and model; what is unknown (NaN) is not counted.
type byLength struct {
	Models int
	Limit  []int // bytes: a sort ends below its limit, the last sort has none
	Sums   [3][]sums
}

type sums struct{ Of, N policy.Figures }

func (s *sums) mean() policy.Figures {
	mean := s.Of
	for q := range mean {
		mean[q] /= max(s.N[q], 1)
	}
	return mean
}

func (p *byLength) sort(text string) int {
	i, _ := slices.BinarySearch(p.Limit, len(text)+1)
	return i
}

// Fit implements policy.Learner.
func (p *byLength) Fit(ctx context.Context, t *policy.Task, _ func(policy.Progress)) error {
	lengths := []int{}
	for _, text := range t.Train.Prompts.Text {
		lengths = append(lengths, len(text))
	}
	if len(lengths) == 0 {
		return errors.New("by-length needs at least one training prompt")
	}
	slices.Sort(lengths)
	p.Limit = []int{lengths[len(lengths)/3], lengths[len(lengths)*2/3]}
	o := &t.Train.Outcomes
	for s := range p.Sums {
		p.Sums[s] = make([]sums, p.Models)
	}
	for at, present := range o.Present {
		sums := &p.Sums[p.sort(t.Train.Prompts.Text[at/p.Models])][at%p.Models]
		for q, x := range o.Figures.At(at) {
			if present && x == x {
				sums.Of[q] += x
				sums.N[q]++
			}
		}
	}
	return ctx.Err()
}

// Route implements policy.Policy.
func (p *byLength) Route(ctx context.Context, b *policy.Batch) (*policy.Decisions, error) {
	if p.Limit == nil {
		return nil, errors.New("by-length was not fitted")
	}
	d := policy.NewDecisions(b.Rows())
	for r := range b.Rows() {
		best, utility := 0, 0.0
		for m, sums := range p.Sums[p.sort(b.Prompts.Text[b.Prompt[r]])] {
			u := b.Preferences[b.Preference[r]].Utility(sums.mean())
			if m == 0 || u > utility {
				best, utility = m, u
			}
		}
		d.AppendOne(policy.Select, best)
	}
	return d, ctx.Err()
}

// Save implements policy.Saver.
func (p *byLength) Save() ([]byte, error) { return json.Marshal(p) }

// Load implements policy.Saver.
func (p *byLength) Load(state []byte) error {
	var loaded byLength
	if err := json.Unmarshal(state, &loaded); err != nil {
		return err
	}
	if loaded.Models != p.Models || len(loaded.Limit) != 2 || len(loaded.Sums[0]) != p.Models ||
		len(loaded.Sums[1]) != p.Models || len(loaded.Sums[2]) != p.Models {
		return errors.New("the state is of another pool")
	}
	*p = loaded
	return nil
}
