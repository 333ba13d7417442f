package forecast

import (
	"context"
	"math"
	"math/rand/v2"

	"github.com/trilemma-bench/trilemma/policies/compute"
)

// Cluster groups unit rows by spherical k-means (Dhillon and Modha, Machine Learning 42, 2001): centres are unit vectors
// and nearness is the cosine. It starts by k-means++ (Arthur and Vassilvitskii, SODA 2007) and stops when no row moves,
// or after rounds rounds. It returns the group of each row and how many groups there are: fewer than k where there
// are fewer distinct rows.
func Cluster(ctx context.Context, unit []float32, dim, k, rounds int, r *rand.Rand) (group []int, groups int, err error) {
	n := len(unit) / dim
	row := func(i int) []float32 { return unit[i*dim : (i+1)*dim] }
	centres := seeds(unit, dim, k, r)
	groups = len(centres) / dim
	group = make([]int, n)
	for i := range group {
		group[i] = -1
	}
	for range rounds {
		moved := make([]bool, n)
		if err := compute.EachChunk(ctx, n, func(lo, hi int) {
			for i := lo; i < hi; i++ {
				best, nearest := 0, float32(math.Inf(-1))
				for c := range groups {
					if cosine := compute.Dot(row(i), centres[c*dim:(c+1)*dim]); cosine > nearest {
						best, nearest = c, cosine
					}
				}
				moved[i] = group[i] != best
				group[i] = best
			}
		}); err != nil {
			return nil, 0, err
		}
		any := false
		sum := make([]float64, groups*dim)
		for i, g := range group {
			any = any || moved[i]
			for j, x := range row(i) {
				sum[g*dim+j] += float64(x)
			}
		}
		if !any {
			break
		}
		for c := range groups {
			norm := 0.0
			for _, x := range sum[c*dim : (c+1)*dim] {
				norm += x * x
			}
			if norm == 0 {
				continue // an empty group keeps its centre
			}
			for j := range dim {
				centres[c*dim+j] = float32(sum[c*dim+j] / math.Sqrt(norm))
			}
		}
	}
	return group, groups, nil
}

// seeds picks up to k distinct rows, each with a probability that grows with its squared distance 2−2·cosine to the
// nearest one picked before.
func seeds(unit []float32, dim, k int, r *rand.Rand) []float32 {
	n := len(unit) / dim
	row := func(i int) []float32 { return unit[i*dim : (i+1)*dim] }
	centres := append([]float32(nil), row(r.IntN(n))...)
	distance := make([]float64, n)
	for i := range distance {
		distance[i] = math.Inf(1)
	}
	for len(centres)/dim < k {
		newest := centres[len(centres)-dim:]
		total := 0.0
		for i := range distance {
			d := max(0, 2-2*float64(compute.Dot(row(i), newest)))
			if d < 1e-6 {
				d = 0 // the same row but for rounding
			}
			distance[i] = min(distance[i], d)
			total += distance[i]
		}
		if total == 0 {
			break
		}
		pick := r.Float64() * total
		chosen := -1
		for i, d := range distance {
			if d == 0 {
				continue
			}
			chosen = i
			if pick -= d; pick < 0 {
				break
			}
		}
		centres = append(centres, row(chosen)...)
	}
	return centres
}
