// Package trace says what a trace is: a log of what several LLMs answered to the same prompts. The way of the data:
//
//  1. file.Open reads a folder (models.yaml, prompts.parquet, outcomes.parquet or outcomes/part-*.parquet) into a [Trace].
//     Responses, by far the largest column, stay on disk until file.Responses asks for them.
//  2. file.Validate reads the same files and lists every [Violation] of the format instead of stopping at the first.
//     What violates nothing but is hardly meant, such as costs in cents, package doubt finds.
//  3. split.Assign gives the prompts to train, validation, selection and test, near-duplicates to one of them.
//  4. file.Write stores a trace, whoever made it: the simulator, an importer, a test.
//
// In memory a trace is columnar: one dense prompts × models matrix per figure (see [Figures]) and one presence bitmap.
package trace

import (
	"math"
	"time"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Trace is a loaded trace. Prompts are in file order, models in the order of models.yaml.
type Trace struct {
	// Dir is the folder it was read from, "" for a trace made in memory.
	Dir    string
	Models []policy.Model
	// CopyOf names, for each model, the model that it is a copy of in another region, "" where it is none; nil where none is.
	CopyOf   []string
	Prompts  Prompts
	Outcomes Outcomes
}

// BilledAs is the id under which a price book knows a model: a copy costs what its original does. Ids are opaque, so what one
// looks like says nothing of that.
func (t *Trace) BilledAs(model int) string {
	if t.CopyOf != nil && t.CopyOf[model] != "" {
		return t.CopyOf[model]
	}
	return t.Models[model].ID
}

// Prompts are the columns of prompts.parquet. A column that the file lacks is nil; a null string is "". Text is UTF-8.
type Prompts struct {
	ID        []string
	Benchmark []string
	Category  []string
	Source    []string
	Text      []string
	Reference []string
	Split     []string    // the trace's own split
	ArrivedAt []time.Time // zero where null
	Embedding []float32   // [prompts × Dim]
	Dim       int
}

// Text is a column of text of the prompts.
type Text struct {
	Name    string
	Column  func(*Prompts) *[]string
	Repeats bool // many prompts have the same
}

// Texts are the columns of text, in the order of the trace format. The id is first.
var Texts = [...]Text{
	{"prompt_id", func(p *Prompts) *[]string { return &p.ID }, false},
	{"benchmark", func(p *Prompts) *[]string { return &p.Benchmark }, true},
	{"category", func(p *Prompts) *[]string { return &p.Category }, true},
	{"source", func(p *Prompts) *[]string { return &p.Source }, true},
	{"prompt", func(p *Prompts) *[]string { return &p.Text }, false},
	{"reference", func(p *Prompts) *[]string { return &p.Reference }, true},
	{"split", func(p *Prompts) *[]string { return &p.Split }, true},
}

// Len is the number of prompts.
func (p *Prompts) Len() int { return len(p.ID) }

// Outcomes are dense prompts × models matrices, row-major. Present says whether there is an outcome; each matrix holds
// NaN where there is none or where the figure was null. Quality and tokens are always there in a trace that was read; any
// other matrix is nil if no outcome has the figure.
type Outcomes struct {
	Models  int
	Present Bitmap
	// Logged are the figures as the log has them: quality is the score.
	Logged       policy.Matrix
	InputTokens  []float32
	OutputTokens []float32
	Propensity   []float32
	// Parts of InputTokens and of OutputTokens that have prices of their own.
	CachedInputTokens []float32
	ReasoningTokens   []float32
	// Samples is how many answers an outcome is the mean of, and ScoreSD the standard deviation of their scores (n − 1).
	Samples []float32
	ScoreSD []float32
	// TokensEstimated is above 0 where an import estimated a token count; Estimated has those too.
	TokensEstimated []float32
	// Estimated holds the outcomes of which a token count was estimated from the text; nil where none was.
	Estimated Bitmap
	// Answer holds codes into AnswerText; 0 is no answer. nil where the files have no answers.
	Answer     []uint32
	AnswerText []string // AnswerText[0] == ""
}

// At is the index of (prompt, model) in every matrix.
func (o *Outcomes) At(prompt, model int) int { return prompt*o.Models + model }

// Scored tells whether any outcome has a score: a gateway's log has none.
func (o *Outcomes) Scored() bool {
	for at, x := range o.Logged[policy.Quality] {
		if x == x && o.Present.Has(at) {
			return true
		}
	}
	return false
}

// Bitmap is a set of small integers.
type Bitmap []uint64

// NewBitmap returns a bitmap with room for n bits, none of them set.
func NewBitmap(n int) Bitmap { return make(Bitmap, (n+63)/64) }

// Has tells whether bit i is set.
func (b Bitmap) Has(i int) bool { return b[i>>6]&(1<<(i&63)) != 0 }

// Set sets bit i.
func (b Bitmap) Set(i int) { b[i>>6] |= 1 << (i & 63) }

// Clear clears bit i.
func (b Bitmap) Clear(i int) { b[i>>6] &^= 1 << (i & 63) }

// NewTrace returns an empty trace in memory for the given models and prompts: no outcome is present, every matrix that
// an outcome must have (score and tokens) is allocated and NaN.
func NewTrace(models []policy.Model, prompts Prompts) *Trace {
	n := prompts.Len() * len(models)
	t := &Trace{Models: models, Prompts: prompts, Outcomes: Outcomes{Models: len(models), Present: NewBitmap(n)}}
	for q := range Figures {
		if Needed(q) {
			*Figures[q].Matrix(&t.Outcomes) = NewMatrix(n)
		}
	}
	return t
}

// NewMatrix returns n NaNs.
func NewMatrix(n int) []float32 {
	m := make([]float32, n)
	nan := float32(math.NaN())
	for i := range m {
		m[i] = nan
	}
	return m
}
