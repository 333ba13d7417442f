package nn

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	"github.com/gomlx/gomlx/core/graph"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// resumable is a small regression as a loop.
func resumable() *Loop {
	const n, in = 50, 3
	r := policy.Stream(5, "resume test")
	x, y := make([]float32, n*in), make([]float32, n)
	for i := range n {
		for j := range in {
			x[i*in+j] = float32(r.NormFloat64())
			y[i] += float32(j+1) * x[i*in+j]
		}
	}
	w := &Variable{Name: "w", Dims: []int{1, in}, Value: make(checkpoint.F32s, in)}
	pool := make([]int32, n)
	for i := range pool {
		pool[i] = int32(i)
	}
	return &Loop{
		Seed: 9, Name: "resume", Members: 1, Batch: 16, Epochs: 8, Patience: 4, LearningRate: 0.05, Schedule: Linear, Warmup: 2, WeightDecay: 0.1, ClipNorm: 1,
		Variables: []*Variable{w}, Pool: pool, EvalPool: pool, Inputs: [][]int{{in}, {}},
		Fill: func(_, _ int, rows []int32, to [][]float32) {
			for at, i := range rows {
				copy(to[0][at*in:], x[i*in:(i+1)*in])
				to[1][at] = y[i]
			}
		},
		Loss: func(variable func(string) *graph.Node, b []*graph.Node) []*graph.Node {
			z := graph.Reshape(graph.DotGeneral(b[0], []int{1}, nil, variable("w"), []int{1}, nil), -1)
			return []*graph.Node{graph.ReduceAllMean(graph.Square(graph.Sub(z, b[1])))}
		},
		EvalLoss: func(variable func(string) *graph.Node, b []*graph.Node) *graph.Node {
			z := graph.Reshape(graph.DotGeneral(b[0], []int{1}, nil, variable("w"), []int{1}, nil), -1)
			sum := graph.Reshape(graph.ReduceAllSum(graph.Square(graph.Sub(z, b[1]))), 1)
			return graph.Stack([]*graph.Node{sum, graph.MulScalar(graph.OnesLike(sum), 16)}, 0)
		},
	}
}

func TestResumeGivesTheSameBits(t *testing.T) {
	whole := resumable()
	var shots [][]byte
	whole.OnSnapshot = func(s *Snapshot) error {
		data, err := json.Marshal(s)
		shots = append(shots, data)
		return err
	}
	if err := whole.Run(context.Background(), nil); err != nil {
		t.Fatal(err)
	}
	want, _ := whole.Variables[0].Value.MarshalText()
	for at, data := range shots {
		again := resumable()
		again.From = new(Snapshot)
		if err := json.Unmarshal(data, again.From); err != nil {
			t.Fatal(err)
		}
		if err := again.Run(context.Background(), nil); err != nil {
			t.Fatal(err)
		}
		if got, _ := again.Variables[0].Value.MarshalText(); !bytes.Equal(got, want) {
			t.Errorf("going on after epoch %d gives %v, without a break %v", at+1, again.Variables[0].Value, whole.Variables[0].Value)
		}
	}
	wrong := resumable()
	wrong.From = &Snapshot{Epoch: 1}
	if err := wrong.Run(context.Background(), nil); err == nil {
		t.Error("a snapshot of another network was taken")
	}
}

func TestScheduleGolden(t *testing.T) {
	for _, c := range []struct {
		s      Schedule
		at, up int
		want   float64
	}{{Cosine, 0, 0, 1}, {Cosine, 5, 0, 0.5}, {"", 5, 0, 0.5}, {Linear, 4, 0, 0.6}, {Constant, 9, 0, 1}, {Constant, 0, 3, 0.25}, {Linear, 1, 3, 0.45}} {
		if got := c.s.Rate(c.at, 10, c.up); got < c.want-1e-12 || got > c.want+1e-12 {
			t.Errorf("%s at %d of 10 with %d to warm up is %v, want %v", c.s, c.at, c.up, got, c.want)
		}
	}
}
