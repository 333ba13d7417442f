package nn

import (
	"fmt"
	"math"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/trilemma-bench/trilemma/policies/compute"
)

// Beta1 and Beta2 are the decay rates of Adam's moments (Kingma and Ba, arXiv 1412.6980).
const (
	Beta1   = 0.9
	Beta2   = 0.999
	epsilon = 1e-7
)

// Adam is one step of AdamW (Loshchilov and Hutter, arXiv 1711.05101) along a gradient g:
//
//	m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²
//	w ← w − rate·(m/(1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) + ε) + decay·w)
//
// correct1 and correct2 are 1/(1−β₁ᵗ) and 1/(1−β₂ᵗ), scalars as the rate is; w, m, v and g have one shape.
func Adam(w, m, v, g, rate, correct1, correct2 *graph.Node, decay, epsilon float64) (weights, first, second *graph.Node) {
	first = graph.Add(graph.MulScalar(m, Beta1), graph.MulScalar(g, 1-Beta1))
	second = graph.Add(graph.MulScalar(v, Beta2), graph.MulScalar(graph.Square(g), 1-Beta2))
	step := graph.Div(graph.Mul(first, correct1), graph.AddScalar(graph.Sqrt(graph.Mul(second, correct2)), epsilon))
	if decay > 0 {
		step = graph.Add(step, graph.MulScalar(w, decay))
	}
	return graph.Sub(w, graph.Mul(rate, step)), first, second
}

// stepper holds the variables of a [Loop] with their moments on the backend, and the compiled training step.
//
// GoMLX's own optimiser is not used: it decays every variable alike, a temperature as well as a matrix, and it makes its
// moments while the first step is compiled, where a resumed run could no longer put its own.
type stepper struct {
	store *model.Store
	exec  *model.Exec
	eval  *model.Exec // nil where the held-out loss is computed elsewhere
	loop  *Loop
	taken int // steps so far
}

// parts of a variable's state on the backend.
var stateParts = []string{"value", "first", "second"}

func newStepper(l *Loop) (*stepper, error) {
	backend, err := compute.Open(l.Backend)
	if err != nil {
		return nil, err
	}
	s := &stepper{store: model.NewStore(), loop: l}
	err = compute.Try(func() error {
		for _, v := range l.Variables {
			for _, part := range stateParts {
				flat := []float32(v.Value)
				if part != "value" {
					flat = make([]float32, len(v.Value))
				}
				s.store.Scope("/net/"+v.Name).VariableWithValue(part, tensors.FromFlatDataAndDimensions(flat, v.Dims...))
			}
		}
		if s.exec, err = model.NewExec(backend, s.store, s.graph); err != nil || l.EvalLoss == nil {
			return err
		}
		s.eval, err = model.NewExec(backend, s.store, func(_ *model.Scope, in []*graph.Node) *graph.Node {
			return l.EvalLoss(func(name string) *graph.Node { return s.variable(name, "value").NodeValue(in[0].Graph()) }, in)
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("building the network: %w", err)
	}
	return s, nil
}

func (s *stepper) variable(name, part string) *model.Variable {
	return s.store.GetVariable("/net/" + name + "/" + part)
}

// graph is one step of [Adam] with a bound on the norm of the whole gradient (Pascanu et al., arXiv 1211.5063):
//
//	g ← ∇loss · min(1, c/‖∇loss‖)
//
// The first input holds the rate and the two corrections; the others are the batch.
func (s *stepper) graph(_ *model.Scope, in []*graph.Node) []*graph.Node {
	g := in[0].Graph()
	scalar := func(i int) *graph.Node { return graph.Reshape(graph.Slice(in[0], graph.AxisRange(i, i+1))) }
	rate, correct1, correct2 := scalar(0), scalar(1), scalar(2)
	values, byName := make([]*graph.Node, len(s.loop.Variables)), map[string]*graph.Node{}
	for i, v := range s.loop.Variables {
		values[i] = s.variable(v.Name, "value").NodeValue(g)
		byName[v.Name] = values[i]
	}
	terms := s.loop.Loss(func(name string) *graph.Node { return byName[name] }, in[1:])
	grads := graph.Gradient(terms[0], values...)
	square := graph.ScalarZero(g, dtypes.Float32)
	for _, d := range grads {
		square = graph.Add(square, graph.ReduceAllSum(graph.Square(d)))
	}
	norm := graph.Sqrt(square)
	for i, v := range s.loop.Variables {
		d := grads[i]
		if s.loop.ClipNorm > 0 {
			d = graph.Mul(d, graph.MinScalar(graph.Div(graph.Scalar(g, dtypes.Float32, s.loop.ClipNorm), graph.AddScalar(norm, 1e-6)), 1))
		}
		first, second := s.variable(v.Name, "first"), s.variable(v.Name, "second")
		decay := s.loop.WeightDecay
		if v.Free {
			decay = 0
		}
		w, m, u := Adam(values[i], first.NodeValue(g), second.NodeValue(g), d, rate, correct1, correct2, decay, epsilon)
		s.variable(v.Name, "value").SetNodeValue(w)
		first.SetNodeValue(m)
		second.SetNodeValue(u)
	}
	return append(terms, norm)
}

// step takes one step at a rate and returns the terms of the loss before it, the whole first, and the gradient's norm last.
func (s *stepper) step(rate float64, buffers [][]float32) ([]float64, error) {
	s.taken++
	t := float64(s.taken)
	control := []float32{float32(rate), float32(1 / (1 - math.Pow(Beta1, t))), float32(1 / (1 - math.Pow(Beta2, t)))}
	var values []float64
	err := compute.Try(func() error {
		args := append([]any{tensors.FromFlatDataAndDimensions(control, len(control))}, s.batch(buffers)...)
		out, err := s.exec.Exec(args...)
		if err != nil {
			return err
		}
		for _, t := range out {
			values = append(values, float64(tensors.ToScalar[float32](t)))
			if err := t.FinalizeAll(); err != nil {
				return err
			}
		}
		return nil
	})
	return values, err
}

// batch is the buffers as tensors.
func (s *stepper) batch(buffers [][]float32) []any {
	args := make([]any, len(buffers))
	for i, b := range buffers {
		args[i] = tensors.FromFlatDataAndDimensions(b, append([]int{s.loop.Batch}, s.loop.Inputs[i]...)...)
	}
	return args
}

// look is the held-out loss of a batch: [2 × members] sums and numbers.
func (s *stepper) look(buffers [][]float32) (sums []float32, err error) {
	err = compute.Try(func() error {
		out, err := s.eval.Exec(s.batch(buffers)...)
		if err != nil {
			return err
		}
		sums = make([]float32, 2*s.loop.Members)
		if err := tensors.ConstFlatData(out[0], func(flat []float32) { copy(sums, flat) }); err != nil {
			return err
		}
		return out[0].FinalizeAll()
	})
	return sums, err
}

// read copies one part of every variable from the backend.
func (s *stepper) read(part string, to func(v *Variable) []float32) error {
	return compute.Try(func() error {
		for _, v := range s.loop.Variables {
			value, err := s.variable(v.Name, part).Value()
			if err != nil {
				return err
			}
			if err := tensors.ConstFlatData(value, func(flat []float32) { copy(to(v), flat) }); err != nil {
				return err
			}
		}
		return nil
	})
}

// write sets one part of every variable on the backend.
func (s *stepper) write(part string, from func(v *Variable) []float32) error {
	return compute.Try(func() error {
		for _, v := range s.loop.Variables {
			if err := s.variable(v.Name, part).SetValue(tensors.FromFlatDataAndDimensions(from(v), v.Dims...)); err != nil {
				return err
			}
		}
		return nil
	})
}

// close frees what the backend holds.
func (s *stepper) close() {
	_ = compute.Try(func() error {
		if s.exec != nil {
			s.exec.Finalize()
		}
		if s.eval != nil {
			s.eval.Finalize()
		}
		for v := range s.store.IterVariables() {
			if err := v.Finalize(); err != nil {
				return err
			}
		}
		return nil
	})
}
