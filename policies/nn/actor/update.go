package actor

import (
	"context"
	"errors"
	"fmt"
	"math"

	backends "github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/compute"
)

// Minibatch are the figures of one minibatch inside a graph, by the names of an [UpdateConfig]'s facts: each [Rows, B], or [B]
// where it is a single figure.
type Minibatch map[string]*graph.Node

// Loss builds an agent's loss from the actor's logits [Actions, B] and what it adds to the value [B]: a scalar that is to
// become small, how far the policy has moved from the one that acted (an
// estimate of the KL divergence; nil where nobody asks), and statistics, each a scalar.
type Loss func(logits, value *graph.Node, b Minibatch) (loss, moved *graph.Node, stats []*graph.Node)

// UpdateConfig says how an [Updater] steps.
type UpdateConfig struct {
	Backend     string
	Minibatches int     // in one call of the backend
	Size        int     // steps of the environment in each
	ClipNorm    float64 // bound of the gradient's norm; 0 for none
	Epsilon     float64 // of Adam
	// TargetKL ends an update: once a minibatch finds that the policy moved further, no later one of this call steps, and
	// Run says so. 0 for no bound.
	TargetKL float64
	Facts    []Fact // beside what the actor reads; one of them is "base"
	Stats    int    // how many statistics the loss has
}

// Fact is what is known of every step: a single figure, or several, one row for each.
type Fact struct {
	Name string
	Rows int // 0 for a single figure
}

// Sample is the memory of one minibatch of B steps, which the backend reads as it lies.
type Sample struct {
	State []float32 // [B × In]
	About []float32 // [Actions × B × Each]
	Facts []float32 // [rows of all facts × B]
}

// Updater holds an actor's weights and the moments of Adam on the backend, and the graph that takes several minibatch
// steps in one call: gradients, their clipping, Adam and the check of the KL bound. One call a minibatch would spend most
// of its time around the call.
type Updater struct {
	config  UpdateConfig
	backend backends.Backend
	exec    *graph.Exec
	shape   Shape
	state   []*tensors.Tensor   // weights, first moments, second moments, steps taken
	samples [][]*tensors.Tensor // of each minibatch: state, facts, and where the shape has Each, about
}

// NewUpdater puts an actor on the backend and builds the graph around its loss.
func NewUpdater(c UpdateConfig, a *Actor, loss Loss) (*Updater, error) {
	if c.Minibatches < 1 || c.Size < 1 {
		return nil, fmt.Errorf("updates of %d minibatches of %d steps", c.Minibatches, c.Size)
	}
	backend, err := compute.Open(c.Backend)
	if err != nil {
		return nil, err
	}
	u := &Updater{config: c, backend: backend, shape: a.Shape}
	err = compute.Try(func() error {
		zeros := make([]float32, len(a.Weights))
		for _, x := range [][]float32{a.Weights, zeros, zeros} {
			u.state = append(u.state, tensors.FromFlatDataAndDimensions(x, len(x)))
		}
		u.state = append(u.state, tensors.FromScalar(float32(0)))
		if err := u.reserve(); err != nil {
			return err
		}
		return u.build(loss)
	})
	if err != nil {
		return nil, fmt.Errorf("building an agent's update: %w", err)
	}
	return u, nil
}

// reserve makes the room that minibatches are dealt into. A backend in this process's memory reads it where it is.
func (u *Updater) reserve() error {
	rows := 0
	for _, f := range u.config.Facts {
		rows += max(f.Rows, 1)
	}
	dims := [][]int{{u.config.Size, u.shape.In}, {rows, u.config.Size}}
	if u.shape.Each > 0 {
		dims = append(dims, []int{u.shape.Actions * u.config.Size, u.shape.Each})
	}
	for range u.config.Minibatches {
		var sample []*tensors.Tensor
		for _, d := range dims {
			t, err := tensors.FromShapeForBackend(u.backend, 0, shapes.Make(dtypes.Float32, d...))
			if err != nil {
				return err
			}
			sample = append(sample, t)
		}
		u.samples = append(u.samples, sample)
	}
	return nil
}

func (u *Updater) build(loss Loss) error {
	var err error
	u.exec, err = graph.NewExec(u.backend, func(in []*graph.Node) []*graph.Node {
		g := in[0].Graph()
		a, rate, in := adam{in[0], in[1], in[2], in[3]}, in[4], in[5:]
		alive := graph.Scalar(g, dtypes.Float32, 1)
		var found []*graph.Node // of each minibatch: whether it stepped, and its statistics
		for range u.config.Minibatches {
			b, about := u.facts(in[1]), (*graph.Node)(nil)
			if u.shape.Each > 0 {
				about = in[2]
			}
			pass := forward(u.shape, u.shape.split(a.weights), in[0], about, b["base"])
			in = in[len(u.samples[0]):]
			objective, moved, stats := loss(pass.logits, pass.value, b)
			by := graph.Gradient(objective, pass.logits, pass.value)
			gradient := pass.backward(by[0], by[1]).join(u.shape)
			if u.config.TargetKL > 0 && moved != nil {
				bound := graph.Scalar(g, dtypes.Float32, u.config.TargetKL)
				alive = graph.Mul(alive, graph.ConvertDType(graph.LessOrEqual(moved, bound), dtypes.Float32))
			}
			found = append(append(found, alive), stats...)
			a = a.step(gradient, rate, alive, u.config.ClipNorm, u.config.Epsilon)
		}
		return []*graph.Node{a.weights, a.mean, a.square, a.steps, graph.Stack(found, 0)}
	})
	return err
}

// facts gives the rows of a sample's facts their names.
func (u *Updater) facts(all *graph.Node) Minibatch {
	b, from := Minibatch{}, 0
	for _, f := range u.config.Facts {
		rows := max(f.Rows, 1)
		x := graph.Slice(all, graph.AxisRange(from, from+rows))
		if f.Rows == 0 {
			x = graph.Reshape(x, u.config.Size)
		}
		b[f.Name] = x
		from += rows
	}
	return b
}

// Run deals minibatches and steps once by each, at a learning rate. deal, which is called from several goroutines, fills
// the sample of minibatch k; what was in it before is still there. Run returns the statistics, mean over the steps taken,
// and how many those were.
func (u *Updater) Run(rate float64, deal func(k int, into Sample)) (stats []float64, steps int, err error) {
	err = compute.Try(func() error {
		if err := u.fill(deal); err != nil {
			return err
		}
		args := []any{u.state[0], u.state[1], u.state[2], u.state[3], float32(rate)}
		for _, sample := range u.samples {
			for _, t := range sample {
				args = append(args, t)
			}
		}
		out, err := u.exec.Call(args...)
		if err != nil {
			return err
		}
		last := len(out) - 1
		found, err := tensors.CopyFlatData[float32](out[last])
		if err != nil {
			return err
		}
		for _, t := range append(u.state, out[last]) {
			if err := t.FinalizeAll(); err != nil {
				return err
			}
		}
		u.state = out[:last]
		stats, steps = u.tally(found)
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

// fill lets deal write every minibatch's memory.
func (u *Updater) fill(deal func(k int, into Sample)) error {
	failed := make([]error, len(u.samples))
	_ = compute.Each(context.Background(), len(u.samples), 1, func(k, _ int) {
		failed[k] = mutable(u.samples[k], nil, func(flat [][]float32) {
			into := Sample{State: flat[0], Facts: flat[1]}
			if len(flat) > 2 {
				into.About = flat[2]
			}
			deal(k, into)
		})
	})
	return errors.Join(failed...)
}

// mutable gives the memory of several tensors at once.
func mutable(list []*tensors.Tensor, flat [][]float32, use func(flat [][]float32)) (err error) {
	if len(list) == 0 {
		use(flat)
		return nil
	}
	failed := tensors.MutableFlatData(list[0], func(x []float32) { err = mutable(list[1:], append(flat, x), use) })
	return errors.Join(err, failed)
}

// tally sums up what a call found: of each minibatch whether it stepped, and its statistics.
func (u *Updater) tally(found []float32) (stats []float64, steps int) {
	stats = make([]float64, u.config.Stats)
	for ; len(found) > 0; found = found[u.config.Stats+1:] {
		if found[0] == 0 {
			continue
		}
		steps++
		for i, x := range found[1 : u.config.Stats+1] {
			stats[i] += float64(x)
		}
	}
	for i := range stats {
		stats[i] /= float64(max(steps, 1))
	}
	return stats, steps
}

// Read copies the weights from the backend into a.
func (u *Updater) Read(a *Actor) error {
	return compute.Try(func() error {
		return tensors.ConstFlatData(u.state[0], func(flat []float32) { copy(a.Weights, flat) })
	})
}

// State copies out the weights and all of the optimiser: first moments, second moments, steps taken.
func (u *Updater) State() ([]checkpoint.F32s, error) {
	state := make([]checkpoint.F32s, len(u.state))
	return state, compute.Try(func() error {
		for i, t := range u.state {
			x, err := tensors.CopyFlatData[float32](t)
			if err != nil {
				return err
			}
			state[i] = x
		}
		return nil
	})
}

// Restore puts back what State gave of an updater of the same shape.
func (u *Updater) Restore(state []checkpoint.F32s) error {
	if len(state) != len(u.state) {
		return fmt.Errorf("%d blocks of weights and moments, want %d: they are of another network", len(state), len(u.state))
	}
	for i, t := range u.state {
		if len(state[i]) != t.Shape().Size() {
			return fmt.Errorf("block %d has %d numbers, want %v: it is of another network", i, len(state[i]), t.Shape().Dimensions)
		}
	}
	return compute.Try(func() error {
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
	_ = compute.Try(func() error {
		all := u.state
		for _, sample := range u.samples {
			all = append(all, sample...)
		}
		for _, t := range all {
			if err := t.FinalizeAll(); err != nil {
				return err
			}
		}
		u.exec.Finalize()
		return nil
	})
}
