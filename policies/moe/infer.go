package moe

import (
	"context"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/policies/compute"
)

// reading is what the gate makes of prompts before it knows a preference. n prompts, E members, W units, M models.
type reading struct {
	hidden []float32 // [n × E × W]
	raw    []float32 // [n × E × M] f
	score  []float32 // [n × E × M] σ(f), blended
}

// scratch is room for one goroutine.
type scratch struct {
	a, b, classes, led, category []float32
}

func (g *gate) scratch() *scratch {
	return &scratch{a: make([]float32, g.Width), b: make([]float32, g.Width), classes: make([]float32, g.Classes), led: make([]float32, g.Width), category: make([]float32, g.Models)}
}

// read runs the trunk and the forecasts in plain Go: every sum runs over one prompt in an order that the shape fixes, so
// a prompt's batch never reaches its decision. x [n × In]; near [n × M] or nil; means [Classes × M] or nil.
func (g *gate) read(ctx context.Context, x, near, means []float32) (*reading, error) {
	n := len(x) / g.In
	r := &reading{hidden: make([]float32, n*g.Members*g.Width), raw: make([]float32, n*g.Members*g.Models), score: make([]float32, n*g.Members*g.Models)}
	err := compute.EachChunk(ctx, n, func(lo, hi int) {
		s := g.scratch()
		for i := lo; i < hi; i++ {
			var about []float32
			if near != nil {
				about = near[i*g.Models : (i+1)*g.Models]
			}
			for e := range g.Members {
				h := r.hidden[(i*g.Members+e)*g.Width : (i*g.Members+e+1)*g.Width]
				g.trunk(e, x[i*g.In:(i+1)*g.In], h, s)
				at := (i*g.Members + e) * g.Models
				g.forecast(e, h, about, means, r.raw[at:at+g.Models], s)
				g.mix(r.raw[at:at+g.Models], s.category, about, r.score[at:at+g.Models])
			}
		}
	})
	return r, err
}

// trunk fills h with the last hidden layer of member e.
func (g *gate) trunk(e int, x, h []float32, s *scratch) {
	in := x
	for l := range g.Depth {
		out := s.a
		if l%2 == 1 {
			out = s.b
		}
		if l == g.Depth-1 {
			out = h
		}
		w, b := g.of(layer("w", l), e), g.of(layer("b", l), e)
		for j := range out {
			out[j] = b[j] + compute.Dot(w[j*len(in):(j+1)*len(in)], in)
		}
		if g.Norm {
			normalise(out, g.of(layer("gain", l), e))
		}
		for j, v := range out {
			out[j] = max(v, 0)
		}
		in = out
	}
}

func normalise(h, gain []float32) {
	var mean, square float64
	for _, v := range h {
		mean += float64(v)
	}
	mean /= float64(len(h))
	for _, v := range h {
		square += (float64(v) - mean) * (float64(v) - mean)
	}
	scale := 1 / math.Sqrt(square/float64(len(h))+normEpsilon)
	for j, v := range h {
		h[j] = float32((float64(v) - mean) * scale * float64(gain[j]))
	}
}

// forecast fills out with f of every model, and s.category with what the category alone says, as a logit about the mean.
func (g *gate) forecast(e int, h, near, means, out []float32, s *scratch) {
	w, b := g.of("score", e), g.of("score_bias", e)
	for m := range out {
		out[m] = b[m] + compute.Dot(w[m*g.Width:(m+1)*g.Width], h)
	}
	if near != nil {
		share := g.of("near_share", e)[0]
		for m := range out {
			out[m] += share * near[m]
		}
	}
	clear(s.category)
	if g.Classes > 0 {
		w, b := g.of("class", e), g.of("class_bias", e)
		top, sum := math.Inf(-1), 0.0
		for c := range s.classes {
			s.classes[c] = b[c] + compute.Dot(w[c*g.Width:(c+1)*g.Width], h)
			top = max(top, float64(s.classes[c]))
		}
		for c, v := range s.classes {
			s.classes[c] = float32(math.Exp(float64(v) - top))
			sum += float64(s.classes[c])
		}
		share := float64(g.of("class_share", e)[0])
		for m := range out {
			expected := 0.0
			for c, v := range s.classes {
				expected += float64(v) / sum * float64(means[c*g.Models+m])
			}
			s.category[m] = float32(expected)
			out[m] += float32(share * expected)
		}
	}
}

// blendParts is the number of forecasts that are blended.
const blendParts = 4

// mix fills out with the blend of the forecast of the network, raw, and the means about which it was made.
func (g *gate) mix(raw, category, near, out []float32) {
	for m, f := range raw {
		score := 1 / (1 + math.Exp(-float64(f)))
		if g.Blend != nil && g.Overall[m] == g.Overall[m] {
			overall := float64(g.Overall[m])
			about := 0.0
			if near != nil {
				about = float64(near[m])
			}
			score = g.Blend[0]*score + g.Blend[1]*(overall+float64(category[m])/logitOf) + g.Blend[2]*(overall+about/logitOf) + g.Blend[3]*overall
		}
		out[m] = float32(score)
	}
}

// votes fills out with the logits of the vote's weights, the mean over members from to to.
func (g *gate) votes(r *reading, i, from, to int, out []float64) {
	clear(out)
	for e := from; e < to; e++ {
		bias, share := g.of("vote_bias", e), float64(g.of("vote_share", e)[0])
		for m := range out {
			out[m] += (float64(bias[m]) + share*float64(r.raw[(i*g.Members+e)*g.Models+m])) / float64(to-from)
		}
	}
}

// logits fills out with z of prompt i under a preference, the mean over members from to to: price [M] in score.
func (g *gate) logits(r *reading, i, from, to int, pref []float32, price, out []float64, s *scratch) {
	clear(out)
	for e := from; e < to; e++ {
		h := r.hidden[(i*g.Members+e)*g.Width : (i*g.Members+e+1)*g.Width]
		score := r.score[(i*g.Members+e)*g.Models : (i*g.Members+e+1)*g.Models]
		led := h
		if slices.ContainsFunc(pref, func(x float32) bool { return x != 0 }) {
			film := g.of("film", e)
			for j, v := range h {
				s.led[j] = v * (1 + compute.Dot(film[j*len(pref):(j+1)*len(pref)], pref))
			}
			led = s.led
		}
		w, b, lean := g.of("gate", e), g.of("gate_bias", e), g.of("lean", e)
		tau := math.Exp(float64(g.of("log_tau", e)[0]))
		for m := range out {
			residual := b[m] + compute.Dot(w[m*g.Width:(m+1)*g.Width], led) + compute.Dot(lean[m*len(pref):(m+1)*len(pref)], pref)
			cost := 0.0
			if price != nil {
				cost = price[m]
			}
			out[m] += (float64(score[m])-cost)/tau + g.Lead*float64(residual)
		}
	}
	for m := range out {
		out[m] /= float64(to - from)
	}
}

// forecasts fills out with the mean forecast of every model's score.
func (g *gate) forecasts(r *reading, i, from, to int, out []float64) {
	clear(out)
	for e := from; e < to; e++ {
		for m := range out {
			out[m] += float64(r.score[(i*g.Members+e)*g.Models+m]) / float64(to-from)
		}
	}
}
