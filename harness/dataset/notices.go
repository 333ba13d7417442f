package dataset

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/importer"
	"github.com/trilemma-bench/trilemma/harness/replay"
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
func (d *Dataset) noteDoubts(usage replay.Usage) {
	for _, s := range d.sources {
		for i := range s.doubts {
			kind := s.doubts[i].Kind
			if !slices.Contains(toldElsewhere, kind) && !(usage == replay.Exclusive && slices.Contains(onTop, kind)) {
				d.note("suspicious: %s", s.doubts[i].Error())
			}
		}
	}
}

// noteUnbilled tells which models have answers without a known cost, how these score against the others, and what becomes
// of them.
func (d *Dataset) noteUnbilled(how replay.UnknownCost) {
	for _, s := range d.sources {
		if s.counted > 0 {
			d.note("the tokens of %d outcomes were estimated from the texts (%s); their costs are estimates", s.counted, importer.Estimate{}.Name())
		}
	}
	if how == replay.QualityOnly {
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
		kept := u.Answered - u.Outcomes
		if kept > 0 {
			text += fmt.Sprintf("; they score %.3f on average, the other %d score %.3f", u.Score(), kept, u.KeptScore())
		}
		text += ". " + fate(u, how)
		if u.Selective() && how == replay.Exclude {
			text = "WARNING: " + text
		}
		d.note("%s", text)
	}
}

// fate says what becomes of a model's answers without a known cost.
func fate(u *replay.Unbilled, how replay.UnknownCost) string {
	kept := u.Answered - u.Outcomes
	switch {
	case how == replay.QualityOnly:
		return fmt.Sprintf("They count with their scores, %.3f in all", u.AllScore())
	case how == replay.Impute && kept > 0:
		return fmt.Sprintf("They are charged with the mean of the others, an estimate; the model scores %.3f", u.AllScore())
	case kept == 0:
		return fmt.Sprintf("The model, which scores %.3f, cannot be replayed; accounting.unknown_cost: quality-only compares by scores alone", u.AllScore())
	}
	text := "They count as missing"
	if math.Abs(u.KeptScore()-u.AllScore()) >= 0.0005 {
		text += fmt.Sprintf(", so the model is shown with %.3f instead of %.3f", u.KeptScore(), u.AllScore())
	}
	if u.Selective() {
		text += ": costs are not missing at random"
	}
	return text + "; accounting.unknown_cost: impute charges the mean of the others, quality-only compares by scores alone"
}
