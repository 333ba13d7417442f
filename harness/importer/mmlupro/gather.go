package mmlupro

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/trilemma-bench/trilemma/harness/importer"
	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// place is where a record stands: file counts in the report's files.
type place struct{ file, record int }

// gathering collects the records of all files.
type gathering struct {
	opt     importer.Options
	report  importer.Report
	prompts map[int64]*question
}

// question is a prompt with all its tellings and answers.
type question struct {
	id       int64
	text     tellings
	key      tellings
	category tellings
	source   tellings
	outcomes map[int]outcome // by model
}

type outcome struct {
	answer, response string
	right            bool
}

// tellings are the distinct values that files give a field of a prompt, in the order in which they were met.
type tellings []telling

type telling struct {
	value string
	files int
	first place
}

func (t *tellings) add(value string, at place) {
	for i := range *t {
		if (*t)[i].value == value {
			(*t)[i].files++
			return
		}
	}
	*t = append(*t, telling{value, 1, at})
}

// settled is the telling of most files; of equally many, the one with the longest text, since damage drops spaces and
// characters; of those, the first met.
func (t tellings) settled() string {
	best := 0
	for i := range t {
		if t[i].files > t[best].files || t[i].files == t[best].files && len(t[i].value) > len(t[best].value) {
			best = i
		}
	}
	return t[best].value
}

func newGathering(opt importer.Options) *gathering {
	return &gathering{opt: opt, prompts: map[int64]*question{}}
}

// add takes a record in, or returns why not.
func (g *gathering) add(rec record, model int, at place) (reason string) {
	q := g.prompts[rec.id]
	if q == nil {
		q = &question{id: rec.id, outcomes: map[int]outcome{}}
		g.prompts[rec.id] = q
	}
	if _, twice := q.outcomes[model]; twice {
		return "the model answered this question in an earlier record"
	}
	q.text.add(rec.text(), at)
	q.key.add(rec.key, at)
	q.category.add(rec.category, at)
	q.source.add(rec.source, at)
	q.outcomes[model] = outcome{answer: rec.answer, response: rec.response, right: rec.answer == rec.key}
	return ""
}

// build makes the trace.
func (g *gathering) build(ctx context.Context) (*importer.Imported, error) {
	if len(g.prompts) == 0 {
		return nil, errors.New("no file of a model of the pool was found; check the models file against the names of the result files")
	}
	questions := make([]*question, 0, len(g.prompts))
	for _, q := range g.prompts {
		questions = append(questions, q)
	}
	slices.SortFunc(questions, func(a, b *question) int { return int(min(max(a.id-b.id, -1), 1)) })
	if err := g.settle(questions); err != nil {
		return nil, err
	}
	columns, models := g.pool(questions)
	n := len(questions)
	prompts := trace.Prompts{
		ID: make([]string, n), Benchmark: make([]string, n), Category: make([]string, n),
		Source: make([]string, n), Text: make([]string, n), Reference: make([]string, n),
	}
	for i, q := range questions {
		prompts.ID[i] = fmt.Sprintf("mmlu-pro-%d", q.id)
		prompts.Benchmark[i] = "mmlu-pro"
		prompts.Category[i], prompts.Source[i] = q.category.settled(), q.source.settled()
		prompts.Text[i], prompts.Reference[i] = q.text.settled(), q.key.settled()
	}
	out := &importer.Imported{Trace: trace.NewTrace(models, prompts), Responses: make([]string, n*len(models))}
	o := &out.Trace.Outcomes
	o.Answer, o.AnswerText = make([]uint32, n*len(models)), []string{""}
	codes := map[string]uint32{"": 0}
	counter := g.opt.Counter()
	for i, q := range questions {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		input := float32(counter.Count(prompts.Text[i]))
		for column, model := range columns {
			answered, ok := q.outcomes[model]
			if !ok {
				continue
			}
			at := o.At(i, column)
			o.Present.Set(at)
			o.Logged[policy.Quality][at] = 0
			if answered.right {
				o.Logged[policy.Quality][at] = 1
			}
			o.InputTokens[at] = input
			o.OutputTokens[at] = float32(counter.Count(answered.response))
			code, known := codes[answered.answer]
			if !known {
				code = uint32(len(o.AnswerText))
				codes[answered.answer] = code
				o.AnswerText = append(o.AnswerText, answered.answer)
			}
			o.Answer[at] = code
			out.Responses[at] = answered.response
			g.report.Outcomes++
		}
	}
	g.report.Prompts, g.report.Models = n, len(models)
	out.Report = g.report
	return out, nil
}

// pool lists the models that answered something, in the order of the models file.
func (g *gathering) pool(questions []*question) (columns []int, models []policy.Model) {
	answered := make([]bool, len(g.opt.Models))
	for _, q := range questions {
		for model := range q.outcomes {
			answered[model] = true
		}
	}
	for i, m := range g.opt.Models {
		if !answered[i] {
			g.report.WithoutResults = append(g.report.WithoutResults, m.ID)
			continue
		}
		columns, models = append(columns, i), append(models, m.Model)
	}
	return columns, models
}

// examplesShown bounds the examples of a disagreement.
const examplesShown = 3

// settle reports what files disagree about; under Options.Strict that is an error.
func (g *gathering) settle(questions []*question) error {
	for _, field := range []struct {
		name string
		of   func(*question) tellings
	}{
		{"question or options", func(q *question) tellings { return q.text }},
		{"right answer", func(q *question) tellings { return q.key }},
		{"category", func(q *question) tellings { return q.category }},
		{"source", func(q *question) tellings { return q.source }},
	} {
		d := importer.Disagreement{Field: field.name}
		for _, q := range questions {
			t := field.of(q)
			if len(t) < 2 {
				continue
			}
			d.Prompts++
			settled := t.settled()
			spacing := true
			for _, other := range t {
				spacing = spacing && squeeze(other.value) == squeeze(settled)
			}
			if spacing {
				d.Spacing++
			}
			for _, other := range t {
				if other.value != settled && len(d.Examples) < examplesShown && (!spacing || field.name != "question or options") {
					d.Examples = append(d.Examples, fmt.Sprintf("%s record %d: question %d", g.report.Files[other.first.file].Path, other.first.record, q.id))
					break
				}
			}
		}
		if d.Prompts == 0 {
			continue
		}
		if g.opt.Strict && d.Prompts > d.Spacing {
			return fmt.Errorf("files disagree about the %s of %d questions: %s; import without --strict to let most files decide",
				d.Field, d.Prompts-d.Spacing, strings.Join(d.Examples, "; "))
		}
		g.report.Disagreements = append(g.report.Disagreements, d)
	}
	return nil
}

// squeeze drops spaces and case.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}
