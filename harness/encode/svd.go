package encode

import (
	"context"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/mat"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// sparse is a sparse rows × columns matrix, by row and by column, and the mean of its rows.
type sparse struct {
	rows, columns int
	byRow         compressed
	byColumn      compressed
	mean          []float32 // [columns]
}

// compressed holds line l's entries at offset[l] to offset[l+1].
type compressed struct {
	offset []int
	index  []int32
	value  []float32
}

// matrix builds the training matrix: a unit row for every prompt.
func (h *Hash) matrix(docs [][]entry) *sparse {
	x := &sparse{rows: len(docs), columns: len(h.buckets), mean: make([]float32, len(h.buckets))}
	r := &x.byRow
	r.offset = make([]int, 1, len(docs)+1)
	for _, doc := range docs {
		r.index, r.value = h.row(doc, r.index, r.value)
		r.offset = append(r.offset, len(r.index))
	}
	c := &x.byColumn
	c.offset = make([]int, x.columns+1)
	for _, f := range r.index {
		c.offset[f+1]++
	}
	for f := range x.columns {
		c.offset[f+1] += c.offset[f]
	}
	c.index, c.value = make([]int32, len(r.index)), make([]float32, len(r.index))
	next := append([]int(nil), c.offset[:x.columns]...)
	for i := range x.rows {
		for at := r.offset[i]; at < r.offset[i+1]; at++ {
			f := r.index[at]
			c.index[next[f]], c.value[next[f]] = int32(i), r.value[at]
			next[f]++
			x.mean[f] += r.value[at] / float32(x.rows)
		}
	}
	return x
}

// times returns (X − 1·meanᵀ)·a for a of [columns × k].
func (x *sparse) times(ctx context.Context, a []float32, k int) ([]float32, error) {
	shift := make([]float32, k)
	for f, m := range x.mean {
		axpy(m, a[f*k:(f+1)*k], shift)
	}
	y := make([]float32, x.rows*k)
	err := parallel(ctx, x.rows, func() func(int) {
		return func(i int) {
			to := y[i*k : (i+1)*k]
			x.byRow.combine(i, a, k, to)
			axpy(-1, shift, to)
		}
	})
	return y, err
}

// transposeTimes returns (X − 1·meanᵀ)ᵀ·y for y of [rows × k].
func (x *sparse) transposeTimes(ctx context.Context, y []float32, k int) ([]float32, error) {
	sum := make([]float32, k)
	for i := range x.rows {
		axpy(1, y[i*k:(i+1)*k], sum)
	}
	z := make([]float32, x.columns*k)
	err := parallel(ctx, x.columns, func() func(int) {
		return func(f int) {
			to := z[f*k : (f+1)*k]
			x.byColumn.combine(f, y, k, to)
			axpy(-x.mean[f], sum, to)
		}
	})
	return z, err
}

// combine adds the rows of a that line l names, times its values, to dst.
func (c *compressed) combine(l int, a []float32, k int, dst []float32) {
	for at := c.offset[l]; at < c.offset[l+1]; at++ {
		f := int(c.index[at])
		axpy(c.value[at], a[f*k:(f+1)*k], dst)
	}
}

func axpy(alpha float32, x, y []float32) {
	blas32.Implementation().Saxpy(len(y), alpha, x, 1, y, 1)
}

// gaussian returns a rows × k matrix of independent normal draws of variance 1/k.
func gaussian(rows, k int, seed uint64) []float32 {
	r := policy.Stream(seed, "encode", "projection")
	a := make([]float32, rows*k)
	scale := 1 / math.Sqrt(float64(k))
	for i := range a {
		a[i] = float32(r.NormFloat64() * scale)
	}
	return a
}

const (
	// oversample is how many more directions the sketch has than are kept.
	oversample = 8
	// powerSteps sharpen the sketch where singular values fall slowly, as those of texts do.
	powerSteps = 1
	// negligible is the share of the largest eigenvalue under which float32 arithmetic leaves only noise.
	negligible = 1e-6
)

// latent computes the projection by a randomised truncated SVD of the centred training matrix (Halko, Martinsson and
// Tropp, Finding Structure with Randomness, SIAM Review 53(2), 2011, algorithms 4.4 and 5.1). Directions that the
// training prompts do not span are zero.
func (h *Hash) latent(ctx context.Context, x *sparse) error {
	dim := h.params.Dim
	h.projection = make([]float32, x.columns*dim)
	h.offset = make([]float32, dim)
	k := min(dim+oversample, x.rows, x.columns)
	if k == 0 {
		return nil
	}
	y, err := x.times(ctx, gaussian(x.columns, k, h.params.Seed), k)
	if err != nil {
		return err
	}
	for range powerSteps {
		y, k = orthonormal(y, x.rows, k)
		if y, err = x.gram(ctx, y, k); err != nil {
			return err
		}
	}
	q, k := orthonormal(y, x.rows, k)
	if k == 0 {
		return nil
	}
	p, err := x.gram(ctx, q, k)
	if err != nil {
		return err
	}
	// QᵀX Xᵀ Q = W Σ² Wᵀ, so U = Q·W are the left singular vectors and V = Xᵀ·U·Σ⁻¹ the right ones.
	values, vectors := eigen(product(q, p, x.rows, k), k)
	kept := 0
	for kept < min(dim, k) && values[kept] > negligible*values[0] {
		kept++
	}
	// One division for V, Whiten more for the coordinates; scaled so that the leading coordinate keeps its spread.
	for c := range kept {
		scale := float32(math.Pow(values[c], -0.5) * math.Pow(values[c]/values[0], -h.params.Whiten/2))
		for r := range k {
			vectors[r*k+c] *= scale
		}
	}
	u := make([]float32, x.rows*kept)
	blas32.Gemm(blas.NoTrans, blas.NoTrans, 1, general(q, x.rows, k, k), general(vectors, k, kept, k), 0, general(u, x.rows, kept, kept))
	v, err := x.transposeTimes(ctx, u, kept)
	if err != nil {
		return err
	}
	for f := range x.columns {
		copy(h.projection[f*dim:], v[f*kept:(f+1)*kept])
		axpy(x.mean[f], v[f*kept:(f+1)*kept], h.offset[:kept])
	}
	return nil
}

// gram returns X·Xᵀ·y, centred.
func (x *sparse) gram(ctx context.Context, y []float32, k int) ([]float32, error) {
	z, err := x.transposeTimes(ctx, y, k)
	if err != nil {
		return nil, err
	}
	return x.times(ctx, z, k)
}

// orthonormal returns an orthonormal basis of the columns of y, [rows × k], and how many there are: columns that depend
// on the others up to rounding are dropped. It goes through the eigenvectors of yᵀy, which no dependence upsets.
func orthonormal(y []float32, rows, k int) ([]float32, int) {
	if k == 0 {
		return nil, 0
	}
	values, vectors := eigen(product(y, y, rows, k), k)
	kept := 0
	for kept < k && values[kept] > negligible*values[0] && values[kept] > 0 {
		scale := float32(1 / math.Sqrt(values[kept]))
		for r := range k {
			vectors[r*k+kept] *= scale
		}
		kept++
	}
	if kept == 0 {
		return nil, 0
	}
	q := make([]float32, rows*kept)
	blas32.Gemm(blas.NoTrans, blas.NoTrans, 1, general(y, rows, k, k), general(vectors, k, kept, k), 0, general(q, rows, kept, kept))
	return q, kept
}

// product returns aᵀ·b of [k × k].
func product(a, b []float32, rows, k int) []float32 {
	c := make([]float32, k*k)
	blas32.Gemm(blas.Trans, blas.NoTrans, 1, general(a, rows, k, k), general(b, rows, k, k), 0, general(c, k, k, k))
	return c
}

// eigen returns the eigenvalues of a symmetric [k × k] matrix, largest first, and its eigenvectors as columns. The sign
// of each is such that its largest entry is positive.
func eigen(a []float32, k int) ([]float64, []float32) {
	s := mat.NewSymDense(k, nil)
	for i := range k {
		for j := i; j < k; j++ {
			s.SetSym(i, j, (float64(a[i*k+j])+float64(a[j*k+i]))/2)
		}
	}
	var e mat.EigenSym
	values, vectors := make([]float64, k), make([]float32, k*k)
	if !e.Factorize(s, true) {
		return values, vectors
	}
	ascending := e.Values(nil)
	var full mat.Dense
	e.VectorsTo(&full)
	for c := range k {
		from := k - 1 - c
		values[c] = max(ascending[from], 0)
		sign, largest := 1.0, 0.0
		for r := range k {
			if x := full.At(r, from); math.Abs(x) > largest {
				largest, sign = math.Abs(x), math.Copysign(1, x)
			}
		}
		for r := range k {
			vectors[r*k+c] = float32(sign * full.At(r, from))
		}
	}
	return values, vectors
}

func general(data []float32, rows, columns, stride int) blas32.General {
	return blas32.General{Rows: rows, Cols: columns, Stride: stride, Data: data}
}
