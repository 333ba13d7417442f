package dataset

import (
	"errors"
	"slices"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/billing"
	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/harness/trace/split"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// joined puts a test trace below a train trace, whose prompts are divided into train and validation.
func joined(train, test *source, spec *experiment.Spec, acc billing.Accounting) (*Dataset, error) {
	d := &Dataset{spec: &spec.Data, sources: []*source{train, test}}
	if err := d.matchModels(train, test); err != nil {
		return nil, err
	}
	var err error
	if d.Table, err = d.Bill(acc); err != nil {
		return nil, err
	}
	parts, err := train.split(&spec.Data.Split)
	if err != nil {
		return nil, err
	}
	d.noteSplit(parts)
	d.Part = append(slices.Clone(parts.Part), make([]split.Part, test.n)...)
	for i := range test.n {
		d.Part[train.n+i] = split.Test
	}
	d.dropLeaks(train, test, spec.Data.Split.NearDuplicates)
	test.first = train.n
	d.Trace = stack(train, test)
	d.IDs = d.opaque()
	return d, d.finish(&acc)
}

// matchModels keeps the models that both traces know, in the train trace's order.
func (d *Dataset) matchModels(train, test *source) error {
	at := map[string]int{}
	for i, m := range test.trace.Models {
		at[m.ID] = i
	}
	var dropped []string
	for i, m := range train.trace.Models {
		if j, ok := at[m.ID]; ok {
			train.models, test.models = append(train.models, i), append(test.models, j)
			delete(at, m.ID)
		} else {
			dropped = append(dropped, m.ID)
		}
	}
	if len(train.models) == 0 {
		return errors.New("data.train and data.test have no model in common: compare the ids in their models.yaml")
	}
	if len(dropped) > 0 {
		d.note("left out %s: not in the test trace", strings.Join(dropped, ", "))
	}
	if len(at) > 0 {
		var only []string
		for id := range at {
			only = append(only, id)
		}
		slices.Sort(only)
		d.note("left out %s: not in the train trace", strings.Join(only, ", "))
	}
	return nil
}

// dropLeaks takes out of training every prompt that has a near-duplicate among the test prompts.
func (d *Dataset) dropLeaks(train, test *source, similar experiment.Similarity) {
	threshold := float64(similar)
	if similar.Off() {
		threshold = 2 // exact copies only
	}
	for _, pair := range split.NearDuplicates(train.trace.Prompts.Text, test.trace.Prompts.Text, threshold) {
		if i := pair[0]; d.Part[i] != split.None {
			d.Part[i] = split.None
			d.leaked++
		}
	}
	if d.leaked > 0 {
		d.note("%d training prompts were left out: near-duplicates of test prompts", d.leaked)
	}
}

// stack joins the columns of two traces for the matched models. The facts of the models are the test trace's: they are
// what a router is deployed with.
func stack(train, test *source) *trace.Trace {
	a, b := train.trace, test.trace
	models := make([]policy.Model, len(test.models))
	for i, m := range test.models {
		models[i] = b.Models[m]
	}
	var prompts trace.Prompts
	for _, c := range trace.Texts {
		x, y := *c.Column(&a.Prompts), *c.Column(&b.Prompts)
		if (x != nil || y != nil) && c.Name != "split" { // the parts are given
			out := make([]string, train.n+test.n)
			copy(out, x)
			copy(out[train.n:], y)
			*c.Column(&prompts) = out
		}
	}
	t := trace.NewTrace(models, prompts)
	if p, q := &a.Prompts, &b.Prompts; p.Embedding != nil && q.Embedding != nil && p.Dim == q.Dim {
		t.Prompts.Dim = p.Dim
		t.Prompts.Embedding = append(slices.Clone(p.Embedding), q.Embedding...)
	}
	if a.Prompts.ArrivedAt != nil && b.Prompts.ArrivedAt != nil {
		t.Prompts.ArrivedAt = append(slices.Clone(a.Prompts.ArrivedAt), b.Prompts.ArrivedAt...)
	}
	code := map[string]uint32{"": 0}
	t.Outcomes.AnswerText = []string{""}
	train.copyOutcomes(t, code)
	test.copyOutcomes(t, code)
	return t
}

// copyOutcomes copies a source's outcomes into the joined trace, its answers as codes of the joined trace.
func (s *source) copyOutcomes(t *trace.Trace, code map[string]uint32) {
	from, to := &s.trace.Outcomes, &t.Outcomes
	if from.Answer != nil && to.Answer == nil {
		to.Answer = make([]uint32, t.Prompts.Len()*len(t.Models))
	}
	if from.Propensity != nil && to.Propensity == nil {
		to.Propensity = trace.NewMatrix(t.Prompts.Len() * len(t.Models))
	}
	for p := range s.n {
		for i, m := range s.models {
			src, dst := from.At(p, m), to.At(s.first+p, i)
			if !from.Present.Has(src) {
				continue
			}
			to.Present.Set(dst)
			to.Logged[policy.Quality][dst] = from.Logged[policy.Quality][src]
			to.InputTokens[dst], to.OutputTokens[dst] = figure(from.InputTokens, src), figure(from.OutputTokens, src)
			if from.Propensity != nil {
				to.Propensity[dst] = from.Propensity[src]
			}
			if from.Answer != nil {
				text := from.AnswerText[from.Answer[src]]
				c, known := code[text]
				if !known {
					c = uint32(len(to.AnswerText))
					code[text] = c
					to.AnswerText = append(to.AnswerText, text)
				}
				to.Answer[dst] = c
			}
		}
	}
}
