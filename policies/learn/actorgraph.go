package learn

import (
	"errors"
	"fmt"
	"math"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
)

// Minibatch are the columns of one minibatch inside a graph. Three of them are what the actor reads: "state", "about" and
// "base".
type Minibatch map[string]*graph.Node

// Loss builds an agent's loss from the actor's logits [B, Actions] and what it adds to the value [B]: a scalar that is to
// become small, how far the policy has moved from the one that acted (an
// estimate of the KL divergence; nil where nobody asks), and statistics, each a scalar.
type Loss func(logits, value *graph.Node, b Minibatch) (loss, moved *graph.Node, stats []*graph.Node)

// UpdateConfig says how an [Updater] steps.
type UpdateConfig struct {
	Backend     string
	Minibatches int     // in one call of the backend
	ClipNorm    float64 // bound of the gradient's norm; 0 for none
	Epsilon     float64 // of Adam
	// TargetKL ends an update: once a minibatch finds that the policy moved further, no later one of this call steps, and
	// Run says so. 0 for no bound.
	TargetKL float64
	Columns  []Column
	Stats    int // how many statistics the loss has
}

// Column is one column of the minibatches and its dimensions in each.
type Column struct {
	Name string
	Dims []int
}

// Size is how many numbers a minibatch has of the column.
func (c Column) Size() int {
	n := 1
	for _, d := range c.Dims {
		n *= d
	}
	return n
}

// Updater holds an actor's weights and the moments of Adam on the backend, and the graph that takes several minibatch
// steps in one call: gradients, their clipping, Adam (Kingma and Ba, arXiv 1412.6980) and the check of the KL bound. One
// call a minibatch would spend most of its time around the call.
type Updater struct {
	config UpdateConfig
	exec   *graph.Exec
	state  []*tensors.Tensor // weights, first moments, second moments, steps taken
	parts  []actorPart
	shape  ActorShape
}

// NewUpdater puts an actor on the backend and builds the graph around its loss.
func NewUpdater(c UpdateConfig, a *Actor, loss Loss) (*Updater, error) {
	if c.Minibatches < 1 {
		return nil, fmt.Errorf("updates of %d minibatches", c.Minibatches)
	}
	backend, err := OpenBackend(c.Backend)
	if err != nil {
		return nil, err
	}
	u := &Updater{config: c, parts: a.Shape.parts(), shape: a.Shape}
	err = recovered(func() error {
		for range 3 { // weights, then two sets of zeros
			for i, p := range u.parts {
				flat := make([]float32, p.size())
				if len(u.state) < len(u.parts) {
					copy(flat, a.Weights[i])
				}
				u.state = append(u.state, tensors.FromFlatDataAndDimensions(flat, p.dims...))
			}
		}
		u.state = append(u.state, tensors.FromScalar(float32(0)))
		return u.build(backend, loss)
	})
	if err != nil {
		return nil, fmt.Errorf("building an agent's update: %w", err)
	}
	return u, nil
}

const adamBeta1, adamBeta2 = 0.9, 0.999

func (u *Updater) build(backend compute.Backend, loss Loss) error {
	var err error
	n := len(u.parts)
	u.exec, err = graph.NewExec(backend, func(in []*graph.Node) []*graph.Node {
		g := in[0].Graph()
		w, m, v, steps := in[:n], in[n:2*n], in[2*n:3*n], in[3*n]
		rate, columns := in[3*n+1], in[3*n+2:]
		one := graph.Scalar(g, dtypes.Float32, 1)
		alive := one
		total := make([]*graph.Node, u.config.Stats+1)
		for i := range total {
			total[i] = graph.ScalarZero(g, dtypes.Float32)
		}
		for k := range u.config.Minibatches {
			b := Minibatch{}
			for i, c := range u.config.Columns {
				if c.Size() > 0 { // XLA takes no slice of nothing
					b[c.Name] = graph.Reshape(graph.Slice(columns[i], graph.AxisElem(k)), c.Dims...)
				}
			}
			pass := forward(u.shape, w, b["state"], b["about"], b["base"])
			objective, moved, stats := loss(pass.logits, pass.value, b)
			by := graph.Gradient(objective, pass.logits, pass.value)
			grads := pass.backward(by[0], by[1])
			if u.config.TargetKL > 0 && moved != nil {
				bound := graph.Scalar(g, dtypes.Float32, u.config.TargetKL)
				alive = graph.Mul(alive, graph.ConvertDType(graph.LessOrEqual(moved, bound), dtypes.Float32))
			}
			total[0] = graph.Add(total[0], alive)
			for i, s := range stats {
				total[i+1] = graph.Add(total[i+1], graph.Mul(alive, s))
			}
			w, m, v, steps = u.adam(w, m, v, grads, steps, rate, alive)
		}
		out := append(append(append([]*graph.Node{}, w...), m...), v...)
		return append(append(out, steps), graph.Stack(total, 0))
	})
	return err
}

// adam is one step, of length zero where alive is.
func (u *Updater) adam(w, m, v, grads []*graph.Node, steps, rate, alive *graph.Node) (w2, m2, v2 []*graph.Node, steps2 *graph.Node) {
	g := steps.Graph()
	scalar := func(x float64) *graph.Node { return graph.Scalar(g, dtypes.Float32, x) }
	clip := scalar(1)
	if u.config.ClipNorm > 0 {
		square := graph.ScalarZero(g, dtypes.Float32)
		for _, d := range grads {
			square = graph.Add(square, graph.ReduceAllSum(graph.Square(d)))
		}
		clip = graph.MinScalar(graph.Div(scalar(u.config.ClipNorm), graph.AddScalar(graph.Sqrt(square), 1e-6)), 1)
	}
	steps2 = graph.Add(steps, alive)
	count := graph.MaxScalar(steps2, 1) // before the first step nothing moves
	correct1 := graph.OneMinus(graph.Pow(scalar(adamBeta1), count))
	correct2 := graph.OneMinus(graph.Pow(scalar(adamBeta2), count))
	for i, d := range grads {
		d = graph.Mul(d, clip)
		// Where alive is 0 the moments stay as well: mix is 1−β or 0.
		mean := graph.Add(m[i], graph.Mul(graph.MulScalar(alive, 1-adamBeta1), graph.Sub(d, m[i])))
		square := graph.Add(v[i], graph.Mul(graph.MulScalar(alive, 1-adamBeta2), graph.Sub(graph.Square(d), v[i])))
		step := graph.Div(graph.Div(mean, correct1), graph.AddScalar(graph.Sqrt(graph.Div(square, correct2)), u.config.Epsilon))
		w2 = append(w2, graph.Sub(w[i], graph.Mul(graph.Mul(alive, rate), step)))
		m2, v2 = append(m2, mean), append(v2, square)
	}
	return w2, m2, v2, steps2
}

// Run takes Minibatches steps of the given learning rate. columns are in the order of the configuration, each
// that of every minibatch after another. It returns the statistics, mean over the steps taken, and how many those were.
func (u *Updater) Run(rate float64, columns [][]float32) (stats []float64, steps int, err error) {
	if len(columns) != len(u.config.Columns) {
		return nil, 0, fmt.Errorf("an update with %d columns, want %d", len(columns), len(u.config.Columns))
	}
	args := make([]any, 0, len(u.state)+1+len(columns))
	for _, t := range u.state {
		args = append(args, t)
	}
	args = append(args, float32(rate))
	fresh := make([]*tensors.Tensor, 0, len(columns))
	err = recovered(func() error {
		for i, c := range u.config.Columns {
			t := tensors.FromFlatDataAndDimensions(columns[i], append([]int{u.config.Minibatches}, c.Dims...)...)
			fresh = append(fresh, t)
			args = append(args, t)
		}
		out, err := u.exec.Call(args...)
		if err != nil {
			return err
		}
		last := len(out) - 1
		var flat []float32
		if err := tensors.ConstFlatData(out[last], func(x []float32) { flat = append(flat, x...) }); err != nil {
			return err
		}
		for _, t := range append(append(fresh, u.state...), out[last]) {
			if err := t.FinalizeAll(); err != nil {
				return err
			}
		}
		u.state = out[:last]
		steps = int(math.Round(float64(flat[0])))
		for _, x := range flat[1:] {
			stats = append(stats, float64(x)/float64(max(steps, 1)))
		}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("updating an agent: %w", err)
	}
	for _, x := range stats {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, 0, errors.New("updating an agent: the loss is not finite: lower the learning rate")
		}
	}
	return stats, steps, nil
}

// Read copies the weights from the backend into a.
func (u *Updater) Read(a *Actor) error {
	return recovered(func() error {
		for i, w := range a.Weights {
			if err := tensors.ConstFlatData(u.state[i], func(flat []float32) { copy(w, flat) }); err != nil {
				return err
			}
		}
		return nil
	})
}

// State copies out the weights and all of the optimiser: first moments, second moments, steps taken.
func (u *Updater) State() ([]F32s, error) {
	flat := make([]F32s, len(u.state))
	return flat, recovered(func() error {
		for i, t := range u.state {
			if err := tensors.ConstFlatData(t, func(x []float32) { flat[i] = append(F32s{}, x...) }); err != nil {
				return err
			}
		}
		return nil
	})
}

// Restore puts back what State gave of an updater of the same shape.
func (u *Updater) Restore(state []F32s) error {
	if len(state) != len(u.state) {
		return fmt.Errorf("%d blocks of weights and moments, want %d: they are of another network", len(state), len(u.state))
	}
	for i, t := range u.state {
		if len(state[i]) != t.Shape().Size() {
			return fmt.Errorf("block %d has %d numbers, want %v: it is of another network", i, len(state[i]), t.Shape().Dimensions)
		}
	}
	return recovered(func() error {
		for i, t := range u.state {
			dims := t.Shape().Dimensions
			if err := t.FinalizeAll(); err != nil {
				return err
			}
			if len(dims) == 0 {
				u.state[i] = tensors.FromScalar(state[i][0])
			} else {
				u.state[i] = tensors.FromFlatDataAndDimensions([]float32(state[i]), dims...)
			}
		}
		return nil
	})
}

// Close frees what the backend holds.
func (u *Updater) Close() {
	_ = recovered(func() error {
		for _, t := range u.state {
			if err := t.FinalizeAll(); err != nil {
				return err
			}
		}
		u.exec.Finalize()
		return nil
	})
}
