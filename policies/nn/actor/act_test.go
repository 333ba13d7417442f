package actor

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/compute"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// batchCases are shapes that fill panels of the kernel and shapes that do not.
var batchCases = []Shape{
	{In: 384, Actions: 11, Hidden: 64}, {In: 7, Actions: 4, Hidden: 5}, {In: 33, Actions: 18, Hidden: 20, Each: 9, Scorer: 21},
}

// statesOf draws n states of a shape and their actions, of which some are not allowed.
func statesOf(s Shape, n int, r *rand.Rand) (states, each, base []float32) {
	states, each, base = make([]float32, n*s.In), make([]float32, n*s.Actions*s.Each), make([]float32, n*s.Actions)
	for _, x := range [][]float32{states, each, base} {
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
	}
	for i := range base {
		if r.IntN(4) == 0 {
			base[i] = NotAllowed
		}
	}
	return states, each, base
}

// reference is the formula of [Actor] for one state, read off it.
func reference(a *Actor, state, each, base []float32) (logits []float64, value float64) {
	s := a.Shape
	affine := func(weights, bias string, x []float64) []float64 {
		w, out := a.Layer(weights), []float64{}
		for i := range len(w) / len(x) {
			z := 0.0
			if bias != "" {
				z = float64(a.Layer(bias)[i])
			}
			for j, v := range x {
				z += float64(w[i*len(x)+j]) * v
			}
			out = append(out, z)
		}
		return out
	}
	bend := func(x []float64) []float64 {
		for i, v := range x {
			x[i] = math.Tanh(v)
		}
		return x
	}
	wide := func(x []float32) (out []float64) {
		for _, v := range x {
			out = append(out, float64(v))
		}
		return out
	}
	h := bend(affine("w2", "b2", bend(affine("w1", "b1", wide(state)))))
	heads := affine("heads", "heads_bias", h)
	for j, known := range base {
		z := float64(known)
		if known > NotAllowed {
			z += heads[j]
		}
		if known > NotAllowed && s.Each > 0 {
			scored := affine("scorer_state", "scorer_bias", h)
			for k, x := range affine("scorer_action", "", wide(each[j*s.Each:(j+1)*s.Each])) {
				scored[k] += x
			}
			z += affine("scorer", "", bend(scored))[0]
		}
		logits = append(logits, z)
	}
	return logits, heads[s.Actions]
}

func TestBatchIsTheFormula(t *testing.T) {
	for _, s := range batchCases {
		r := policy.Stream(5, "batch")
		a, err := New(s, r)
		if err != nil {
			t.Fatal(err)
		}
		for i := range a.Weights {
			a.Weights[i] += float32(r.NormFloat64()) / 10
		}
		const n = 23
		states, each, base := statesOf(s, n, r)
		logits, value := make([]float32, n*s.Actions), make([]float32, n)
		a.Batch().Forward(n, states, each, base, logits, value, new(Scratch))
		for i := range n {
			want, v := reference(a, states[i*s.In:(i+1)*s.In], each[i*s.Actions*s.Each:(i+1)*s.Actions*s.Each], base[i*s.Actions:(i+1)*s.Actions])
			if math.Abs(v-float64(value[i])) > 1e-5 {
				t.Errorf("%+v: value %v, want %v", s, value[i], v)
			}
			for j, x := range want {
				if got := logits[i*s.Actions+j]; math.Abs(float64(got)-x) > 1e-5 {
					t.Errorf("%+v: logit %v, want %v", s, got, x)
				}
			}
		}
	}
}

// A state has the same bits whichever others come with it.
func TestBatchDoesNotMixStates(t *testing.T) {
	for _, s := range batchCases {
		r := policy.Stream(6, "batch")
		a, err := New(s, r)
		if err != nil {
			t.Fatal(err)
		}
		const n = 13
		states, each, base := statesOf(s, n, r)
		b, room := a.Batch(), new(Scratch)
		run := func(size int) (all []float32) {
			logits, value := make([]float32, n*s.Actions), make([]float32, n)
			for lo := 0; lo < n; lo += size {
				hi := min(lo+size, n)
				b.Forward(hi-lo, states[lo*s.In:], each[lo*s.Actions*s.Each:], base[lo*s.Actions:], logits[lo*s.Actions:], value[lo:], room)
			}
			return append(logits, value...)
		}
		want := run(n)
		for _, size := range []int{1, 3, 4, 7} {
			if !slices.Equal(run(size), want) {
				t.Errorf("%+v: batches of %d give other bits", s, size)
			}
		}
	}
}

func TestTanhs(t *testing.T) {
	var x []float32
	for v := -12.0; v <= 12; v += 0.001 {
		x = append(x, float32(v))
	}
	x = append(x, float32(math.Inf(1)), float32(math.Inf(-1)), 1e-30, 0)
	y := slices.Clone(x)
	compute.Tanhs(y)
	for i, v := range x {
		if want := math.Tanh(float64(v)); math.Abs(float64(y[i])-want) > 5e-7 {
			t.Errorf("tanh(%v) = %v, want %v", v, y[i], want)
		}
	}
}
