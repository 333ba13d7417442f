package synth

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// world is what a simulation's prompts and models have in common.
type world struct {
	Params
	models     []spec
	fieldWords [][]string // [topics × fields]
	early      []float64  // cumulative popularity of topics before the drift
	late       []float64  // and after it
	guess      float64
	slopes     [3]float64  // discrimination at the nodes of [nodes3]
	footprint  []footprint // [models]
}

func newWorld(p Params) (*world, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	w := &world{
		Params:     p,
		models:     choose(p.Models),
		fieldWords: fieldWords(p.Topics, p.Fields),
		guess:      1 / float64(p.Options),
	}
	if p.Graded {
		w.guess = 0
	}
	for a, x := range nodes3 {
		w.slopes[a] = p.Discrimination * math.Exp(p.DiscriminationSD*x)
	}
	w.footprint = make([]footprint, len(w.models))
	w.early, w.late = popularity(p.Seed, p.Topics, "early"), popularity(p.Seed, p.Topics, "late")
	for j := range w.models {
		w.models[j].draw(p)
		var err error
		if w.footprint[j], err = newFootprint(w.models[j].Model); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// draw fixes a model's abilities from the seed and its own name, so that a pool's other members do not change them.
func (s *spec) draw(p Params) {
	r := policy.Stream(p.Seed, "ability", s.ID)
	moves := policy.Stream(p.Seed, "ability drift", s.ID)
	price := (s.PriceInputUSDPerMTok + s.PriceOutputUSDPerMTok) / 2
	general := p.Level + s.skill + p.SizeEffect*math.Log10(price)
	s.ability = make([]float64, 0, p.Topics*p.Fields)
	s.shift = make([]float64, 0, p.Topics*p.Fields)
	for _, t := range topics[:p.Topics] {
		byTopic := p.TopicSpread * r.NormFloat64()
		shift := p.Drift * p.TopicSpread * (2*moves.Float64() - 1)
		for range p.Fields {
			s.ability = append(s.ability, general+s.strengths[t.name]+byTopic+p.FieldSpread*r.NormFloat64())
			s.shift = append(s.shift, shift)
		}
		// Fields that are not used are drawn all the same: fewer fields leave the other topics as they are.
		for range 8 - p.Fields {
			r.NormFloat64()
		}
	}
}

// popularity draws the cumulative shares of topics.
func popularity(seed uint64, n int, when string) []float64 {
	r := policy.Stream(seed, "popularity", when)
	shares := make([]float64, n)
	var sum float64
	for i := range shares {
		shares[i] = math.Exp(0.35 * r.NormFloat64())
		sum += shares[i]
	}
	var running float64
	for i := range shares {
		running += shares[i] / sum
		shares[i] = running
	}
	shares[n-1] = 1
	return shares
}

// prompt is what is true of one prompt.
type prompt struct {
	topic          [2]int // dominant and second
	field          [2]int
	share          float64 // of the dominant skill
	shown, hidden  float64 // difficulty is their sum
	discrimination float64
	words          int
	right, tempt   int // options: the right one, and the wrong one that tempts
	arrivedAt      time.Time
	phase          float64 // how much of the drift has happened, 0 to 1
}

// difficulty of the prompt.
func (p *prompt) difficulty() float64 { return p.shown + p.hidden }

// draw takes the same number of draws for every prompt, whatever the parameters.
func (w *world) draw(r *rand.Rand, index int) prompt {
	day := (float64(index) + 0.9*r.Float64()) / w.PromptsPerDay
	p := prompt{arrivedAt: start.Add(time.Duration(day * 24 * float64(time.Hour))).Truncate(time.Millisecond)}
	if w.Drift > 0 {
		p.phase = min(1, day/w.DriftDays)
	}
	for k := range p.topic {
		u, late := r.Float64(), r.Float64() < w.Drift*p.phase
		shares := w.early
		if late {
			shares = w.late
		}
		for u > shares[p.topic[k]] {
			p.topic[k]++
		}
		p.field[k] = r.IntN(w.Fields)
	}
	// Shares lie around their mean, evenly, within what keeps the dominant skill dominant.
	spread := min(w.DominantShare-0.5, 1-w.DominantShare)
	p.share = w.DominantShare + spread*(2*r.Float64()-1)
	p.shown = w.DifficultySD * math.Sqrt(w.DifficultyShown) * r.NormFloat64()
	p.hidden = w.DifficultySD * math.Sqrt(1-w.DifficultyShown) * r.NormFloat64()
	p.discrimination = w.Discrimination * math.Exp(w.DiscriminationSD*r.NormFloat64())
	// Harder prompts are longer.
	length := math.Log(w.PromptWords) + 0.1*p.shown + w.PromptWordsSD*r.NormFloat64()
	p.words = int(math.Round(min(max(math.Exp(length), 5), 20000)))
	p.right = r.IntN(w.Options)
	p.tempt = (p.right + 1 + r.IntN(w.Options-1)) % w.Options
	return p
}

// skill is the index of the prompt's k-th skill in a model's abilities.
func (w *world) skill(p *prompt, k int) int { return p.topic[k]*w.Fields + p.field[k] }

// abilityFor is the model's ability for the prompt's mixture of skills.
func (w *world) abilityFor(s *spec, p *prompt) float64 {
	a, b := w.skill(p, 0), w.skill(p, 1)
	return p.share*(s.ability[a]+p.phase*s.shift[a]) + (1-p.share)*(s.ability[b]+p.phase*s.shift[b])
}

// success is the item-response function: the probability of a right answer (or the mean score, if graded) of
// a model whose ability exceeds the prompt's difficulty by margin.
func (w *world) success(margin, discrimination float64) float64 {
	return w.guess + (1-w.guess)/(1+math.Exp(-discrimination*margin))
}

// inputTokens of a prompt: 1.3 tokens a word, two words and a letter for each option, and a fixed frame.
func (w *world) inputTokens(p *prompt) float64 {
	return math.Round(1.3*float64(p.words)) + float64(4*w.Options) + 8
}

// logOutputTokens is the mean of the logarithm of a model's output tokens: verbose models, hard prompts and long
// prompts get more.
func (w *world) logOutputTokens(s *spec, p *prompt) float64 {
	return math.Log(s.verbosity) + 0.18*p.difficulty() + 0.25*math.Log(float64(p.words)/w.PromptWords)
}

// source names where a prompt comes from: the topic and field.
func (w *world) source(p prompt) string {
	return topics[p.topic[0]].name + "-" + w.fieldWords[w.skill(&p, 0)][0]
}
