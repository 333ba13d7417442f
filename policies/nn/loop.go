package nn

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Variable is one block of weights of a network.
type Variable struct {
	Name  string
	Dims  []int
	Value checkpoint.F32s // row-major; its first Members-th belongs to the first member of the ensemble, and so on
	Free  bool            // no weight decay: a bias, a temperature
}

// Schedule is how the learning rate changes from epoch to epoch.
type Schedule string

// The schedules.
const (
	Cosine   Schedule = "cosine" // half a cosine from the full rate to zero (Loshchilov and Hutter, arXiv 1608.03983)
	Linear   Schedule = "linear" // a straight line from the full rate to zero
	Constant Schedule = "constant"
)

// Rate is the share of the learning rate in an epoch of epochs. The first warmup epochs climb to it in equal steps.
func (s Schedule) Rate(epoch, epochs, warmup int) float64 {
	share := 1.0
	switch at := float64(epoch) / float64(epochs); s {
	case Linear:
		share = 1 - at
	case Constant:
	default:
		share = 0.5 * (1 + math.Cos(math.Pi*at))
	}
	if epoch < warmup {
		share *= float64(epoch+1) / float64(warmup+1)
	}
	return share
}

// Loop is the training that every policy with a network shares: shuffled batches of one shape, AdamW under a schedule,
// a bound on the gradient, a held-out loss after each epoch, for each member of the ensemble the weights of its best
// epoch, curves of every term of the loss, and a snapshot from which training goes on to the same bits. What is
// learned, the loss, is the policy's own and stays in its file.
type Loop struct {
	Backend      string
	Seed         uint64
	Name         string // of the random streams: one a policy and purpose
	Members      int
	Batch        int
	Epochs       int
	Patience     int // epochs without a better held-out loss of any member before training ends; 0 never ends it
	LearningRate float64
	Schedule     Schedule // "" is cosine
	Warmup       int      // epochs
	WeightDecay  float64  // of AdamW: the share of a weight that one step at rate 1 takes away
	ClipNorm     float64  // of the gradient over all members; 0 for none

	Variables []*Variable
	Pool      []int32 // the examples that are trained on
	// Inputs are the shapes of what one example of a batch gives, such as {in} and {models, choices}.
	Inputs [][]int
	// Fill lays the examples of rows into buffers [Batch × …], one an input; they arrive cleared, and rows may be
	// fewer than Batch. The step is −1 for a batch that is only looked at.
	Fill func(epoch, step int, rows []int32, buffers [][]float32)
	// Loss builds the loss of a batch: its value first and then any terms worth a curve, all scalars. Members add up.
	Loss func(variable func(name string) *graph.Node, inputs []*graph.Node) []*graph.Node
	// Terms name the terms after the first.
	Terms []string
	// HeldOut looks at the weights in Variables after an epoch: each member's held-out loss, NaN where nothing is held
	// out from it, and what else is worth a curve.
	HeldOut func(ctx context.Context) ([]float64, []policy.Metric, error)
	// Where it is nil, the examples of EvalPool are laid out by Fill and EvalLoss gives [2, Members]: sums over the
	// examples that are held out from a member, and their number.
	EvalPool []int32
	EvalLoss func(variable func(name string) *graph.Node, inputs []*graph.Node) *graph.Node

	// Once is where equal trainings meet. It is left alone where snapshots are asked for.
	Once Once
	// From is the snapshot to go on from; nil starts anew.
	From *Snapshot
	// OnSnapshot is given what it takes to go on, after each epoch; nil where nobody wants it.
	OnSnapshot func(*Snapshot) error
}

// Snapshot is a training between two epochs. Going on from it gives the weights, bit for bit, that training without
// a break would have given.
type Snapshot struct {
	Epoch    int                        `json:"epoch"` // epochs done
	Steps    int                        `json:"steps"`
	Value    map[string]checkpoint.F32s `json:"value"`
	First    map[string]checkpoint.F32s `json:"first"`
	Second   map[string]checkpoint.F32s `json:"second"`
	Best     map[string]checkpoint.F32s `json:"best"`
	BestLoss checkpoint.F32s            `json:"best_loss"`
	BestAt   int                        `json:"best_at"`
}

// Run trains. Afterwards Variables hold each member's best weights.
func (l *Loop) Run(ctx context.Context, report func(policy.Progress)) error {
	if l.From != nil || l.OnSnapshot != nil {
		return l.run(ctx, report)
	}
	return l.Once.do(ctx, l.Variables, report, func(report func(policy.Progress)) error { return l.run(ctx, report) })
}

func (l *Loop) run(ctx context.Context, report func(policy.Progress)) error {
	if len(l.Pool) == 0 {
		return errors.New("every example is held out: there is nothing to train on")
	}
	l.Batch = min(l.Batch, len(l.Pool))
	s, err := newStepper(l)
	if err != nil {
		return err
	}
	defer s.close()
	best := newBest(l)
	start := 0
	if l.From != nil {
		if start, err = l.restore(s, best); err != nil {
			return err
		}
	}
	buffers := make([][]float32, len(l.Inputs))
	for i, dims := range l.Inputs {
		size := l.Batch
		for _, d := range dims {
			size *= d
		}
		buffers[i] = make([]float32, size)
	}
	pool := append([]int32{}, l.Pool...)
	shuffle := policy.Stream(l.Seed, l.Name, "shuffle")
	steps := (len(pool) + l.Batch - 1) / l.Batch
	for epoch := range l.Epochs {
		shuffle.Shuffle(len(pool), func(i, j int) { pool[i], pool[j] = pool[j], pool[i] })
		if epoch < start {
			continue // done before the snapshot; only the order of the examples is repeated
		}
		if l.Patience > 0 && epoch > 0 && epoch-1-best.epoch >= l.Patience {
			break
		}
		rate := l.LearningRate * l.Schedule.Rate(epoch, l.Epochs, l.Warmup)
		mean := make([]float64, 2+len(l.Terms))
		for step := range steps {
			if err := ctx.Err(); err != nil {
				return err
			}
			for _, b := range buffers {
				clear(b)
			}
			l.Fill(epoch, step, pool[step*l.Batch:min((step+1)*l.Batch, len(pool))], buffers)
			values, err := s.step(rate, buffers)
			if err != nil {
				return fmt.Errorf("epoch %d step %d: %w", epoch+1, step+1, err)
			}
			if x := values[0]; math.IsNaN(x) || math.IsInf(x, 0) {
				return fmt.Errorf("epoch %d step %d: the loss is %v: lower the learning rate", epoch+1, step+1, x)
			}
			for i, x := range values {
				mean[i] += x / float64(steps)
			}
		}
		if err := s.read("value", func(v *Variable) []float32 { return v.Value }); err != nil {
			return err
		}
		var heldOut []float64
		var extra []policy.Metric
		if l.HeldOut != nil {
			heldOut, extra, err = l.HeldOut(ctx)
		} else {
			heldOut, err = l.evaluate(ctx, s, buffers)
		}
		if err != nil {
			return fmt.Errorf("held-out loss of epoch %d: %w", epoch+1, err)
		}
		best.update(heldOut, epoch)
		if report != nil {
			report(policy.Progress{Stage: "train " + l.Name, Step: epoch + 1, Total: l.Epochs, Metrics: l.curves(mean, rate, heldOut, extra)})
		}
		if l.OnSnapshot != nil {
			snapshot, err := l.snapshot(s, best, epoch+1)
			if err == nil {
				err = l.OnSnapshot(snapshot)
			}
			if err != nil {
				return fmt.Errorf("keeping a snapshot of epoch %d: %w", epoch+1, err)
			}
		}
	}
	for _, v := range l.Variables {
		copy(v.Value, best.value[v.Name])
	}
	return nil
}

// evaluate is each member's mean held-out loss; NaN where nothing is held out from it.
func (l *Loop) evaluate(ctx context.Context, s *stepper, buffers [][]float32) ([]float64, error) {
	sum := make([]float64, 2*l.Members)
	for lo := 0; lo < len(l.EvalPool); lo += l.Batch {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for _, b := range buffers {
			clear(b)
		}
		l.Fill(0, -1, l.EvalPool[lo:min(lo+l.Batch, len(l.EvalPool))], buffers)
		part, err := s.look(buffers)
		if err != nil {
			return nil, err
		}
		for i, x := range part {
			sum[i] += float64(x)
		}
	}
	mean := make([]float64, l.Members)
	for m := range mean {
		mean[m] = sum[m] / sum[l.Members+m]
	}
	return mean, nil
}

// curves are the metrics of one epoch: the loss of one member on average, its terms, the gradient's norm over all.
func (l *Loop) curves(mean []float64, rate float64, heldOut []float64, extra []policy.Metric) []policy.Metric {
	list := []policy.Metric{{Name: "train_loss", Value: mean[0] / float64(l.Members)}}
	var sum, n float64
	for _, x := range heldOut {
		if !math.IsNaN(x) {
			sum += x
			n++
		}
	}
	if n > 0 {
		list = append(list, policy.Metric{Name: "validation_loss", Value: sum / n})
	}
	for i, name := range l.Terms {
		list = append(list, policy.Metric{Name: "loss_" + name, Value: mean[1+i] / float64(l.Members)})
	}
	list = append(list, policy.Metric{Name: "gradient_norm", Value: mean[len(mean)-1]}, policy.Metric{Name: "learning_rate", Value: rate})
	return append(list, extra...)
}

// best keeps, for every member, the weights of its least held-out loss.
type best struct {
	variables []*Variable
	value     map[string]checkpoint.F32s
	loss      []float64
	epoch     int
}

func newBest(l *Loop) *best {
	b := &best{variables: l.Variables, value: map[string]checkpoint.F32s{}, loss: make([]float64, l.Members)}
	for _, v := range l.Variables {
		b.value[v.Name] = append(checkpoint.F32s{}, v.Value...)
	}
	for m := range b.loss {
		b.loss[m] = math.Inf(1)
	}
	return b
}

// update takes over the members that got better, and those of which nothing is held out.
func (b *best) update(heldOut []float64, epoch int) {
	for m, x := range heldOut {
		if x >= b.loss[m] {
			continue
		}
		if !math.IsNaN(x) {
			// As a snapshot keeps it, so that going on compares the same numbers.
			b.loss[m] = float64(float32(x))
		}
		b.epoch = epoch
		for _, v := range b.variables {
			size := len(v.Value) / len(b.loss)
			copy(b.value[v.Name][m*size:(m+1)*size], v.Value[m*size:(m+1)*size])
		}
	}
}

func (l *Loop) snapshot(s *stepper, b *best, epochs int) (*Snapshot, error) {
	shot := &Snapshot{Epoch: epochs, Steps: s.taken, Value: map[string]checkpoint.F32s{}, First: map[string]checkpoint.F32s{}, Second: map[string]checkpoint.F32s{}, Best: map[string]checkpoint.F32s{}, BestAt: b.epoch}
	for _, part := range []struct {
		name string
		to   map[string]checkpoint.F32s
	}{{"value", shot.Value}, {"first", shot.First}, {"second", shot.Second}} {
		err := s.read(part.name, func(v *Variable) []float32 {
			part.to[v.Name] = make(checkpoint.F32s, len(v.Value))
			return part.to[v.Name]
		})
		if err != nil {
			return nil, err
		}
	}
	for name, value := range b.value {
		shot.Best[name] = append(checkpoint.F32s{}, value...)
	}
	for _, x := range b.loss {
		shot.BestLoss = append(shot.BestLoss, float32(x))
	}
	return shot, nil
}

func (l *Loop) restore(s *stepper, b *best) (int, error) {
	shot := l.From
	for _, v := range l.Variables {
		for _, part := range []map[string]checkpoint.F32s{shot.Value, shot.First, shot.Second, shot.Best} {
			if len(part[v.Name]) != len(v.Value) {
				return 0, fmt.Errorf("the snapshot has %d numbers of %s, the network %d: it is of another network; train anew",
					len(part[v.Name]), v.Name, len(v.Value))
			}
		}
	}
	if len(shot.BestLoss) != l.Members || shot.Epoch < 1 || shot.Epoch > l.Epochs {
		return 0, fmt.Errorf("the snapshot is of %d members after %d epochs, the training of %d members and %d epochs: train anew",
			len(shot.BestLoss), shot.Epoch, l.Members, l.Epochs)
	}
	for part, from := range map[string]map[string]checkpoint.F32s{"value": shot.Value, "first": shot.First, "second": shot.Second} {
		if err := s.write(part, func(v *Variable) []float32 { return from[v.Name] }); err != nil {
			return 0, err
		}
	}
	for i, x := range shot.BestLoss {
		b.loss[i] = float64(x)
	}
	for name := range b.value {
		copy(b.value[name], shot.Best[name])
	}
	s.taken, b.epoch = shot.Steps, shot.BestAt
	return shot.Epoch, nil
}
