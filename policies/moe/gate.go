package moe

import (
	"errors"
	"fmt"
	"math"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/nn"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// gate is the ensemble of gating networks. With x the prompt's inputs, φ(λ) the preference, and for every model n_m the
// mean score of the nearest prompts and c_m(y) its mean score in category y, both about the model's overall mean:
//
//	h      = trunk(x)                                   hidden layers
//	f_m    = s_m·h + b_m + γ·n_m + κ·Σ_y p(y|h)·c_m(y)  forecast of the score, a logit
//	r_m(λ) = r_m·(h ⊙ (1 + F·φ)) + a_m + u_m·φ          what the task adds (conditioned feature-wise: Perez et al., arXiv 1709.07871)
//	z_m(λ) = (σ(f_m) − price_m(λ))/τ + r_m(λ)           the gate's logits: who is asked
//	v_m    = d_m + ρ·f_m                                logits of the weights of the vote
//
// The preference's own arithmetic, the price, is known and need not be learned; r is what remains. The weights of a vote
// know no preference: what an answer is worth does not depend on what it cost. They are close to constant in the prompt,
// since whose mistakes cancel is a matter of the models more than of the question.
//
// After training σ(f) is blended with the means it was made from, and r is scaled, both by how well that does on prompts
// that a member did not train on (settle.go).
type gate struct {
	In      int  `json:"in"`
	Depth   int  `json:"depth"`
	Width   int  `json:"width"`
	Norm    bool `json:"norm"`
	Members int  `json:"members"`
	Models  int  `json:"models"`
	Classes int  `json:"classes"`
	Facts   int  `json:"facts,omitempty"` // figures of an expert's description; 0 where its rows are learned alone
	// Weighed are the quantities that a preference is laid out as, W of them.
	Weighed []policy.Quantity `json:"weighed"`
	Weights []weight          `json:"weights"`

	Blend   []float64       `json:"blend,omitempty"`   // of σ(f), category means, neighbours' means and overall means; nil is σ(f) alone
	Overall checkpoint.F32s `json:"overall,omitempty"` // [M] mean scores
	Lead    float64         `json:"lead"`              // the share of r that is used
}

// weight is one block of weights, member by member.
type weight struct {
	Name  string          `json:"name"`
	Value checkpoint.F32s `json:"value"`
}

// shape is a block's name with its shape in one member; a free one does not decay.
type shape struct {
	name string
	dims []int
	free bool
}

// shapes are the blocks of the network in one member.
func (g *gate) shapes() []shape {
	list := make([]shape, 0, 24)
	add := func(name string, free bool, dims ...int) { list = append(list, shape{name, dims, free}) }
	in := g.In
	for l := range g.Depth {
		add(layer("w", l), false, g.Width, in)
		add(layer("b", l), true, g.Width)
		if g.Norm {
			add(layer("gain", l), true, g.Width)
		}
		in = g.Width
	}
	for _, head := range []string{"score", "gate", "noise"} {
		add(head, false, g.Models, g.Width)
		add(head+"_bias", head != "gate", g.Models)
		if g.Facts > 0 && head != "noise" {
			add(head+"_facts", false, g.Facts, g.Width+1)
		}
	}
	add("vote_bias", true, g.Models)
	add("vote_share", true, 1)
	add("film", false, g.Width, len(g.Weighed))
	add("lean", false, g.Models, len(g.Weighed))
	if g.Classes > 0 {
		add("class", false, g.Classes, g.Width)
		add("class_bias", true, g.Classes)
		add("class_share", true, 1)
	}
	add("near_share", true, 1)
	add("log_tau", true, 1)
	add("log_beta", true, 1)
	return list
}

func layer(name string, l int) string { return fmt.Sprintf("%s%d", name, l+1) }

func (s *shape) size() int {
	n := 1
	for _, d := range s.dims {
		n *= d
	}
	return n
}

// initialise draws the hidden layers from N(0, 2/in) (He et al., arXiv 1502.01852); the heads start near zero, so that
// training starts from the same forecast for every prompt. mean is each model's mean score, where the forecasts start.
func (g *gate) initialise(seed uint64, temperature float64, mean []float32) {
	g.Lead, g.Overall = 1, append(checkpoint.F32s{}, mean...)
	r := policy.Stream(seed, "moe", "weights")
	for _, s := range g.shapes() {
		w := weight{Name: s.name, Value: make(checkpoint.F32s, g.Members*s.size())}
		fill := func(next func(i int) float64) {
			for i := range w.Value {
				w.Value[i] = float32(next(i))
			}
		}
		switch s.name {
		case "score", "class":
			fill(func(int) float64 { return r.NormFloat64() * 0.1 / math.Sqrt(float64(g.Width)) })
		case "score_bias":
			fill(func(i int) float64 {
				p := min(max(float64(mean[i%g.Models]), 0.02), 0.98)
				if math.IsNaN(p) {
					return 0
				}
				return math.Log(p / (1 - p))
			})
		case "vote_bias":
			// About the weights of a vote of independent experts, the log odds of being right.
			fill(func(i int) float64 {
				if p := float64(mean[i%g.Models]); !math.IsNaN(p) {
					return 4 * p
				}
				return 0
			})
		case "vote_share":
			fill(func(int) float64 { return 0.1 })
		case "near_share", "class_share":
			fill(func(int) float64 { return 1 })
		case "log_tau":
			fill(func(int) float64 { return math.Log(temperature) })
		case "log_beta":
			fill(func(int) float64 { return math.Log(5) })
		default:
			if len(s.dims) == 2 && s.name[0] == 'w' {
				fill(func(int) float64 { return r.NormFloat64() * math.Sqrt(2/float64(s.dims[1])) })
			}
		}
		if len(s.name) > 4 && s.name[:4] == "gain" {
			fill(func(int) float64 { return 1 })
		}
		g.Weights = append(g.Weights, w)
	}
}

// variables are the weights as a training loop sees them, with the member as the first axis.
func (g *gate) variables() []*nn.Variable {
	list := make([]*nn.Variable, 0, len(g.Weights))
	for i, s := range g.shapes() {
		list = append(list, &nn.Variable{Name: s.name, Dims: append([]int{g.Members}, s.dims...), Value: g.Weights[i].Value, Free: s.free})
	}
	return list
}

// of is one member's part of a block; nil where the network has none of that name.
func (g *gate) of(name string, member int) []float32 {
	for i := range g.Weights {
		if g.Weights[i].Name == name {
			size := len(g.Weights[i].Value) / g.Members
			return g.Weights[i].Value[member*size : (member+1)*size]
		}
	}
	return nil
}

// check tells whether a loaded gate is whole.
func (g *gate) check() error {
	if g == nil || g.In < 1 || g.Depth < 1 || g.Width < 1 || g.Members < 1 || g.Models < 1 || g.Classes < 0 || g.Facts < 0 ||
		len(g.Overall) != g.Models || (g.Blend != nil && len(g.Blend) != blendParts) {
		return errors.New("the checkpoint's gate has no shape; fit again")
	}
	shapes := g.shapes()
	if len(shapes) != len(g.Weights) {
		return fmt.Errorf("the checkpoint's gate has %d blocks of weights, want %d; fit again", len(g.Weights), len(shapes))
	}
	for i, s := range shapes {
		if g.Weights[i].Name != s.name || len(g.Weights[i].Value) != g.Members*s.size() {
			return fmt.Errorf("the checkpoint's gate has %d numbers in %s, want %d in %s; fit again",
				len(g.Weights[i].Value), g.Weights[i].Name, g.Members*s.size(), s.name)
		}
	}
	return nil
}

// layout is the preference as the gate's input, [W]: ln(1 + λ·mean/0.01), where mean is what the pool's models cost on
// average, so that 1 is a preference under which the average answer is worth about two points of score.
func (g *gate) layout(p policy.Preference, mean policy.Figures) []float32 {
	out := make([]float32, len(g.Weighed))
	for i, q := range g.Weighed {
		if p[q] > 0 && !math.IsNaN(mean[q]) {
			out[i] = float32(math.Log1p(p[q] * mean[q] / 0.01))
		}
	}
	return out
}
