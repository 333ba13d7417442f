package learn

import (
	"fmt"
	"math"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"
	"github.com/gomlx/gomlx/ml/train"
	"github.com/gomlx/gomlx/ml/train/optimizer"
)

// batch is one step's share of the examples in a shape that never changes; rows beyond the examples weigh nothing.
type batch struct {
	size, in, out, members int
	x, y, w, trains        []float32 // [size × in], [size × out], [size × out], [size × members]
}

func newBatch(c *Config, in int) *batch {
	out := width(c.Blocks)
	return &batch{
		size: c.Batch, in: in, out: out, members: c.Members,
		x: make([]float32, c.Batch*in), y: make([]float32, c.Batch*out), w: make([]float32, c.Batch*out),
		trains: make([]float32, c.Batch*c.Members),
	}
}

// fill takes the examples of the given rows; x holds their standardised inputs.
func (b *batch) fill(rows []int32, ex *Examples, x []float32) {
	clear(b.w)
	clear(b.trains)
	for to, row := range rows {
		from := int(row)
		copy(b.x[to*b.in:(to+1)*b.in], x[from*b.in:(from+1)*b.in])
		copy(b.y[to*b.out:(to+1)*b.out], ex.Y[from*b.out:(from+1)*b.out])
		copy(b.w[to*b.out:(to+1)*b.out], ex.W[from*b.out:(from+1)*b.out])
		for m := range b.members {
			if ex.HeldOut[from] != int32(m) {
				b.trains[to*b.members+m] = 1
			}
		}
	}
}

// stepper holds the weights on the backend and the compiled training step.
type stepper struct {
	store   *model.Store
	trainer *train.Trainer
}

// names of the variables, which live under /net.
var weightNames = []string{"w1", "b1", "w2", "b2"}

func (n *Net) weights() map[string]struct {
	flat F32s
	dims []int
} {
	type part = struct {
		flat F32s
		dims []int
	}
	parts := map[string]part{
		"w2": {n.W2, []int{n.Members, n.Out(), n.fan()}},
		"b2": {n.B2, []int{n.Members, n.Out()}},
	}
	if n.Hidden > 0 {
		parts["w1"] = part{n.W1, []int{n.Members * n.Hidden, n.In}}
		parts["b1"] = part{n.B1, []int{n.Members * n.Hidden}}
	}
	return parts
}

// newStepper puts the weights of n on the backend and builds the trainer around them.
func newStepper(c *Config, n *Net) (*stepper, error) {
	backend, err := OpenBackend(c.Backend)
	if err != nil {
		return nil, err
	}
	s := &stepper{store: model.NewStore()}
	err = recovered(func() error {
		if err := s.store.SetRNGStateFromSeed(int64(c.Seed)); err != nil {
			return err
		}
		parts := n.weights()
		for _, name := range weightNames {
			if p, ok := parts[name]; ok {
				s.store.Scope("/net").VariableWithValue(name, tensors.FromFlatDataAndDimensions([]float32(p.flat), p.dims...))
			}
		}
		adam := optimizer.Adam().LearningRate(c.LearningRate).WeightDecay(c.WeightDecay).Done()
		s.trainer = newTrainer(backend, s.store, n, &clipped{Interface: adam, max: c.ClipNorm * math.Sqrt(float64(c.Members))})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("building the network: %w", err)
	}
	return s, nil
}

func newTrainer(backend compute.Backend, store *model.Store, n *Net, opt optimizer.Interface) *train.Trainer {
	// x [B, in] → z [members, B, out]
	forward := func(scope *model.Scope, x *graph.Node) *graph.Node {
		g := x.Graph()
		variable := func(name string) *graph.Node { return store.GetVariable("/net/" + name).NodeValue(g) }
		size := x.Shape().Dimensions[0]
		var z *graph.Node
		if n.Hidden > 0 {
			// One product for all members: [B, in] × [members·hidden, in]ᵀ.
			h := graph.DotGeneral(x, []int{1}, nil, variable("w1"), []int{1}, nil)
			h = graph.MaxScalar(graph.Add(h, graph.InsertAxes(variable("b1"), 0)), 0)
			h = graph.Reshape(h, size, n.Members, n.Hidden)
			z = graph.DotGeneral(h, []int{2}, []int{1}, variable("w2"), []int{2}, []int{0})
		} else {
			w := graph.Reshape(variable("w2"), n.Members*n.Out(), n.In)
			z = graph.Reshape(graph.DotGeneral(x, []int{1}, nil, w, []int{1}, nil), size, n.Members, n.Out())
			z = graph.TransposeAllAxes(z, 1, 0, 2)
		}
		return graph.Add(z, graph.InsertAxes(variable("b2"), 1))
	}
	lossFn := func(labels, predictions []*graph.Node) *graph.Node {
		return lossGraph(n.Blocks, predictions[0], labels[0], labels[1], labels[2])
	}
	return train.NewTrainer(backend, store, forward, lossFn, opt, nil, nil)
}

// lossGraph is the sum over members of each block's weighted mean loss: z [members, B, out], y and w [B, out],
// trains [B, members].
func lossGraph(blocks []Block, z, y, w, trains *graph.Node) *graph.Node {
	g := z.Graph()
	trains = graph.InsertAxes(graph.TransposeAllAxes(trains, 1, 0), -1) // [members, B, 1]
	var total *graph.Node
	from := 0
	for _, b := range blocks {
		to := from + b.Width
		zb := graph.Slice(z, graph.AxisRange(), graph.AxisRange(), graph.AxisRange(from, to))
		yb := graph.InsertAxes(graph.Slice(y, graph.AxisRange(), graph.AxisRange(from, to)), 0)
		wb := graph.Mul(graph.InsertAxes(graph.Slice(w, graph.AxisRange(), graph.AxisRange(from, to)), 0), trains) // [members, B, width]
		var each *graph.Node
		switch b.Link {
		case Bernoulli:
			// max(z,0) − z·y + ln(1+e^−|z|)
			each = graph.Add(graph.Sub(graph.MaxScalar(zb, 0), graph.Mul(zb, yb)), graph.Log1P(graph.Exp(graph.Neg(graph.Abs(zb)))))
		case Poisson:
			zb = graph.ClipScalar(zb, -maxExponent, maxExponent)
			each = graph.Sub(graph.Exp(zb), graph.Mul(yb, zb))
		case Softmax:
			each = graph.Neg(graph.Mul(yb, graph.LogSoftmax(zb, -1)))
		}
		members := float64(z.Shape().Dimensions[0])
		// Mean over the examples and outputs that count, for all members alike, times their number; a softmax block's
		// terms add up to one loss an example.
		weight := graph.ReduceAllSum(wb)
		if b.Link == Softmax {
			weight = graph.DivScalar(weight, float64(b.Width))
		}
		mean := graph.Div(graph.ReduceAllSum(graph.Mul(each, wb)), graph.MaxScalar(weight, 1e-6))
		term := graph.MulScalar(mean, b.Weight*members)
		if total == nil {
			total = term
		} else {
			total = graph.Add(total, term)
		}
		from = to
	}
	if total == nil {
		return graph.ScalarZero(g, dtypes.Float32)
	}
	return total
}

// step takes one optimiser step and returns the loss before it.
func (s *stepper) step(b *batch) (float64, error) {
	var value float64
	err := recovered(func() error {
		out, err := s.trainer.TrainStep(train.Batch{
			Inputs: []*tensors.Tensor{tensors.FromFlatDataAndDimensions(b.x, b.size, b.in)},
			Labels: []*tensors.Tensor{
				tensors.FromFlatDataAndDimensions(b.y, b.size, b.out),
				tensors.FromFlatDataAndDimensions(b.w, b.size, b.out),
				tensors.FromFlatDataAndDimensions(b.trains, b.size, b.members),
			},
		})
		if err != nil {
			return err
		}
		value = float64(tensors.ToScalar[float32](out[0]))
		for _, t := range out {
			if err := t.FinalizeAll(); err != nil {
				return err
			}
		}
		return nil
	})
	return value, err
}

// setRate sets the learning rate of the following steps.
func (s *stepper) setRate(rate float64) error {
	return recovered(func() error {
		return optimizer.LearningRateVar(s.store.RootScope(), dtypes.Float32, rate).SetValue(tensors.FromScalar(float32(rate)))
	})
}

// read copies the weights from the backend into n.
func (s *stepper) read(n *Net) error {
	parts := n.weights()
	return recovered(func() error {
		for name, p := range parts {
			value, err := s.store.GetVariable("/net/" + name).Value()
			if err != nil {
				return err
			}
			if err := tensors.ConstFlatData(value, func(flat []float32) { copy(p.flat, flat) }); err != nil {
				return err
			}
		}
		return nil
	})
}

// close frees what the backend holds.
func (s *stepper) close() {
	_ = recovered(func() error {
		for v := range s.store.IterVariables() {
			if err := v.Finalize(); err != nil {
				return err
			}
		}
		return nil
	})
}

// clipped bounds the norm of the whole gradient before an optimiser uses it (Pascanu et al., arXiv 1211.5063).
type clipped struct {
	optimizer.Interface
	max float64 // 0 for no bound
}

// UpdateGraph implements [optimizer.Interface].
func (c *clipped) UpdateGraph(scope *model.Scope, g *graph.Graph, loss *graph.Node) {
	c.UpdateGraphWithGradients(scope, scope.BuildTrainableVariablesGradientsGraph(loss), loss.DType())
}

// UpdateGraphWithGradients implements [train.OptimizeWithGradients].
func (c *clipped) UpdateGraphWithGradients(scope *model.Scope, grads []*graph.Node, dtype dtypes.DType) {
	if c.max > 0 {
		square := graph.ScalarZero(grads[0].Graph(), dtype)
		for _, g := range grads {
			square = graph.Add(square, graph.ReduceAllSum(graph.Square(g)))
		}
		scale := graph.MinScalar(graph.Div(graph.Scalar(grads[0].Graph(), dtype, c.max), graph.AddScalar(graph.Sqrt(square), 1e-6)), 1)
		for i, g := range grads {
			grads[i] = graph.Mul(g, scale)
		}
	}
	c.Interface.(train.OptimizeWithGradients).UpdateGraphWithGradients(scope, grads, dtype)
}
