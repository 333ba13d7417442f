package host

import (
	"errors"
	"fmt"
	"slices"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// The functions below keep back every column that a policy did not ask for, whatever the caller hands in, and refuse a
// call that lacks one that it needs, or whose columns do not fit each other.

// clean makes absent what the policy did not declare a need for, and checks that what it needs is there and that every
// column fits n rows. category is the need that the label depends on: that of the training prompts, or of those to be routed.
func (i *Instance) clean(columns []policy.Column, n int, category policy.Need) error {
	for _, c := range columns {
		need := c.Need
		if need == policy.NeedCategory {
			need = category
		}
		switch want, have := n*c.Width, c.Len(); {
		case need != "" && !i.about.Wants(need):
			c.Drop()
		case have < 0:
			// A log may have no answers, and not every figure. Of prompts a policy is given all that it needs.
			if n > 0 && need != "" && need != policy.NeedAnswer && need != policy.NeedResponse {
				return fmt.Errorf("the policy needs the %s of prompts, and there is none%s", need, remedy[need])
			}
		case have != want, need == policy.NeedGrid && c.Width != i.models && n > 0, need == policy.NeedVector && c.Width < 1 && n > 0:
			return fmt.Errorf("column %s has %d values for %d rows × %d%s", c.Name, have, n, c.Width, remedy[need])
		}
	}
	return nil
}

var remedy = map[policy.Need]string{policy.NeedVector: "; give the experiment an encoder"}

func (i *Instance) cleanPrompts(p *policy.Prompts) (*policy.Prompts, error) {
	if p == nil {
		return nil, errors.New("there are no prompts")
	}
	out := *p
	if err := i.clean(out.Columns(), p.Len(), policy.NeedLiveCategory); err != nil {
		return nil, err
	}
	return &out, nil
}

func (i *Instance) cleanBatch(b *policy.Batch) (*policy.Batch, error) {
	prompts, err := i.cleanPrompts(b.Prompts)
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
	if _, here := i.transport.(*local); here {
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
		asked.Figures[policy.Quality] = nil // never shown, whatever the caller hands in
		if err := i.clean(asked.Columns(), len(a.Model), ""); err != nil {
			return nil, err
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
	out := *s
	n, o := s.Len(), &out.Outcomes
	if o.Models != i.models {
		return nil, fmt.Errorf("outcomes of %d models, the pool has %d", o.Models, i.models)
	}
	if all := n * o.Models; len(o.Present) != all || len(o.Figures[policy.Quality]) != all {
		return nil, fmt.Errorf("%d presence bits and %d scores for %d prompts × %d models", len(o.Present), len(o.Figures[policy.Quality]), n, o.Models)
	}
	return &out, i.clean(out.Columns(), n, policy.NeedCategory)
}

func (i *Instance) cleanFeedback(f *policy.Feedback) (*policy.Feedback, error) {
	prompts, err := i.cleanPrompts(f.Prompts)
	if err != nil {
		return nil, err
	}
	out := *f
	out.Prompts = prompts
	n := prompts.Len()
	if len(f.Preference) != n || len(f.Model) != n || len(f.Propensity) != n || len(f.Figures[policy.Quality]) != n {
		return nil, fmt.Errorf("feedback of %d preferences, %d models, %d propensities and %d scores for %d decisions",
			len(f.Preference), len(f.Model), len(f.Propensity), len(f.Figures[policy.Quality]), n)
	}
	return &out, i.clean(out.Columns(), n, "")
}
