package nn

import (
	"context"
	"fmt"
	"math"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/compute"
)

// Link is how a block of a network's outputs is read, and so its loss.
type Link string

// The links. Each loss is a proper one: its least expected value is at the true mean.
const (
	// Bernoulli: y in [0,1], p = 1/(1+e⁻ᶻ), loss −y·ln p − (1−y)·ln(1−p).
	Bernoulli Link = "bernoulli"
	// Poisson: y ≥ 0, mean eᶻ, loss eᶻ − y·z: the quasi-likelihood that finds the mean of any non-negative figure,
	// zeros included, where a regression of the logarithm would find another one.
	Poisson Link = "poisson"
	// Softmax: y a distribution over the block, p = eᶻ/Σeᶻ, loss −Σ y·ln p.
	Softmax Link = "softmax"
)

// maxExponent bounds z under a Poisson link, so that one wild prompt is not a forecast of infinity.
const maxExponent = 8

// Block is a range of outputs with one link. Its loss counts Weight times in the whole.
type Block struct {
	Link   Link    `json:"link"`
	Width  int     `json:"width"`
	Weight float64 `json:"weight"`
}

// Net is an ensemble of networks of equal shape, all of them read together: with a hidden layer
//
//	z = W2·max(0, W1·x + b1) + b2
//
// for each member, or z = W2·x + b2 where Hidden is 0. Its prediction is the mean over members after the link.
type Net struct {
	In      int             `json:"in"`
	Hidden  int             `json:"hidden"`
	Members int             `json:"members"`
	Blocks  []Block         `json:"blocks"`
	W1      checkpoint.F32s `json:"w1"` // [Members × Hidden × In]
	B1      checkpoint.F32s `json:"b1"` // [Members × Hidden]
	W2      checkpoint.F32s `json:"w2"` // [Members × Out × (Hidden, or In)]
	B2      checkpoint.F32s `json:"b2"` // [Members × Out]
}

// Out is the number of outputs of one member.
func (n *Net) Out() int { return width(n.Blocks) }

func width(blocks []Block) int {
	out := 0
	for _, b := range blocks {
		out += b.Width
	}
	return out
}

// fan is the number of inputs of the output layer.
func (n *Net) fan() int {
	if n.Hidden == 0 {
		return n.In
	}
	return n.Hidden
}

// Check tells whether a loaded network is whole.
func (n *Net) Check() error {
	if n == nil || n.In <= 0 || n.Hidden < 0 || n.Members <= 0 || n.Out() <= 0 {
		return fmt.Errorf("the checkpoint's network has no shape; fit again")
	}
	for _, l := range []struct {
		name      string
		have, out int
	}{
		{"w1", len(n.W1), n.Members * n.Hidden * n.In}, {"b1", len(n.B1), n.Members * n.Hidden},
		{"w2", len(n.W2), n.Members * n.Out() * n.fan()}, {"b2", len(n.B2), n.Members * n.Out()},
	} {
		if l.have != l.out {
			return fmt.Errorf("the checkpoint's network has %d numbers in %s, want %d; fit again", l.have, l.name, l.out)
		}
	}
	return nil
}

// raw writes z of one member for one input into out, hidden being room for Hidden numbers. Every sum runs over one
// prompt alone, in an order that the shape fixes.
func (n *Net) raw(member int, x, hidden, out []float32) {
	in := x
	if n.Hidden > 0 {
		for j := range hidden {
			unit := member*n.Hidden + j
			hidden[j] = max(0, n.B1[unit]+compute.Dot(n.W1[unit*n.In:(unit+1)*n.In], x))
		}
		in = hidden
	}
	n.head(member, in, out)
}

// head writes z of one member for what its output layer reads.
func (n *Net) head(member int, in, out []float32) {
	fan := n.fan()
	for o := range out {
		unit := member*len(out) + o
		out[o] = n.B2[unit] + compute.Dot(n.W2[unit*fan:(unit+1)*fan], in)
	}
}

// link turns z into means, in place.
func link(blocks []Block, z []float32) {
	for _, b := range blocks {
		part := z[:b.Width]
		z = z[b.Width:]
		switch b.Link {
		case Bernoulli:
			for i, v := range part {
				part[i] = float32(1 / (1 + math.Exp(-float64(v))))
			}
		case Poisson:
			for i, v := range part {
				part[i] = float32(math.Exp(min(max(float64(v), -maxExponent), maxExponent)))
			}
		case Softmax:
			var top, sum = math.Inf(-1), 0.0
			for _, v := range part {
				top = max(top, float64(v))
			}
			for _, v := range part {
				sum += math.Exp(float64(v) - top)
			}
			for i, v := range part {
				part[i] = float32(math.Exp(float64(v)-top) / sum)
			}
		}
	}
}

// loss is the weighted loss of one example, summed over the blocks: y and w as in [Examples].
func loss(blocks []Block, z, y, w []float32) (sum float64) {
	for _, b := range blocks {
		logSum := 0.0
		if b.Link == Softmax {
			top := math.Inf(-1)
			for _, v := range z[:b.Width] {
				top = max(top, float64(v))
			}
			for _, v := range z[:b.Width] {
				logSum += math.Exp(float64(v) - top)
			}
			logSum = top + math.Log(logSum)
		}
		for i := range b.Width {
			if w[i] == 0 {
				continue
			}
			z, y := float64(z[i]), float64(y[i])
			var l float64
			switch b.Link {
			case Bernoulli:
				l = max(z, 0) - z*y + math.Log1p(math.Exp(-math.Abs(z)))
			case Poisson:
				z = min(max(z, -maxExponent), maxExponent)
				l = math.Exp(z) - y*z
			case Softmax:
				l = y * (logSum - z)
			}
			sum += b.Weight * float64(w[i]) * l
		}
		z, y, w = z[b.Width:], y[b.Width:], w[b.Width:]
	}
	return sum
}

// Predict returns the mean prediction of the ensemble, [n × Out], for inputs [n × In]. With heldOut, as [Examples] has it, an
// example held out from one member is predicted by that member alone, so that its prediction is an honest one; others, and
// all without heldOut, are predicted by all members.
func (n *Net) Predict(ctx context.Context, x []float32, heldOut []int32) ([]float32, error) {
	if len(x)%n.In != 0 {
		return nil, fmt.Errorf("%d numbers are not whole inputs of length %d", len(x), n.In)
	}
	rows, width := len(x)/n.In, n.Out()
	out := make([]float32, rows*width)
	err := compute.EachChunk(ctx, rows, func(lo, hi int) {
		hidden, z, sum := make([]float32, n.Hidden), make([]float32, width), make([]float64, width)
		for i := lo; i < hi; i++ {
			clear(sum)
			from, to := 0, n.Members
			if heldOut != nil && heldOut[i] >= 0 {
				from, to = int(heldOut[i]), int(heldOut[i])+1
			}
			for member := from; member < to; member++ {
				n.raw(member, x[i*n.In:(i+1)*n.In], hidden, z)
				link(n.Blocks, z)
				for o, v := range z {
					sum[o] += float64(v)
				}
			}
			for o, s := range sum {
				out[i*width+o] = float32(s / float64(to-from))
			}
		}
	})
	return out, err
}

// Everybody asks all members of an ensemble, where one alone could be asked: an example that is held out from nobody is
// judged by all.
const Everybody = int(FromNobody)
