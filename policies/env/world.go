package env

import (
	"errors"
	"fmt"
	"math"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// MaxModels is the largest pool: who was asked is kept in the bits of a word.
const MaxModels = 64

// World is a labelled split in dense columns, [N × Models] row-major. It is read only once environments run on it.
type World struct {
	N, Models int

	present   []bool
	figures   policy.Matrix // of all that decisions depend on; NaN where not known
	tokens    []float32
	answer    []int32 // 0: none; else a number that equals exactly where the answer does
	reference []int32 // nil where there is nothing to vote on; 0: none
	weight    []float32
	shape     []float32 // [N × Models × ShapeFeatures]; nil without responses
}

// NewWorld lays a split out. weight [N × Models], all positive, are the weights of the vote that ends an episode with
// action M+1; nil weighs all models alike. The given answers are numbered 1, 2, … as they stand, others from there on.
// Figures that the split does not know are NaN.
func NewWorld(s *policy.Split, weight []float32, answers []string) (*World, error) {
	n, o := s.Len(), &s.Outcomes
	cells := n * o.Models
	switch {
	case n == 0 || o.Models == 0:
		return nil, errors.New("an environment needs prompts and models")
	case o.Models > MaxModels:
		return nil, fmt.Errorf("an environment of %d models: at most %d, choose a smaller pool", o.Models, MaxModels)
	case len(o.Present) != cells || len(o.Figures[policy.Quality]) != cells:
		return nil, fmt.Errorf("%d prompts with %d presences and %d scores, want %d × %d", n, len(o.Present), len(o.Figures[policy.Quality]), n, o.Models)
	case o.Answer != nil && len(o.Answer) != cells, o.Response != nil && len(o.Response) != cells:
		return nil, fmt.Errorf("%d answers and %d responses for %d prompts × %d models", len(o.Answer), len(o.Response), n, o.Models)
	case s.Reference != nil && len(s.Reference) != n:
		return nil, fmt.Errorf("%d references for %d prompts", len(s.Reference), n)
	}
	w := &World{N: n, Models: o.Models, present: o.Present, answer: make([]int32, cells)}
	if weight == nil {
		weight = filled(cells, 1)
	}
	if err := w.Weigh(weight); err != nil {
		return nil, err
	}
	known := func(column []float32) ([]float32, error) {
		switch len(column) {
		case 0:
			return filled(cells, float32(math.NaN())), nil
		case cells:
			return column, nil
		}
		return nil, fmt.Errorf("a column of %d figures for %d prompts × %d models", len(column), n, o.Models)
	}
	var err error
	for _, q := range policy.Decisive {
		if w.figures[q], err = known(o.Figures[q]); err != nil {
			return nil, err
		}
	}
	if w.tokens, err = known(o.OutputTokens); err != nil {
		return nil, err
	}
	w.number(s, answers)
	if o.Response != nil {
		w.shape = make([]float32, cells*ShapeFeatures)
		options := &Options{}
		for at, text := range o.Response {
			if at%o.Models == 0 && s.Prompts.Text != nil {
				options = ParseOptions(s.Prompts.Text[at/o.Models])
			}
			if o.Present[at] {
				answer := ""
				if o.Answer != nil {
					answer = o.Answer[at]
				}
				Shape(options, text, answer, w.tokens[at], w.shape[at*ShapeFeatures:(at+1)*ShapeFeatures])
			}
		}
	}
	return w, nil
}

// Codes numbers answers from 1 in their order; no answer is 0.
func Codes(answers []string) map[string]int32 {
	code := map[string]int32{"": 0}
	for i, a := range answers {
		code[a] = int32(i) + 1
	}
	return code
}

// number turns answers and references into numbers.
func (w *World) number(s *policy.Split, answers []string) {
	if s.Outcomes.Answer == nil {
		return
	}
	code := Codes(answers)
	number := func(text string) int32 {
		c, ok := code[text]
		if !ok {
			c = int32(len(code))
			code[text] = c
		}
		return c
	}
	for at, text := range s.Outcomes.Answer {
		w.answer[at] = number(text)
	}
	if s.Reference != nil {
		w.reference = make([]int32, w.N)
		for i, text := range s.Reference {
			w.reference[i] = number(text)
		}
	}
}

// Weigh changes the weights of the vote, [N × Models]. It must come before any environment on the world.
func (w *World) Weigh(weight []float32) error {
	if len(weight) != w.N*w.Models {
		return fmt.Errorf("%d vote weights for %d prompts × %d models", len(weight), w.N, w.Models)
	}
	for i, x := range weight {
		if !(x > 0) || math.IsInf(float64(x), 0) {
			return fmt.Errorf("vote weight %v of prompt %d and model %d is not a positive number", x, i/w.Models, i%w.Models)
		}
	}
	w.weight = weight
	return nil
}

// Shape is how a model's response to a prompt looks, [ShapeFeatures]: a view; nil where the world has no responses.
func (w *World) Shape(prompt, model int) []float32 {
	if w.shape == nil {
		return nil
	}
	at := (prompt*w.Models + model) * ShapeFeatures
	return w.shape[at : at+ShapeFeatures : at+ShapeFeatures]
}

// Answer is the number of a model's answer to a prompt, 0 for none.
func (w *World) Answer(prompt, model int) int32 { return w.answer[prompt*w.Models+model] }

// Present tells whether a model answered a prompt.
func (w *World) Present(prompt, model int) bool { return w.present[prompt*w.Models+model] }

// spend is the price of an outcome under a preference. A figure whose λ is zero is ignored, even when it is unknown.
func (w *World) spend(at int, p *policy.Preference) float32 {
	var price float64
	for _, q := range policy.Weighed {
		if p[q] != 0 {
			price += p[q] * float64(w.figures[q][at])
		}
	}
	return float32(price)
}

func filled(n int, x float32) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = x
	}
	return out
}
