package forecast

import (
	"context"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/trilemma-bench/trilemma/policies/compute"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

func TestNearestAgreesWithSorting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dim := rapid.IntRange(1, 9).Draw(t, "dim")
		n := rapid.IntRange(1, 60).Draw(t, "n")
		k := rapid.IntRange(1, 70).Draw(t, "k")
		// Few distinct values, so that ties are common.
		value := rapid.SampledFrom([]float32{-1, 0, 1, 2})
		memory := Unit(rapid.SliceOfN(value, n*dim, n*dim).Draw(t, "memory"), dim)
		queries := Unit(rapid.SliceOfN(value, 3*dim, 3*dim).Draw(t, "queries"), dim)
		leaveOut := []int32{-1, 0, int32(n - 1)}
		got := make([][]neighbour, 3)
		if err := eachNearest(context.Background(), queries, memory, dim, k, leaveOut, func(q int, near []neighbour) {
			got[q] = slices.Clone(near)
		}); err != nil {
			t.Fatal(err)
		}
		for q := range got {
			var want []neighbour
			for i := range n {
				if int32(i) != leaveOut[q] {
					want = append(want, neighbour{int32(i), compute.Dot(queries[q*dim:(q+1)*dim], memory[i*dim:(i+1)*dim])})
				}
			}
			slices.SortStableFunc(want, func(a, b neighbour) int {
				switch {
				case a.Cosine > b.Cosine:
					return -1
				case a.Cosine < b.Cosine:
					return 1
				}
				return 0
			})
			want = want[:min(k, len(want))]
			if !slices.Equal(got[q], want) {
				t.Fatalf("query %d: got %v, want %v", q, got[q], want)
			}
		}
	})
}

func BenchmarkNearest(b *testing.B) {
	r := policy.Stream(1, "bench")
	const dim = 384
	memory, queries := make([]float32, 5000*dim), make([]float32, 1700*dim)
	for i := range memory {
		memory[i] = float32(r.NormFloat64())
	}
	for i := range queries {
		queries[i] = float32(r.NormFloat64())
	}
	memory, queries = Unit(memory, dim), Unit(queries, dim)
	for b.Loop() {
		_ = eachNearest(context.Background(), queries, memory, dim, 400, nil, func(int, []neighbour) {})
	}
}
