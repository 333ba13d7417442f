package synth

import (
	"math/rand/v2"
	"strconv"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// shortWords is how many words a prompt has where [Params.Text] is "short".
const shortWords = 8

// textWriter writes prompts; its buffer is reused between them.
type textWriter struct {
	*world
	b []byte
}

func newTextWriter(w *world) *textWriter { return &textWriter{world: w} }

// prompt writes a question of p.words words. Half of them are glue or filler; of the others, most belong to the
// prompt's topics and fields in proportion to its mixture, and some tell how hard it is.
func (t *textWriter) prompt(r *rand.Rand, p *prompt) string {
	t.b = append(t.b[:0], pick(r, opening)...)
	// A made-up name makes every prompt its own, as names and numbers do in real ones.
	t.b = append(t.b, ' ')
	t.b = coin(t.b, r, 3)
	words := p.words
	if t.Text == "short" {
		words = min(words, shortWords)
	}
	for range words - 2 {
		t.b = append(t.b, ' ')
		t.b = append(t.b, t.word(r, p)...)
	}
	t.b = append(t.b, ". "...)
	t.b = append(t.b, pick(r, asking)...)
	if t.Text == "short" || t.Graded {
		return string(t.b)
	}
	for o := range t.Options {
		t.b = append(t.b, '\n', byte('A'+o), '.', ' ')
		t.b = append(t.b, skewed(r, t.term(r, p))...)
		t.b = append(t.b, ' ')
		t.b = append(t.b, skewed(r, filler)...)
	}
	return string(t.b)
}

// word draws one word of a prompt.
func (t *textWriter) word(r *rand.Rand, p *prompt) string {
	switch u := r.Float64(); {
	case u < 0.38:
		return skewed(r, glue)
	case u < 0.5:
		return skewed(r, filler)
	case u < 0.64:
		return pick(r, levels[t.level(r, p)])
	default:
		return skewed(r, t.term(r, p))
	}
}

// term draws the list that a topical word is taken from.
func (t *textWriter) term(r *rand.Rand, p *prompt) []string {
	k := 0
	if r.Float64() > p.share {
		k = 1
	}
	if r.Float64() < 0.45 {
		return topics[p.topic[k]].words
	}
	return t.fieldWords[t.skill(p, k)]
}

// level draws how hard a word sounds: around the part of the difficulty that shows.
func (t *textWriter) level(r *rand.Rand, p *prompt) int {
	noise := 0.7 * r.NormFloat64()
	if t.DifficultySD == 0 {
		return min(max(int(2.5+noise), 0), len(levels)-1)
	}
	return min(max(int(2.5+1.2*p.shown/t.DifficultySD+noise), 0), len(levels)-1)
}

// Response writes what model j answered to prompt i, "" where there is no outcome. Wrong answers hedge more often than
// right ones, and hard prompts more often than easy ones, so a response says something that its prompt does not.
func (s *Simulated) Response(i, j int) string {
	w, out := s.world, &s.Trace.Outcomes
	at := out.At(i, j)
	if w.Responses == "none" || !out.Present.Has(at) {
		return ""
	}
	p := &s.latent[i]
	b := make([]byte, 0, 160)
	if w.Responses == "full" {
		r := policy.Stream(w.Seed, "response", w.models[j].ID, strconv.Itoa(s.First+i))
		hedge := 0.5 - 0.35*float64(out.Logged[policy.Quality][at]) + 0.08*p.difficulty()/max(w.DifficultySD, 1)
		text := textWriter{world: w}
		// A sentence for about every hundred tokens, at most five.
		for sentence := range min(1+int(out.OutputTokens[at])/100, 5) {
			lead := firm
			if r.Float64() < hedge {
				lead = hedges
			}
			if sentence > 0 {
				b = append(b, ' ')
			}
			b = append(b, pick(r, lead)...)
			for range 4 + r.IntN(6) {
				b = append(b, ' ')
				b = append(b, text.word(r, p)...)
			}
			b = append(b, '.')
		}
		b = append(b, ' ')
	}
	if w.Graded {
		return string(append(b, "This is my answer."...))
	}
	b = append(b, "The answer is ("...)
	b = append(b, out.AnswerText[out.Answer[at]]...)
	return string(append(b, ")."...))
}
