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

// ActorNodes are an actor's weights inside a graph, in the order of its parts.
type ActorNodes struct {
	shape ActorShape
	w     []*graph.Node
}

// Forward is [Actor.Forward] for a batch: state [B, In], each [B, Actions, Each] (nil without), base [B, Actions] →
// logits [B, Actions] and what is added to the value [B].
func (a ActorNodes) Forward(state, each, base *graph.Node) (logits, value *graph.Node) {
	s, w := a.shape, a.w
	dense := func(x *graph.Node, weight, bias int) *graph.Node { // [B, in] × [out, in]ᵀ
		z := graph.DotGeneral(x, []int{1}, nil, w[weight], []int{1}, nil)
		return graph.Add(z, graph.InsertAxes(w[bias], 0))
	}
	h := graph.Tanh(dense(graph.Tanh(dense(state, actorW1, actorB1)), actorW2, actorB2))
	logits = graph.Add(base, dense(h, actorPolicy, actorPolicyBias))
	if s.Each > 0 {
		size := state.Shape().Dimensions[0]
		context := graph.InsertAxes(dense(h, actorScorerState, actorScorerBias), 1) // [B, 1, scorer]
		x := graph.Reshape(each, size*s.Actions, s.Each)
		x = graph.Reshape(graph.DotGeneral(x, []int{1}, nil, w[actorScorerAction], []int{1}, nil), size, s.Actions, s.Scorer)
		z := graph.Tanh(graph.Add(x, context))
		z = graph.DotGeneral(graph.Reshape(z, size*s.Actions, s.Scorer), []int{1}, nil, w[actorScorer], []int{1}, nil)
		logits = graph.Add(logits, graph.Reshape(z, size, s.Actions))
	}
	return logits, graph.Reshape(dense(h, actorValue, actorValueBias), -1)
}

// Minibatch are the columns of one minibatch inside a graph, each [B, …].
type Minibatch map[string]*graph.Node

// Loss builds an agent's loss: a scalar that is to become small, how far the policy has moved from the one that acted (an
// estimate of the KL divergence; nil where nobody asks), and statistics, each a scalar.
type Loss func(actor ActorNodes, b Minibatch) (loss, moved *graph.Node, stats []*graph.Node)

// UpdateConfig says how an [Updater] steps.
type UpdateConfig struct {
	Backend     string
	Size        int     // rows of a minibatch
	Minibatches int     // in one call of the backend
	ClipNorm    float64 // bound of the gradient's norm; 0 for none
	Epsilon     float64 // of Adam
	// TargetKL ends an update: once a minibatch finds that the policy moved further, no later one of this call steps, and
	// Run says so. 0 for no bound.
	TargetKL float64
	Columns  []Column
	Stats    int // how many statistics the loss has
}

// Column is one column of the minibatches: Width numbers a row, or one number where Width is 0.
type Column struct {
	Name  string
	Width int
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
	if c.Size < 1 || c.Minibatches < 1 {
		return nil, fmt.Errorf("updates of %d minibatches of %d rows", c.Minibatches, c.Size)
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
				part := graph.Slice(columns[i], graph.AxisElem(k))
				dims := part.Shape().Dimensions[1:]
				b[c.Name] = graph.Reshape(part, dims...)
			}
			objective, moved, stats := loss(ActorNodes{u.shape, w}, b)
			grads := graph.Gradient(objective, w...)
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
// [Minibatches × Size × Width]. It returns the statistics, mean over the steps taken, and how many those were.
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
			dims := []int{u.config.Minibatches, u.config.Size}
			if c.Width > 0 {
				dims = append(dims, c.Width)
			}
			t := tensors.FromFlatDataAndDimensions(columns[i], dims...)
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
func (u *Updater) Read(a *Actor) error { return u.read(a.Weights, 0) }

// Moments copies the optimiser's state out, for an exact resume: first moments, second moments, steps taken.
func (u *Updater) Moments() ([]F32s, error) {
	var flat []F32s
	for range 2 {
		for _, p := range u.parts {
			flat = append(flat, make(F32s, p.size()))
		}
	}
	flat = append(flat, make(F32s, 1))
	return flat, u.read(flat, len(u.parts))
}

// Resume puts weights and moments back.
func (u *Updater) Resume(a *Actor, moments []F32s) error {
	if len(moments) != 2*len(u.parts)+1 {
		return fmt.Errorf("%d blocks of moments, want %d: the checkpoint is of another network", len(moments), 2*len(u.parts)+1)
	}
	return recovered(func() error {
		for i, flat := range append(append([]F32s{}, a.Weights...), moments...) {
			dims := u.state[i].Shape().Dimensions
			if len(flat) != u.state[i].Shape().Size() {
				return fmt.Errorf("block %d has %d numbers, want %v: the checkpoint is of another network", i, len(flat), dims)
			}
			if err := u.state[i].FinalizeAll(); err != nil {
				return err
			}
			if len(dims) == 0 {
				u.state[i] = tensors.FromScalar(flat[0])
			} else {
				u.state[i] = tensors.FromFlatDataAndDimensions([]float32(flat), dims...)
			}
		}
		return nil
	})
}

func (u *Updater) read(into []F32s, from int) error {
	return recovered(func() error {
		for i := range into {
			err := tensors.ConstFlatData(u.state[from+i], func(flat []float32) { copy(into[i], flat) })
			if err != nil {
				return err
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
