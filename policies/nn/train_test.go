package nn

import (
	"context"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/compute"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// blocks of every link, so that one network is trained on all of them.
var blocks = []Block{{Bernoulli, 2, 1}, {Poisson, 1, 0.5}, {Softmax, 3, 2}}

// problem is n examples whose truth a network can learn: the first output is the exclusive or of two signs, the second
// the sign of a third; the Poisson mean is e^x₀; the class is that of the largest of three inputs.
func problem(n int, seed uint64) *Examples {
	const in, out = 5, 6
	r := policy.Stream(seed, "problem")
	ex := &Examples{N: n, X: make([]float32, n*in), Y: make([]float32, n*out), W: make([]float32, n*out), HeldOut: make([]int32, n)}
	for i := range n {
		x, y, w := ex.X[i*in:(i+1)*in], ex.Y[i*out:(i+1)*out], ex.W[i*out:(i+1)*out]
		for j := range x {
			x[j] = float32(r.NormFloat64())
		}
		if (x[0] > 0) != (x[1] > 0) {
			y[0] = 1
		}
		if x[2] > 0 {
			y[1] = 1
		}
		y[2] = float32(math.Exp(float64(x[0])) * r.ExpFloat64())
		top := 0
		for c := range 3 {
			if x[2+c] > x[2+top] {
				top = c
			}
		}
		y[3+top] = 1
		for j := range w {
			w[j] = 1
		}
		ex.HeldOut[i] = int32(i % 4)
		if i%4 == 3 {
			ex.HeldOut[i] = FromNobody
		}
	}
	return ex
}

func config() Config {
	return Config{
		Seed: 5, Name: "test", Blocks: blocks, Hidden: 24, Members: 3,
		LearningRate: 0.02, WeightDecay: 0.01, ClipNorm: 1, Batch: 64, Epochs: 30, Patience: 30,
	}
}

func TestTrainLearns(t *testing.T) {
	net, err := Train(context.Background(), config(), problem(600, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	test := problem(400, 2)
	got, err := net.Predict(context.Background(), test.X, nil)
	if err != nil {
		t.Fatal(err)
	}
	var xor, sign, class, mean, want float64
	for i := range test.N {
		p, y := got[i*6:(i+1)*6], test.Y[i*6:(i+1)*6]
		xor += agree(p[0] > 0.5, y[0] == 1) / float64(test.N)
		sign += agree(p[1] > 0.5, y[1] == 1) / float64(test.N)
		top := 3
		for c := 4; c < 6; c++ {
			if p[c] > p[top] {
				top = c
			}
		}
		class += agree(true, y[top] == 1) / float64(test.N)
		mean += float64(p[2]) / float64(test.N)
		want += math.Exp(float64(test.X[i*5])) / float64(test.N)
	}
	if xor < 0.85 || sign < 0.9 || class < 0.8 {
		t.Errorf("right on %.2f of exclusive ors, %.2f of signs, %.2f of classes", xor, sign, class)
	}
	if math.Abs(mean-want) > 0.25*want {
		t.Errorf("mean of the Poisson block %.3f, want %.3f", mean, want)
	}
}

func agree(a, b bool) float64 {
	if a == b {
		return 1
	}
	return 0
}

func TestTrainIsReproducible(t *testing.T) {
	c := config()
	c.Epochs = 4
	ex := problem(130, 1) // the last batch is not a full one
	a, err := Train(context.Background(), c, ex, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Train(context.Background(), c, ex, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Error("two trainings from one seed end with other weights")
	}
	c.Seed++
	if b, err = Train(context.Background(), c, ex, nil); err != nil || reflect.DeepEqual(a, b) {
		t.Errorf("another seed ends with the same weights (%v)", err)
	}
}

// What weighs nothing must not matter: neither a masked target nor an example that the member may not see.
func TestTrainLooksAtNothingMasked(t *testing.T) {
	c := config()
	c.Epochs, c.Members = 3, 2
	ex := problem(80, 1)
	for i := range ex.HeldOut {
		ex.HeldOut[i] = FromNobody
	}
	ex.HeldOut[0], ex.W[7] = FromEverybody, 0 // example 0 is held out, output 1 of example 1 is masked
	a, err := Train(context.Background(), c, ex, nil)
	if err != nil {
		t.Fatal(err)
	}
	ex.Y[7] = 123
	b, err := Train(context.Background(), c, ex, nil)
	if err != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("a masked target changes the weights (%v)", err)
	}
	c.Epochs, c.Patience = 1, 0 // one epoch: what is held out cannot choose when to stop
	if a, err = Train(context.Background(), c, ex, nil); err != nil {
		t.Fatal(err)
	}
	for o := range 6 {
		ex.Y[o] = 1 - ex.Y[o]
	}
	if b, err = Train(context.Background(), c, ex, nil); err != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("a target held out from every member changes the weights (%v)", err)
	}
}

// Each member keeps the weights of its own least held-out loss.
func TestTrainKeepsTheBest(t *testing.T) {
	ex := problem(60, 1)
	c := config()
	c.Epochs, c.Hidden, c.LearningRate = 40, 64, 0.05 // enough to learn sixty examples by heart
	var least, last = math.Inf(1), 0.0
	net, err := Train(context.Background(), c, ex, func(p policy.Progress) {
		for _, m := range p.Metrics {
			if m.Name == "validation_loss" {
				least, last = min(least, m.Value), m.Value
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	each, err := heldOutLoss(context.Background(), net, ex, ex.X)
	if err != nil {
		t.Fatal(err)
	}
	got := (each[0] + each[1] + each[2]) / 3
	if got > least+1e-4 || least >= last {
		t.Errorf("held-out loss of the weights kept %.4f, least mean of an epoch %.4f, last %.4f", got, least, last)
	}
}

// The loss of the graph, which is trained by, and that in Go, which training stops by, must be the same function, and
// the gradient that GoMLX derives must be its slope.
func TestGraphLossAndGradient(t *testing.T) {
	backend, err := compute.Open("")
	if err != nil {
		t.Fatal(err)
	}
	const rows = 4
	ex := problem(rows, 9)
	ex.W[3*6+1] = 0
	z := make([]float32, 2*rows*6) // two members
	r := policy.Stream(1, "z")
	for i := range z {
		z[i] = float32(r.NormFloat64())
	}
	trains := []float32{1, 1, 1, 1, 1, 1, 1, 1}
	exec, err := graph.NewExec(backend, func(z, y, w, trains *graph.Node) (*graph.Node, *graph.Node) {
		l := lossGraph(blocks, z, y, w, trains)
		return l, graph.Gradient(l, z)[0]
	})
	if err != nil {
		t.Fatal(err)
	}
	call := func(z []float32) (float64, []float32) {
		out, err := exec.Call(
			tensors.FromFlatDataAndDimensions(z, 2, rows, 6), tensors.FromFlatDataAndDimensions(ex.Y, rows, 6),
			tensors.FromFlatDataAndDimensions(ex.W, rows, 6), tensors.FromFlatDataAndDimensions(trains, rows, 2))
		if err != nil {
			t.Fatal(err)
		}
		return float64(tensors.ToScalar[float32](out[0])), tensors.MustCopyFlatData[float32](out[1])
	}
	got, gradient := call(z)
	// In Go: block by block, for the graph divides each by what counts in it.
	want, offset := 0.0, 0
	inGo := func(z []float32) float64 {
		want, offset = 0, 0
		for _, b := range blocks {
			sum, count := 0.0, 0.0
			for m := range 2 {
				for i := range rows {
					at := i*6 + offset
					sum += loss([]Block{b}, z[m*rows*6+at:][:b.Width], ex.Y[at:][:b.Width], ex.W[at:][:b.Width])
					for _, w := range ex.W[at:][:b.Width] {
						count += float64(w)
					}
				}
			}
			if b.Link == Softmax {
				count /= float64(b.Width)
			}
			want += 2 * sum / count
			offset += b.Width
		}
		return want
	}
	if inGo(z); math.Abs(got-want) > 1e-4*want {
		t.Errorf("the graph's loss is %v, in Go it is %v", got, want)
	}
	for i := range z {
		const h = 1e-2
		up, down := append([]float32{}, z...), append([]float32{}, z...)
		up[i] += h
		down[i] -= h
		slope := (inGo(up) - inGo(down)) / (2 * h)
		if math.Abs(slope-float64(gradient[i])) > 2e-3 {
			t.Errorf("gradient %d is %v, the slope %v", i, gradient[i], slope)
		}
	}
}

func TestTrainRefuses(t *testing.T) {
	for _, c := range []struct {
		change func(*Config, *Examples)
		want   string
	}{
		{func(c *Config, ex *Examples) { c.Backend = "pytorch" }, `unknown backend "pytorch": want go, xla:cpu`},
		{func(c *Config, ex *Examples) { c.Backend = "xla" }, `unknown backend "xla"`},
		{func(c *Config, ex *Examples) { c.Backend = "/no/such/libpjrt_cpu.so" }, "no PJRT plugin"},
		{func(c *Config, ex *Examples) { c.Backend = "xla:nonesuch" }, `or use the backend "go"`},
		{func(c *Config, ex *Examples) { c.Epochs = 0 }, "none may be zero"},
		{func(c *Config, ex *Examples) { ex.Y = ex.Y[1:] }, "do not fit"},
		{func(c *Config, ex *Examples) { ex.HeldOut[3] = 3 }, "held out from member 3 of 3"},
		{func(c *Config, ex *Examples) { ex.X[3] = float32(math.NaN()) }, "not finite"},
		{func(c *Config, ex *Examples) {
			for i := range ex.HeldOut {
				ex.HeldOut[i] = FromEverybody
			}
		}, "every example is held out"},
	} {
		config, ex := config(), problem(40, 1)
		config.Epochs = 1
		c.change(&config, ex)
		if _, err := Train(context.Background(), config, ex, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}

func TestTrainStopsWhenCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	epochs := 0
	_, err := Train(ctx, config(), problem(200, 1), func(policy.Progress) {
		if epochs++; epochs == 2 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || epochs != 2 {
		t.Errorf("error %v after %d epochs, want cancelled after 2", err, epochs)
	}
}

func TestPredictDoesNotDependOnTheBatch(t *testing.T) {
	c := config()
	c.Epochs = 2
	net, err := Train(context.Background(), c, problem(100, 1), nil)
	if err != nil {
		t.Fatal(err)
	}
	test := problem(101, 2)
	all, err := net.Predict(context.Background(), test.X, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range test.N {
		one, err := net.Predict(context.Background(), test.X[i*5:(i+1)*5], nil)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(one, all[i*6:(i+1)*6]) {
			t.Fatalf("example %d alone gives %v, among others %v", i, one, all[i*6:(i+1)*6])
		}
	}
}

// A linear network with known weights, and what folding the scaling into them must not change.
func TestNetGolden(t *testing.T) {
	n := &Net{In: 2, Members: 2, Blocks: []Block{{Bernoulli, 1, 1}, {Poisson, 1, 1}},
		W2: checkpoint.F32s{1, 0, 0, 1, 1, 0, 0, 1}, B2: checkpoint.F32s{0, 0, 1, 0}}
	if err := n.Check(); err != nil {
		t.Fatal(err)
	}
	got, err := n.Predict(context.Background(), []float32{2, 0.5, -1, 0}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []float64{(0.8807970779778823 + 0.9525741268224334) / 2, 1.6487212707001282, (0.2689414213699951 + 0.5) / 2, 1}
	for i := range want {
		if math.Abs(float64(got[i])-want[i]) > 1e-6 {
			t.Errorf("output %d is %v, want %v", i, got[i], want[i])
		}
	}
	raw := []float32{4, 2, -2, 1}
	scaled, mean, scale := Standardise(raw, 2)
	before, _ := n.Predict(context.Background(), scaled, nil)
	n.fold(mean, scale)
	after, _ := n.Predict(context.Background(), raw, nil)
	for i := range before {
		if math.Abs(float64(before[i]-after[i])) > 1e-6 {
			t.Errorf("output %d is %v on scaled inputs, %v folded", i, before[i], after[i])
		}
	}
	if _, err := n.Predict(context.Background(), raw[:3], nil); err == nil {
		t.Error("Predict takes half an input")
	}
}

func BenchmarkTrainEpoch(b *testing.B) {
	const n, in, out = 5000, 384, 29
	r := policy.Stream(1, "bench")
	ex := &Examples{N: n, X: make([]float32, n*in), Y: make([]float32, n*out), W: make([]float32, n*out), HeldOut: make([]int32, n)}
	for i := range ex.X {
		ex.X[i] = float32(r.NormFloat64())
	}
	for i := range ex.W {
		ex.W[i], ex.Y[i] = 1, float32(r.IntN(2))
	}
	for i := range ex.HeldOut {
		ex.HeldOut[i] = int32(i % 5)
	}
	c := Config{Name: "bench", Blocks: []Block{{Bernoulli, out, 1}}, Hidden: 64, Members: 5, LearningRate: 1e-3, ClipNorm: 1, Batch: 128, Epochs: 1}
	for b.Loop() {
		if _, err := Train(context.Background(), c, ex, nil); err != nil {
			b.Fatal(err)
		}
	}
}
