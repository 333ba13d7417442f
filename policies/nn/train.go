package nn

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/compute"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Examples are what a network is trained on, row-major.
type Examples struct {
	N int
	X []float32 // [N × in] inputs
	Y []float32 // [N × out] targets; finite even where their weight is zero
	W []float32 // [N × out] weights ≥ 0: zero where the target is missing; a softmax block uses that of its first output for all
	// HeldOut [N] is the member that must not train on the example but stops by it, or one of the two below.
	HeldOut []int32
}

// Who an example is held out from, where it is not one member.
const (
	FromNobody    int32 = -1 // every member trains on it
	FromEverybody int32 = -2 // every member stops by it
)

// Config says how an ensemble is trained.
type Config struct {
	Backend      string
	Memo         string // folder where equal trainings meet, see [Once]; "" for none
	Seed         uint64
	Name         string // of the random streams: one a policy and purpose
	Blocks       []Block
	Hidden       int // units of the hidden layer; 0 for a linear model
	Members      int
	LearningRate float64 // at the start; it falls to zero along a half cosine over Epochs
	WeightDecay  float64 // of AdamW: the share of a weight that one step at rate 1 takes away
	ClipNorm     float64 // bound of the gradient's norm, for one member; of m it is √m times that; 0 for none
	Batch        int
	Epochs       int
	Patience     int // epochs without a better held-out loss of any member before training ends; 0 never ends it
}

func (c *Config) check(ex *Examples) error {
	out := width(c.Blocks)
	switch {
	case ex.N <= 0:
		return errors.New("there is nothing to train on")
	case c.Members < 1 || c.Batch < 1 || c.Epochs < 1 || c.Hidden < 0 || out < 1 || !(c.LearningRate > 0):
		return fmt.Errorf("training of %d members with %d hidden units and %d outputs in %d epochs of batches of %d at rate %v: "+
			"none may be zero but the hidden units", c.Members, c.Hidden, out, c.Epochs, c.Batch, c.LearningRate)
	case len(ex.X)%ex.N != 0 || len(ex.X) == 0 || len(ex.Y) != ex.N*out || len(ex.W) != ex.N*out || len(ex.HeldOut) != ex.N:
		return fmt.Errorf("%d examples with %d inputs, %d targets, %d weights and %d folds do not fit %d outputs",
			ex.N, len(ex.X), len(ex.Y), len(ex.W), len(ex.HeldOut), out)
	}
	for i, h := range ex.HeldOut {
		if h < FromEverybody || h >= int32(c.Members) {
			return fmt.Errorf("example %d is held out from member %d of %d", i, h, c.Members)
		}
	}
	for _, x := range ex.X {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return errors.New("a prompt vector holds a number that is not finite: check the encoder")
		}
	}
	return nil
}

// Train fits an ensemble by AdamW on shuffled batches. All members see the same batches, each with the examples that
// are held out from it weighted zero; what tells them apart is how they start and what they may not see. Every member
// ends with the weights of the epoch at which its held-out loss was least, or with the last ones where nothing is held
// out from it.
func Train(ctx context.Context, c Config, ex *Examples, report func(policy.Progress)) (*Net, error) {
	if err := c.check(ex); err != nil {
		return nil, err
	}
	in := len(ex.X) / ex.N
	scaled, mean, scale := Standardise(ex.X, ex.N)
	net := initial(&c, in)
	var pool []int32 // examples that somebody trains on
	for i, h := range ex.HeldOut {
		if h != FromEverybody {
			pool = append(pool, int32(i))
		}
	}
	out := net.Out()
	memo := c.Memo
	c.Memo = "" // where it lies changes nothing of what is learned
	once, err := NewOnce(memo, "nn.Train/1", c, ex.N, ex.X, ex.Y, ex.W, ex.HeldOut)
	if err != nil {
		return nil, err
	}
	loop := &Loop{
		Once:    once,
		Backend: c.Backend, Seed: c.Seed, Name: c.Name, Members: c.Members, Batch: c.Batch, Epochs: c.Epochs, Patience: c.Patience,
		LearningRate: c.LearningRate, Schedule: Cosine, WeightDecay: c.WeightDecay, ClipNorm: c.ClipNorm * math.Sqrt(float64(c.Members)),
		Variables: net.variables(), Pool: pool,
		Inputs: [][]int{{in}, {out}, {out}, {c.Members}},
		Fill: func(_, _ int, rows []int32, to [][]float32) {
			for at, row := range rows {
				from := int(row)
				copy(to[0][at*in:(at+1)*in], scaled[from*in:(from+1)*in])
				copy(to[1][at*out:(at+1)*out], ex.Y[from*out:(from+1)*out])
				copy(to[2][at*out:(at+1)*out], ex.W[from*out:(from+1)*out])
				for m := range c.Members {
					if ex.HeldOut[from] != int32(m) {
						to[3][at*c.Members+m] = 1
					}
				}
			}
		},
		Loss: func(variable func(string) *graph.Node, b []*graph.Node) []*graph.Node {
			return []*graph.Node{lossGraph(net.Blocks, net.forward(variable, b[0]), b[1], b[2], b[3])}
		},
		HeldOut: func(ctx context.Context) ([]float64, []policy.Metric, error) {
			each, err := heldOutLoss(ctx, net, ex, scaled)
			return each, nil, err
		},
	}
	if err := loop.Run(ctx, report); err != nil {
		return nil, err
	}
	net.fold(mean, scale)
	return net, nil
}

// Standardise centres every input and divides all by one number, the root mean square of what is left, so that the
// same learning rate suits every encoder while directions keep their relative weight.
func Standardise(x []float32, n int) (scaled, mean []float32, scale float64) {
	in := len(x) / n
	sum := make([]float64, in)
	for i, v := range x {
		sum[i%in] += float64(v)
	}
	mean = make([]float32, in)
	for j := range mean {
		mean[j] = float32(sum[j] / float64(n))
	}
	scaled = make([]float32, len(x))
	var square float64
	for i, v := range x {
		scaled[i] = v - mean[i%in]
		square += float64(scaled[i]) * float64(scaled[i])
	}
	if scale = math.Sqrt(square / float64(len(x))); scale == 0 {
		scale = 1
	}
	for i := range scaled {
		scaled[i] = float32(float64(scaled[i]) / scale)
	}
	return scaled, mean, scale
}

// fold rewrites the first layer for inputs as they come: W·(x−mean)/scale + b = (W/scale)·x + (b − (W/scale)·mean).
func (n *Net) fold(mean []float32, scale float64) {
	w, b := n.W1, n.B1
	if n.Hidden == 0 {
		w, b = n.W2, n.B2
	}
	for unit := range b {
		row := w[unit*n.In : (unit+1)*n.In]
		shift := 0.0
		for j := range row {
			row[j] = float32(float64(row[j]) / scale)
			shift += float64(row[j]) * float64(mean[j])
		}
		b[unit] = float32(float64(b[unit]) - shift)
	}
}

// initial draws the weights of the hidden layer from N(0, 2/in) (He et al., arXiv 1502.01852); the output layer starts
// near zero, so that training starts from the same even forecast for every prompt.
func initial(c *Config, in int) *Net {
	out := width(c.Blocks)
	n := &Net{In: in, Hidden: c.Hidden, Members: c.Members, Blocks: c.Blocks}
	n.W1, n.B1 = make(checkpoint.F32s, c.Members*c.Hidden*in), make(checkpoint.F32s, c.Members*c.Hidden)
	n.W2, n.B2 = make(checkpoint.F32s, c.Members*out*n.fan()), make(checkpoint.F32s, c.Members*out)
	r := policy.Stream(c.Seed, c.Name, "weights")
	for i := range n.W1 {
		n.W1[i] = float32(r.NormFloat64() * math.Sqrt(2/float64(in)))
	}
	if c.Hidden > 0 {
		for i := range n.W2 {
			n.W2[i] = float32(r.NormFloat64() * 0.1 / math.Sqrt(float64(c.Hidden)))
		}
	}
	return n
}

// heldOutLoss is each member's mean loss over what is held out from it; NaN where nothing is.
func heldOutLoss(ctx context.Context, n *Net, ex *Examples, x []float32) ([]float64, error) {
	out := n.Out()
	each := make([]float64, ex.N*n.Members) // by example, so that the sum does not depend on who computed it
	err := compute.EachChunk(ctx, ex.N, func(lo, hi int) {
		hidden, z := make([]float32, n.Hidden), make([]float32, out)
		for i := lo; i < hi; i++ {
			for m := range n.Members {
				if h := ex.HeldOut[i]; h == FromEverybody || int(h) == m {
					n.raw(m, x[i*n.In:(i+1)*n.In], hidden, z)
					each[i*n.Members+m] = loss(n.Blocks, z, ex.Y[i*out:(i+1)*out], ex.W[i*out:(i+1)*out])
				}
			}
		}
	})
	if err != nil {
		return nil, err
	}
	sum, count := make([]float64, n.Members), make([]float64, n.Members)
	for i, h := range ex.HeldOut {
		for m := range n.Members {
			if h == FromEverybody || int(h) == m {
				sum[m] += each[i*n.Members+m]
				count[m]++
			}
		}
	}
	for m := range sum {
		sum[m] /= count[m] // 0/0 is NaN: nothing is held out
	}
	return sum, nil
}
