package dataset

import (
	"context"
	"fmt"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/billing"
	"github.com/trilemma-bench/trilemma/harness/importer"
)

// countTokens estimates the token counts that a source lacks.
func (s *source) countTokens(ctx context.Context) error {
	if s.trace.Dir == "" {
		return nil
	}
	filled, err := importer.FillTokens(ctx, s.trace, importer.Estimate{})
	if err != nil {
		return fmt.Errorf("accounting.tokens: estimate: %w", err)
	}
	s.counted = filled
	return nil
}

// toldElsewhere are the kinds that the split and the bills tell, as the experiment has them.
var toldElsewhere = []string{"repeated prompt", "no tokens", "no prices"}

// onTop are the kinds that are as they should be where the provider counts such tokens on top.
var onTop = []string{"reasoning above output", "cached above input"}

// noteDoubts tells what is suspicious in the traces.
func (d *Dataset) noteDoubts(usage billing.Usage) {
	for _, s := range d.sources {
		for i := range s.doubts {
			kind := s.doubts[i].Kind
			if !slices.Contains(toldElsewhere, kind) && !(usage == billing.Exclusive && slices.Contains(onTop, kind)) {
				d.note("suspicious: %s", s.doubts[i].Error())
			}
		}
	}
}

// noteUnbilled tells which models have answers without a known cost, how these score against the others, and what becomes
// of them.
func (d *Dataset) noteUnbilled(how billing.UnknownCost) {
	for _, s := range d.sources {
		if s.counted > 0 {
			d.note("the tokens of %d outcomes were estimated from the texts (%s); their costs are estimates", s.counted, importer.Estimate{}.Name())
		}
	}
	if how == billing.QualityOnly {
		d.note("models are compared by quality alone (accounting.unknown_cost: quality-only): every cost counts as unknown")
	}
	names := d.ModelIDs()
	for m := range d.Table.Unbilled {
		u := &d.Table.Unbilled[m]
		if u.Outcomes == 0 {
			continue
		}
		text := fmt.Sprintf("model %s: the cost of %d of %d answers is unknown (%s)", names[m], u.Outcomes, u.Answered,
			d.Table.WhyUnbilled(names, []int{m}))
		if u.Kept() > 0 {
			text += "; " + u.Beside()
		}
		text += ". " + u.Fate(how)
		if u.Selective() && how == billing.Exclude {
			text = "WARNING: " + text
		}
		d.note("%s", text)
	}
}
