package nn

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/trilemma-bench/trilemma/policies/compute"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// BackendTrial is what [TryBackend] found.
type BackendTrial struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	// MatmulError is the largest difference of a product of two matrices to the exact one, MatmulGFLOPS its speed: that of
	// 512 × 512 numbers, after compilation.
	MatmulError  float64 `json:"matmul_error"`
	MatmulGFLOPS float64 `json:"matmul_gflops"`
	// Loss is what training left of the loss of not knowing anything, ln 2; TrainSec how long it took with compilation.
	Loss     float64 `json:"loss"`
	TrainSec float64 `json:"train_s"`
}

// TryBackend starts a backend, multiplies two matrices and trains a small network: whether it works, and about how fast.
func TryBackend(ctx context.Context, name string) (*BackendTrial, error) {
	backend, err := compute.Open(name)
	if err != nil {
		return nil, err
	}
	t := &BackendTrial{Name: name}
	err = compute.Try(func() error {
		t.Description = backend.Description()
		product, err := graph.NewExec(backend, graph.MatMul)
		if err != nil {
			return err
		}
		return t.multiply(product)
	})
	if err != nil {
		return nil, fmt.Errorf("multiplying matrices on backend %q: %w", name, err)
	}
	if t.MatmulError > 1e-3 {
		return t, fmt.Errorf("backend %q multiplies matrices wrongly: off by %v; use another one", name, t.MatmulError)
	}
	if err := t.train(ctx); err != nil {
		return t, fmt.Errorf("training a small network on backend %q: %w", name, err)
	}
	if !(t.Loss < math.Ln2/2) {
		return t, fmt.Errorf("backend %q does not learn: loss %v after training, want below %.2f; use another one", name, t.Loss, math.Ln2/2)
	}
	return t, nil
}

// trialSize is the edge of the matrices.
const trialSize = 512

// multiply computes the product of two matrices of small multiples of ⅛, whose sums are exact, several times.
func (t *BackendTrial) multiply(product *graph.Exec) error {
	const n = trialSize
	x, y := make([]float32, n*n), make([]float32, n*n)
	for i := range x {
		x[i], y[i] = float32(i*7%17-8)/8, float32(i*5%13-6)/8
	}
	a, b := tensors.FromFlatDataAndDimensions(x, n, n), tensors.FromFlatDataAndDimensions(y, n, n)
	var best time.Duration
	for range 4 { // the first one compiles
		start := time.Now()
		out, err := product.Call1(a, b)
		if err != nil {
			return err
		}
		flat, err := tensors.CopyFlatData[float32](out)
		if err != nil {
			return err
		}
		if took := time.Since(start); best == 0 || took < best {
			best = took
		}
		for i := 0; i < n; i += 37 {
			for j := 0; j < n; j += 41 {
				var want float64
				for k := range n {
					want += float64(x[i*n+k]) * float64(y[k*n+j])
				}
				t.MatmulError = max(t.MatmulError, math.Abs(want-float64(flat[i*n+j])))
			}
		}
	}
	t.MatmulGFLOPS = 2 * n * n * n / best.Seconds() / 1e9
	return nil
}

// train fits a network to a rule that it can learn: whether the first input is above the second.
func (t *BackendTrial) train(ctx context.Context) error {
	const n, in = 512, 8
	draw := policy.Stream(1, "learn", "try")
	ex := Examples{N: n, X: make([]float32, n*in), Y: make([]float32, n), W: make([]float32, n), HeldOut: make([]int32, n)}
	for i := range n {
		for d := range in {
			ex.X[i*in+d] = float32(draw.NormFloat64())
		}
		if ex.X[i*in] > ex.X[i*in+1] {
			ex.Y[i] = 1
		}
		ex.W[i], ex.HeldOut[i] = 1, FromNobody
	}
	start := time.Now()
	net, err := Train(ctx, Config{
		Backend: t.Name, Seed: 1, Name: "try", Blocks: []Block{{Bernoulli, 1, 1}}, Hidden: 32, Members: 1,
		LearningRate: 0.02, ClipNorm: 1, Batch: 128, Epochs: 20,
	}, &ex, func(policy.Progress) {})
	if err != nil {
		return err
	}
	t.TrainSec = time.Since(start).Seconds()
	hidden, z := make([]float32, net.Hidden), make([]float32, 1)
	for i := range n {
		net.raw(0, ex.X[i*in:(i+1)*in], hidden, z)
		// −ln p of what is true, p = 1/(1+e⁻ᶻ).
		side := float64(z[0])
		if ex.Y[i] == 0 {
			side = -side
		}
		t.Loss += math.Log1p(math.Exp(-side)) / n
	}
	return nil
}
