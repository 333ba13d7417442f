package host

import (
	"errors"
	"fmt"
	"slices"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// The functions below keep back every column that a policy did not ask for, whatever the caller hands in, and refuse a
// call that lacks one that it needs, or whose columns do not fit each other.

// cleanPrompts keeps back the category unless the policy declared the need for it: that of the training prompts, or of
// those to be routed.
func (i *Instance) cleanPrompts(p *policy.Prompts, category policy.Need) (*policy.Prompts, error) {
	if p == nil {
		return nil, errors.New("there are no prompts")
	}
	n := p.Len()
	out := &policy.Prompts{ID: p.ID}
	if i.about.Wants(policy.NeedText) {
		if len(p.Text) != n {
			return nil, fmt.Errorf("the policy needs the text of prompts: there are %d texts for %d prompts", len(p.Text), n)
		}
		out.Text = some(p.Text)
	}
	if i.about.Wants(category) {
		if len(p.Category) != n {
			return nil, fmt.Errorf("the policy needs the category of prompts: there are %d for %d prompts", len(p.Category), n)
		}
		out.Category = some(p.Category)
	}
	if i.about.Wants(policy.NeedVector) {
		if p.Dim < 1 || len(p.Vector) != n*p.Dim {
			return nil, fmt.Errorf("the policy needs vectors: there are %d numbers for %d prompts of %d dimensions; "+
				"give the experiment an encoder", len(p.Vector), n, p.Dim)
		}
		out.Vector, out.Dim = some(p.Vector), p.Dim
	}
	if i.about.Wants(policy.NeedGrid) {
		if len(p.GridGPerKWh) != n*i.models {
			return nil, fmt.Errorf("the policy needs the grid of every model: there are %d figures for %d prompts × %d models", len(p.GridGPerKWh), n, i.models)
		}
		out.GridGPerKWh = some(p.GridGPerKWh)
	}
	return out, nil
}

// some is a column that is there, even of no rows.
func some[T any](column []T) []T {
	if column == nil {
		return []T{}
	}
	return column
}

func (i *Instance) cleanBatch(b *policy.Batch) (*policy.Batch, error) {
	prompts, err := i.cleanPrompts(b.Prompts, policy.NeedLiveCategory)
	if err != nil {
		return nil, err
	}
	rows, n := b.Rows(), prompts.Len()
	if len(b.Preference) != rows {
		return nil, fmt.Errorf("%d preferences for %d rows", len(b.Preference), rows)
	}
	for r := range rows {
		if p, q := int(b.Prompt[r]), int(b.Preference[r]); p < 0 || p >= n || q < 0 || q >= len(b.Preferences) {
			return nil, fmt.Errorf("row %d is prompt %d of %d under preference %d of %d", r, p, n, q, len(b.Preferences))
		}
	}
	out := *b
	if _, here := i.door.(*within); here {
		// A process has copies of its own; a policy within this one must not be able to write to the trace.
		prompts.Vector = slices.Clone(prompts.Vector)
	}
	out.Prompts = prompts
	if a := b.Asked; a != nil {
		if !i.about.Sequential {
			return nil, errors.New("the policy does not ask")
		}
		if len(a.Offset) != rows+1 {
			return nil, fmt.Errorf("%d offsets of revealed outcomes for %d rows", len(a.Offset), rows)
		}
		asked := *a
		if !i.about.Wants(policy.NeedAnswer) {
			asked.Answer = nil
		}
		if !i.about.Wants(policy.NeedResponse) {
			asked.Response = nil
		}
		out.Asked = &asked
	}
	return &out, nil
}

func (i *Instance) cleanTask(t *policy.Task) (*policy.Task, error) {
	if t == nil || t.Train == nil {
		return nil, errors.New("there is no train split to learn from")
	}
	train, err := i.cleanSplit(t.Train)
	if err != nil {
		return nil, fmt.Errorf("train split: %w", err)
	}
	out := &policy.Task{Train: train, Preferences: t.Preferences, Snapshot: t.Snapshot}
	if t.Validation != nil {
		if out.Validation, err = i.cleanSplit(t.Validation); err != nil {
			return nil, fmt.Errorf("validation split: %w", err)
		}
	}
	return out, nil
}

func (i *Instance) cleanSplit(s *policy.Split) (*policy.Split, error) {
	prompts, err := i.cleanPrompts(&s.Prompts, policy.NeedCategory)
	if err != nil {
		return nil, err
	}
	out := &policy.Split{Prompts: *prompts, Reference: s.Reference, Outcomes: s.Outcomes}
	o, n := &out.Outcomes, prompts.Len()
	if o.Models != i.models {
		return nil, fmt.Errorf("outcomes of %d models, the pool has %d", o.Models, i.models)
	}
	if !i.about.Wants(policy.NeedAnswer) {
		out.Reference, o.Answer = nil, nil
	}
	if !i.about.Wants(policy.NeedResponse) {
		o.Response = nil
	}
	if out.Reference != nil && len(out.Reference) != n {
		return nil, fmt.Errorf("%d references for %d prompts", len(out.Reference), n)
	}
	all := n * o.Models
	if len(o.Present) != all || len(o.Score) != all {
		return nil, fmt.Errorf("%d presence bits and %d scores for %d prompts × %d models", len(o.Present), len(o.Score), n, o.Models)
	}
	for _, c := range []struct {
		name string
		have int
	}{
		{"cost_usd", len(o.CostUSD)}, {"energy_wh", len(o.EnergyWh)}, {"carbon_g", len(o.CarbonG)},
		{"latency_sec", len(o.LatencySec)}, {"input_tokens", len(o.InputTokens)}, {"output_tokens", len(o.OutputTokens)},
		{"propensity", len(o.Propensity)}, {"answer", len(o.Answer)}, {"response", len(o.Response)},
	} {
		if c.have != 0 && c.have != all {
			return nil, fmt.Errorf("column %s has %d figures for %d prompts × %d models", c.name, c.have, n, o.Models)
		}
	}
	return out, nil
}

func (i *Instance) cleanFeedback(f *policy.Feedback) (*policy.Feedback, error) {
	prompts, err := i.cleanPrompts(f.Prompts, policy.NeedLiveCategory)
	if err != nil {
		return nil, err
	}
	n := prompts.Len()
	for _, have := range []int{
		len(f.Preference), len(f.Model), len(f.Propensity), len(f.Score), len(f.CostUSD), len(f.CarbonG), len(f.LatencySec),
	} {
		if have != n {
			return nil, fmt.Errorf("a column of feedback has %d rows, want %d", have, n)
		}
	}
	out := *f
	out.Prompts = prompts
	return &out, nil
}
