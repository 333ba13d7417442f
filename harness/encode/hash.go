package encode

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sort"

	"golang.org/x/sync/errgroup"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Projections from n-gram features to the vector.
const (
	// ProjectSVD projects on the leading right singular vectors of the training matrix (latent semantic analysis).
	ProjectSVD = "svd"
	// ProjectRandom projects on random Gaussian directions, which keeps distances in expectation (Johnson–Lindenstrauss).
	ProjectRandom = "random"
)

// HashParams describe a hashed n-gram encoder. [DefaultHash] has the defaults.
type HashParams struct {
	// Dim is the length of a vector. Default 384.
	Dim int `json:"dim" yaml:"dim"`
	// Projection is "svd" or "random". Default "svd".
	Projection string `json:"projection" yaml:"projection"`
	// WordNGrams is the longest word n-gram, 1 or 2. Default 2.
	WordNGrams int `json:"word_ngrams" yaml:"word_ngrams"`
	// CharMin and CharMax bound the character n-grams within words. Defaults 3 and 5.
	CharMin int `json:"char_min" yaml:"char_min"`
	CharMax int `json:"char_max" yaml:"char_max"`
	// Bits is the logarithm of the number of hash buckets. Default 18.
	Bits int `json:"bits" yaml:"bits"`
	// Features is how many buckets are kept, those of most training prompts first. Default 16,384.
	Features int `json:"features" yaml:"features"`
	// MinPrompts is in how many training prompts a kept bucket occurs at least. Default 2.
	MinPrompts int `json:"min_prompts" yaml:"min_prompts"`
	// FitPrompts bounds the training prompts that are looked at, a random sample of them. Default 8,000.
	FitPrompts int `json:"fit_prompts" yaml:"fit_prompts"`
	// Whiten divides each coordinate of the SVD by its singular value to this power: 0 keeps the spread of the data,
	// 1 gives every coordinate the same. Default 0.25.
	Whiten float64 `json:"whiten" yaml:"whiten"`
	// Seed names the random streams.
	Seed uint64 `json:"seed" yaml:"seed"`
}

// DefaultHash returns the default parameters.
func DefaultHash() HashParams {
	return HashParams{
		Dim: 384, Projection: ProjectSVD, WordNGrams: 2, CharMin: 3, CharMax: 5,
		Bits: 18, Features: 16384, MinPrompts: 2, FitPrompts: 8000, Whiten: 0.25,
	}
}

// Check lists every parameter that is out of range.
func (p HashParams) Check() error {
	var wrong []error
	between := func(name string, x, low, high float64) {
		if math.IsNaN(x) || x < low || x > high {
			wrong = append(wrong, fmt.Errorf("encoder parameter %s is %v: give a number from %v to %v", name, x, low, high))
		}
	}
	between("dim", float64(p.Dim), 1, 4096)
	between("word_ngrams", float64(p.WordNGrams), 1, 2)
	between("char_min", float64(p.CharMin), 1, 8)
	between("char_max", float64(p.CharMax), float64(p.CharMin), 8)
	between("bits", float64(p.Bits), 8, 24)
	between("features", float64(p.Features), 1, 1<<20)
	between("min_prompts", float64(p.MinPrompts), 1, 1e6)
	between("fit_prompts", float64(p.FitPrompts), 1, 1e6)
	between("whiten", p.Whiten, 0, 1)
	if p.Projection != ProjectSVD && p.Projection != ProjectRandom {
		wrong = append(wrong, fmt.Errorf("encoder parameter projection is %q: give %q or %q", p.Projection, ProjectSVD, ProjectRandom))
	}
	return errors.Join(wrong...)
}

// hashVersion is part of every fingerprint: raise it when equal parameters and texts come to give other vectors.
const hashVersion = "hash/1"

// HashFingerprint is the fingerprint of the encoder that [FitHash] would return, without fitting it.
func HashFingerprint(texts []string, p HashParams) string {
	h := sha256.New()
	params, err := json.Marshal(p)
	if err != nil {
		// A struct of numbers and strings fails only on a NaN, which Check refuses.
		params = fmt.Appendf(nil, "%+v", p)
	}
	fmt.Fprintf(h, "%s\n%s\n%d\n", hashVersion, params, len(texts))
	for _, text := range texts {
		sum := sha256.Sum256([]byte(text))
		h.Write(sum[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Hash is a fitted hashed n-gram encoder:
//
//	vector = unit((unit(tf · idf) − mean) · projection)
//
// with tf the signed sub-linear counts of [HashParams], idf = ln((1 + n)/(1 + df)) + 1, and mean zero for a random
// projection. A text without any known n-gram has the vector of the empty text.
type Hash struct {
	params      HashParams
	fingerprint string
	buckets     []uint32  // [features] ascending
	idf         []float32 // [features]
	projection  []float32 // [features × Dim]
	offset      []float32 // [Dim] mean · projection

	feature []int32 // [2^Bits] bucket → feature, −1 where it was not kept
}

// FitHash learns idf and projection from training texts.
func FitHash(ctx context.Context, texts []string, p HashParams) (*Hash, error) {
	if err := p.Check(); err != nil {
		return nil, err
	}
	if len(texts) == 0 {
		return nil, errNoTexts
	}
	h := &Hash{params: p, fingerprint: HashFingerprint(texts, p)}
	docs, err := countAll(ctx, sample(texts, p), p)
	if err != nil {
		return nil, err
	}
	h.weigh(docs)
	h.index()
	x := h.matrix(docs)
	switch p.Projection {
	case ProjectRandom:
		h.projection = gaussian(len(h.buckets), p.Dim, p.Seed)
		h.offset = make([]float32, p.Dim)
	default:
		err = h.latent(ctx, x)
	}
	if err != nil {
		return nil, fmt.Errorf("fitting the hash encoder: %w", err)
	}
	return h, nil
}

// sample draws at most FitPrompts texts, kept in order.
func sample(texts []string, p HashParams) []string {
	if len(texts) <= p.FitPrompts {
		return texts
	}
	chosen := policy.Stream(p.Seed, "encode", "sample").Perm(len(texts))[:p.FitPrompts]
	sort.Ints(chosen)
	some := make([]string, len(chosen))
	for i, at := range chosen {
		some[i] = texts[at]
	}
	return some
}

// countAll counts the n-grams of all texts.
func countAll(ctx context.Context, texts []string, p HashParams) ([][]entry, error) {
	docs := make([][]entry, len(texts))
	err := parallel(ctx, len(texts), func() func(int) {
		c, scratch := newCounter(p), []entry(nil)
		return func(i int) {
			scratch = c.features(scratch[:0], texts[i])
			docs[i] = append([]entry(nil), scratch...)
		}
	})
	return docs, err
}

// weigh chooses the kept buckets and their idf.
func (h *Hash) weigh(docs [][]entry) {
	df := make([]int32, 1<<h.params.Bits)
	for _, doc := range docs {
		for _, e := range doc {
			df[e.bucket]++
		}
	}
	least := int32(min(h.params.MinPrompts, len(docs)))
	for b, n := range df {
		if n >= least {
			h.buckets = append(h.buckets, uint32(b))
		}
	}
	if len(h.buckets) > h.params.Features {
		sort.SliceStable(h.buckets, func(i, j int) bool { return df[h.buckets[i]] > df[h.buckets[j]] })
		h.buckets = h.buckets[:h.params.Features]
		sort.Slice(h.buckets, func(i, j int) bool { return h.buckets[i] < h.buckets[j] })
	}
	h.idf = make([]float32, len(h.buckets))
	for f, b := range h.buckets {
		h.idf[f] = float32(math.Log(float64(1+len(docs))/float64(1+df[b])) + 1)
	}
}

// index fills the table from buckets to features.
func (h *Hash) index() {
	h.feature = make([]int32, 1<<h.params.Bits)
	for b := range h.feature {
		h.feature[b] = -1
	}
	for f, b := range h.buckets {
		h.feature[b] = int32(f)
	}
}

// row turns counts into a unit row over the kept features, appended to columns and values.
func (h *Hash) row(doc []entry, columns []int32, values []float32) ([]int32, []float32) {
	first := len(values)
	var square float64
	for _, e := range doc {
		if f := h.feature[e.bucket]; f >= 0 {
			v := e.value * h.idf[f]
			columns, values = append(columns, f), append(values, v)
			square += float64(v) * float64(v)
		}
	}
	if square > 0 {
		scale := float32(1 / math.Sqrt(square))
		for i := first; i < len(values); i++ {
			values[i] *= scale
		}
	}
	return columns, values
}

// Name is such as "hash-svd-384".
func (h *Hash) Name() string { return fmt.Sprintf("hash-%s-%d", h.params.Projection, h.params.Dim) }

// Dim is the length of a vector.
func (h *Hash) Dim() int { return h.params.Dim }

// Fingerprint is that of the parameters and training texts.
func (h *Hash) Fingerprint() string { return h.fingerprint }

// Encode returns the vectors of texts.
func (h *Hash) Encode(ctx context.Context, texts []string) ([]float32, error) {
	dim := h.params.Dim
	vectors := make([]float32, len(texts)*dim)
	err := parallel(ctx, len(texts), func() func(int) {
		c := newCounter(h.params)
		var doc []entry
		var columns []int32
		var values []float32
		blas := blas32.Implementation()
		return func(i int) {
			doc = c.features(doc[:0], texts[i])
			columns, values = h.row(doc, columns[:0], values[:0])
			v := vectors[i*dim : (i+1)*dim]
			for at, f := range columns {
				blas.Saxpy(dim, values[at], h.projection[int(f)*dim:(int(f)+1)*dim], 1, v, 1)
			}
			blas.Saxpy(dim, -1, h.offset, 1, v, 1)
			normalise(v)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("encoding %d texts with %s: %w", len(texts), h.Name(), err)
	}
	return vectors, nil
}

// normalise scales v to length one, unless it is zero.
func normalise(v []float32) {
	var square float64
	for _, x := range v {
		square += float64(x) * float64(x)
	}
	if square == 0 {
		return
	}
	scale := float32(1 / math.Sqrt(square))
	for i := range v {
		v[i] *= scale
	}
}

// parallel calls work(0) … work(n−1), each once, on as many goroutines as there are processors. Each goroutine makes
// its own work function, which may keep scratch space.
func parallel(ctx context.Context, n int, newWork func() func(int)) error {
	const chunk = 64
	g, working := errgroup.WithContext(ctx)
	workers := min(runtime.GOMAXPROCS(0), (n+chunk-1)/chunk)
	next := make(chan int, n/chunk+1)
	for lo := 0; lo < n; lo += chunk {
		next <- lo
	}
	close(next)
	for range workers {
		g.Go(func() error {
			work := newWork()
			for lo := range next {
				if err := working.Err(); err != nil {
					return err
				}
				for i := lo; i < min(lo+chunk, n); i++ {
					work(i)
				}
			}
			return nil
		})
	}
	return g.Wait()
}
