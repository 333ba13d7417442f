package forecast

import (
	"context"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/policies/compute"
)

// Unit returns the rows of an [n × dim] matrix scaled to length one, so that a dot product is the cosine. A row of
// zeros stays.
func Unit(rows []float32, dim int) []float32 {
	out := make([]float32, len(rows))
	for lo := 0; lo < len(rows); lo += dim {
		row := rows[lo : lo+dim]
		var norm float64
		for _, x := range row {
			norm += float64(x) * float64(x)
		}
		if norm = math.Sqrt(norm); norm == 0 {
			continue
		}
		for j, x := range row {
			out[lo+j] = float32(float64(x) / norm)
		}
	}
	return out
}

// neighbour is one remembered row and its cosine to the query.
type neighbour struct {
	Row    int32
	Cosine float32
}

// eachNearest finds for every unit row of queries its k nearest of the unit rows of memory, the nearest first and ties by
// row, and gives them to use, which is called from several goroutines, once for each query. leaveOut[q], where it is
// not nil, is a row of memory that is no neighbour of query q: itself.
func eachNearest(ctx context.Context, queries, memory []float32, dim, k int, leaveOut []int32, use func(query int, near []neighbour)) error {
	n := len(memory) / dim
	k = min(k, n)
	return compute.EachChunk(ctx, len(queries)/dim, func(lo, hi int) {
		all := make([]neighbour, 0, n)
		// Memory is read in blocks that stay in the cache while every query of the chunk passes over them.
		const block = 128
		cosine := make([]float32, (hi-lo)*n)
		for from := 0; from < n; from += block {
			to := min(from+block, n)
			for q := lo; q < hi; q++ {
				query, out := queries[q*dim:(q+1)*dim], cosine[(q-lo)*n:(q-lo+1)*n]
				for i := from; i < to; i++ {
					out[i] = compute.Dot(query, memory[i*dim:(i+1)*dim])
				}
			}
		}
		for q := lo; q < hi; q++ {
			all = all[:0]
			for i, c := range cosine[(q-lo)*n : (q-lo+1)*n] {
				if leaveOut == nil || leaveOut[q] != int32(i) {
					all = append(all, neighbour{int32(i), c})
				}
			}
			near := all
			if k < len(all) {
				selectNearest(all, k)
				near = all[:k]
			}
			slices.SortFunc(near, func(a, b neighbour) int {
				if nearer(a, b) {
					return -1
				}
				return 1
			})
			use(q, near)
		}
	})
}

// nearer orders neighbours totally, NaN last.
func nearer(a, b neighbour) bool {
	switch {
	case a.Cosine > b.Cosine:
		return true
	case a.Cosine < b.Cosine:
		return false
	case a.Cosine != a.Cosine || b.Cosine != b.Cosine:
		if aNaN, bNaN := a.Cosine != a.Cosine, b.Cosine != b.Cosine; aNaN != bNaN {
			return bNaN
		}
	}
	return a.Row < b.Row
}

// selectNearest moves the k nearest to the front, in any order (quickselect, median of three).
func selectNearest(list []neighbour, k int) {
	lo, hi := 0, len(list)
	for hi-lo > 1 {
		a, b, c := list[lo], list[(lo+hi)/2], list[hi-1]
		if nearer(b, a) {
			a, b = b, a
		}
		if nearer(c, b) {
			b = c
			if nearer(b, a) {
				b = a
			}
		}
		pivot := b
		i, j := lo, hi-1
		for i <= j {
			for nearer(list[i], pivot) {
				i++
			}
			for nearer(pivot, list[j]) {
				j--
			}
			if i <= j {
				list[i], list[j] = list[j], list[i]
				i++
				j--
			}
		}
		switch {
		case k-1 <= j:
			hi = j + 1
		case k-1 >= i:
			lo = i
		default:
			return
		}
	}
}
