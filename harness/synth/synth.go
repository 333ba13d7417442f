// Package synth simulates traces whose truth is known, so that a router can be judged against what was possible and
// not only against other routers.
//
// The way of the data:
//
//  1. [Params] say how many prompts and models there are and how the world behaves; [Default] is the quickstart's.
//  2. A prompt is drawn: a mixture of two skills (a topic and one of its fields each), a difficulty, a length and the
//     words, which carry the skills and a part of the difficulty.
//  3. A model has an ability for every skill: what its size and price buy, plus strengths and weaknesses of its own.
//  4. A multidimensional two-parameter logistic item-response model turns both into the probability of a right answer,
//     from which scores, answers, tokens and latencies are drawn.
//  5. [Simulated] holds the [trace.Trace] and the [Truth] beside it: that probability, the expected cost, latency,
//     energy and carbon of every prompt × model, and the best decision for any preference.
//
// The item-response function is that of the multidimensional 3PL model (Reckase, Multidimensional Item Response
// Theory, 2009, ch. 4) with a fixed guessing floor:
//
//	p = g + (1 − g) · σ(a · (θ·α − s·b + u))
//
// where θ is the prompt's skill mixture, α the model's abilities, b the prompt's difficulty, a its discrimination,
// s how much difficulty strains the model, u what makes this model suit this prompt by chance ([Params.Luck]) and g the
// probability of a lucky guess.
//
// Every draw comes from a stream named by seed, purpose and block of prompts (and model): the same parameters give the
// same bytes, and a prompt is the same however many follow it, whichever models answer and whether text is kept.
package synth

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// block is the number of prompts that share random streams. It is part of the format: changing it changes every trace.
const block = 1024

// start is when the first prompt arrives.
var start = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)

// Simulated is a trace and what is true of it.
type Simulated struct {
	Params Params
	// First is the number of the first prompt; 0 except for parts made by [Stream].
	First int
	Trace *trace.Trace
	Truth *Truth

	world  *world
	latent []prompt
}

// Generate simulates a whole trace in memory: about 100 bytes a prompt × model and the text of the prompts.
// Responses are not held: [Simulated.Response] writes each when it is asked for.
func Generate(p Params) (*Simulated, error) {
	w, err := newWorld(p)
	if err != nil {
		return nil, err
	}
	return w.generate(context.Background(), 0, p.Prompts)
}

// Stream simulates the same trace in parts of at most size prompts (rounded up to a multiple of 1,024), in order, so
// that memory stays bounded by one part. It stops at the first error of part or when ctx is cancelled.
func Stream(ctx context.Context, p Params, size int, part func(*Simulated) error) error {
	w, err := newWorld(p)
	if err != nil {
		return err
	}
	size = (max(size, 1) + block - 1) / block * block
	for first := 0; first < p.Prompts; first += size {
		s, err := w.generate(ctx, first, min(first+size, p.Prompts))
		if err != nil {
			return err
		}
		if err := part(s); err != nil {
			return fmt.Errorf("prompts %d to %d of the simulation: %w", first, first+s.Trace.Prompts.Len(), err)
		}
	}
	return nil
}

// generate simulates prompts first (a multiple of block) to end.
func (w *world) generate(ctx context.Context, first, end int) (*Simulated, error) {
	n, m := end-first, len(w.models)
	prompts := trace.Prompts{
		ID:        make([]string, n),
		Benchmark: make([]string, n),
		Category:  make([]string, n),
		Source:    make([]string, n),
		Text:      make([]string, n),
		ArrivedAt: make([]time.Time, n),
	}
	if !w.Graded {
		prompts.Reference = make([]string, n)
	}
	models := make([]policy.Model, m)
	for j := range models {
		models[j] = w.models[j].Model
	}
	s := &Simulated{
		Params: w.Params, First: first,
		Trace:  trace.NewTrace(models, prompts),
		world:  w,
		latent: make([]prompt, n),
	}
	s.Truth = newTruth(w, n)
	out := &s.Trace.Outcomes
	out.Logged[policy.Latency] = trace.NewMatrix(n * m)
	if w.LogCost {
		out.Logged[policy.Cost] = trace.NewMatrix(n * m)
	}
	if w.Bandit {
		out.Propensity = trace.NewMatrix(n * m)
	}
	if !w.Graded {
		out.Answer = make([]uint32, n*m)
		out.AnswerText = append(out.AnswerText, "")
		for o := range w.Options {
			out.AnswerText = append(out.AnswerText, letter(o))
		}
	}
	// Blocks of prompts own disjoint rows, but a bitmap's word may span two of them when models are not a multiple of
	// 64: presence is set afterwards.
	present := make([]bool, n*m)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for lo := 0; lo < n; lo += block {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			s.fill(lo, min(lo+block, n), present)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for i, ok := range present {
		if ok {
			out.Present.Set(i)
		}
	}
	return s, nil
}

// fill draws rows lo to hi, which are one block.
func (s *Simulated) fill(lo, hi int, present []bool) {
	w, m := s.world, len(s.world.models)
	number := strconv.Itoa((s.First + lo) / block)
	latent := policy.Stream(w.Seed, "prompt", number)
	words := policy.Stream(w.Seed, "text", number)
	text := newTextWriter(w)
	ps := &s.Trace.Prompts
	for i := lo; i < hi; i++ {
		index := s.First + i
		p := w.draw(latent, index)
		s.latent[i] = p
		ps.ID[i] = fmt.Sprintf("synth-%07d", index)
		ps.Benchmark[i] = "synth"
		ps.Category[i] = topics[p.topic[0]].name
		ps.Source[i] = w.source(p)
		ps.ArrivedAt[i] = p.arrivedAt
		ps.Text[i] = text.prompt(words, &p)
		if ps.Reference != nil {
			ps.Reference[i] = letter(p.right)
		}
	}
	for j := range w.models {
		s.outcomes(j, lo, hi, number)
	}
	for i := lo * m; i < hi*m; i++ {
		present[i] = true
	}
	if w.MissingRate > 0 {
		for j := range w.models {
			r := policy.Stream(w.Seed, "missing", w.models[j].ID, number)
			for i := lo; i < hi; i++ {
				if r.Float64() < w.MissingRate {
					present[i*m+j] = false
				}
			}
		}
	}
	if w.Bandit {
		s.log(lo, hi, number, present)
	}
	for i := lo * m; i < hi*m; i++ {
		if !present[i] {
			s.erase(i)
		}
	}
}

// erase makes entry i an outcome that was never logged.
func (s *Simulated) erase(i int) {
	nan := float32(math.NaN())
	out := &s.Trace.Outcomes
	for _, matrix := range [][]float32{out.Logged[policy.Quality], out.InputTokens, out.OutputTokens, out.Logged[policy.Cost], out.Logged[policy.Latency], out.Propensity} {
		if matrix != nil {
			matrix[i] = nan
		}
	}
	if out.Answer != nil {
		out.Answer[i] = 0
	}
}

// letter names option o of a multiple-choice prompt.
func letter(o int) string { return string(rune('A' + o)) }
