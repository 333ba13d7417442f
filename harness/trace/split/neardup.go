package split

import (
	"cmp"
	"math"
	"runtime"
	"slices"
	"sync"
)

// DefaultNearDuplicate is the Jaccard similarity from which two prompts count as near-duplicates.
const DefaultNearDuplicate = 0.8

// Near-duplicates are found in four steps (Broder, "On the resemblance and containment of documents", 1997; Leskovec,
// Rajaraman and Ullman, Mining of Massive Datasets, ch. 3):
//
//  1. Prompts with the same words are exact duplicates whatever the threshold; one of each stands for them.
//  2. A shingle that stands in too many of the distinct texts (boilerplate, see below) is left out.
//  3. MinHash signatures are cut into bands; texts that agree in a whole band are candidates.
//  4. Candidates whose sets of remaining shingles have a Jaccard similarity of at least the threshold are near-duplicates,
//     computed exactly.
//
// Boilerplate: prompts of one benchmark share instructions ("Answer the following question with a single letter …"), and
// an instruction longer than the questions would make all of them near-duplicates. So a shingle found in more than
// boilerplate(n) of the n distinct texts does not count. Texts without any other shingle are near-duplicates only of
// their exact copies. The price: a family of near-duplicates larger than that bound, each differing from all others,
// looks like a template with a slot, and is not held together.
type dedup struct {
	threshold   float64
	rows, bands int
	frequency   []uint32 // texts by hash of shingle; collisions count together
	most        uint32
}

// boilerplate is the number of distinct texts, out of n, from which on a shingle is a template's.
func boilerplate(n int) int { return min(max(8, n/50), 1000) }

// signatureLength bounds rows × bands.
const signatureLength = 128

// newDedup chooses bands so that a pair exactly at the threshold is missed with a probability below 1e-4:
// (1 − t^rows)^bands.
func newDedup(threshold float64) *dedup {
	d := &dedup{threshold: threshold, rows: 1, bands: signatureLength}
	for r := 1; r <= 16; r++ {
		b := signatureLength / r
		if math.Pow(1-math.Pow(threshold, float64(r)), float64(b)) < 1e-4 {
			d.rows, d.bands = r, b
		}
	}
	return d
}

// grouping tells which prompts belong together.
type grouping struct {
	group []int32 // [prompts] the lowest prompt of the group in canonical order: see key
	// key is the text that stands for a prompt: its normalised text; or, where it has none, its id.
	key    []string
	exact  int // groups of more than one prompt that have the same words
	near   int // groups of more than one prompt
	copied int // prompts beyond the first of their group
}

// duplicates groups prompts by their keys: equal keys always, near-equal ones from the threshold on (above 1: never).
// fuzzy tells which keys are texts; nil means all.
func duplicates(key []string, threshold float64, fuzzy func(i int) bool) *grouping {
	n := len(key)
	// Everything below works on distinct texts in the order of the texts, so that the result depends neither on the
	// order of the prompts nor on how often each occurs.
	order := make([]int32, n)
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		return cmp.Or(cmp.Compare(key[a], key[b]), cmp.Compare(a, b))
	})
	g := &grouping{group: make([]int32, n), key: key}
	distinct := make([]string, 0, n)
	of := make([]int32, n) // prompt → distinct text
	skip := make([]bool, 0, n)
	size := make([]int32, 0, n)
	for k, i := range order {
		if k == 0 || key[i] != key[order[k-1]] {
			distinct = append(distinct, key[i])
			skip = append(skip, fuzzy != nil && !fuzzy(int(i)))
			size = append(size, 0)
		}
		of[i] = int32(len(distinct) - 1)
		size[len(size)-1]++
	}
	for _, s := range size {
		if s > 1 {
			g.exact++
		}
	}
	root := newForest(len(distinct))
	if threshold <= 1 {
		d := newDedup(threshold)
		d.pairs(distinct, skip, root.same, func(a, b int32) { root.join(a, b) })
	}
	members := make([]int32, len(distinct))
	first := make([]int32, len(distinct))
	for k := range first {
		first[k] = -1
	}
	for _, i := range order {
		r := root.find(of[i])
		if first[r] < 0 {
			first[r] = i
		}
		members[r]++
		g.group[i] = first[r]
	}
	for _, m := range members {
		if m > 1 {
			g.near++
			g.copied += int(m) - 1
		}
	}
	return g
}

// pairs calls join with near-duplicates a < b among distinct texts, leaving out pairs that are joined already.
func (d *dedup) pairs(text []string, skip []bool, joined func(a, b int32) bool, join func(a, b int32)) {
	n := len(text)
	if n < 2 {
		return
	}
	d.count(text, skip)
	signature := make([]uint32, n*d.bands)
	usable := make([]bool, n)
	d.each(n, func(scratch *sketch, i int) {
		if skip[i] {
			return
		}
		if set := d.content(text[i], scratch); len(set) > 0 {
			usable[i] = true
			scratch.minhash(set, d.rows, d.bands, signature[i*d.bands:(i+1)*d.bands])
		}
	})
	bucket := make([]uint64, 0, n)
	var left, right sketch
	for band := range d.bands {
		bucket = bucket[:0]
		for i := range n {
			if usable[i] {
				bucket = append(bucket, uint64(signature[i*d.bands+band])<<32|uint64(i))
			}
		}
		slices.Sort(bucket)
		for lo := 0; lo < len(bucket); {
			hi := lo + 1
			for hi < len(bucket) && bucket[hi]>>32 == bucket[lo]>>32 {
				hi++
			}
			for x := lo; x < hi; x++ {
				a := int32(uint32(bucket[x]))
				var set []uint64
				for y := x + 1; y < hi; y++ {
					b := int32(uint32(bucket[y]))
					if joined(a, b) {
						continue
					}
					if set == nil {
						set = d.content(text[a], &left)
					}
					if jaccard(set, d.content(text[b], &right)) >= d.threshold {
						join(a, b)
					}
				}
			}
			lo = hi
		}
	}
}

// each calls fn for 0 … n−1 from as many goroutines as there are processors, each with a sketch of its own.
func (d *dedup) each(n int, fn func(scratch *sketch, i int)) {
	const chunk = 256
	work := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			var s sketch
			for lo := range work {
				for i := lo; i < min(lo+chunk, n); i++ {
					fn(&s, i)
				}
			}
		})
	}
	for lo := 0; lo < n; lo += chunk {
		work <- lo
	}
	close(work)
	wg.Wait()
}

// count counts in how many texts each shingle stands.
func (d *dedup) count(text []string, skip []bool) {
	n, bytes := 0, 0
	for i, s := range text {
		if !skip[i] {
			n++
			bytes += len(s)
		}
	}
	d.most = uint32(boilerplate(n))
	// About six letters a word, so bytes/6 shingles. Eight slots for each keep collisions rare where counts are small;
	// in a trace so large that the table is at its bound, the bound on counts is large too.
	size := 1 << 16
	for size < bytes/6*8 && size < 1<<25 {
		size <<= 1
	}
	d.frequency = make([]uint32, size)
	var s sketch
	for i := range text {
		if skip[i] {
			continue
		}
		s.set = shingles(text[i], s.set)
		for _, h := range s.set {
			d.frequency[h&uint64(size-1)]++
		}
	}
}

// sketch is scratch memory.
type sketch struct {
	set     []uint64
	content []uint64
	least   [signatureLength]uint64
}

// content is the set of shingles of a text that are not boilerplate, valid until the next call with the same scratch.
func (d *dedup) content(text string, s *sketch) []uint64 {
	s.set = shingles(text, s.set)
	s.content = s.content[:0]
	for _, h := range s.set {
		if d.frequency[h&uint64(len(d.frequency)-1)] <= d.most {
			s.content = append(s.content, h)
		}
	}
	return s.content
}

// multipliers of the hash functions h(x) = a·x + b, top bits taken.
var multipliers = func() (m [signatureLength][2]uint64) {
	for i := range m {
		m[i] = [2]uint64{mix(uint64(2*i+1)) | 1, mix(uint64(2*i + 2))}
	}
	return m
}()

// minhash writes one number a band: the hash of its rows of minima.
func (s *sketch) minhash(set []uint64, rows, bands int, out []uint32) {
	k := rows * bands
	for i := range s.least[:k] {
		a, b := multipliers[i][0], multipliers[i][1]
		least := uint64(math.MaxUint64)
		for _, h := range set {
			least = min(least, a*h+b)
		}
		s.least[i] = least
	}
	for band := range out {
		h := uint64(band)
		for _, x := range s.least[band*rows : (band+1)*rows] {
			h = mix(h ^ x)
		}
		out[band] = uint32(h >> 32)
	}
}

// forest is a union-find structure. The root of a tree is its least member, so that it does not depend on the order of
// joining.
type forest []int32

func newForest(n int) forest {
	f := make(forest, n)
	for i := range f {
		f[i] = int32(i)
	}
	return f
}

func (f forest) find(a int32) int32 {
	for f[a] != a {
		f[a] = f[f[a]]
		a = f[a]
	}
	return a
}

func (f forest) same(a, b int32) bool { return f.find(a) == f.find(b) }

func (f forest) join(a, b int32) {
	a, b = f.find(a), f.find(b)
	if a > b {
		a, b = b, a
	}
	f[b] = a
}

// NearDuplicates finds the texts of a that have a duplicate or near-duplicate (Jaccard similarity of at least threshold,
// see [DefaultNearDuplicate]; above 1 for exact duplicates only) among b, for train and test prompts given as separate
// traces. Each such text of a is listed once, as {index in a, index in b} with the lowest such index of b that was
// found, in the order of a.
func NearDuplicates(a, b []string, threshold float64) [][2]int {
	n := len(a)
	all := make([]string, 0, n+len(b))
	for _, s := range a {
		all = append(all, normalise(s))
	}
	for _, s := range b {
		all = append(all, normalise(s))
	}
	// Distinct texts, with who has them.
	index := map[string]int32{}
	var distinct []string
	var inA [][]int32
	var inB []int32 // lowest of b, −1 for none
	for i, s := range all {
		if s == "" {
			continue
		}
		k, ok := index[s]
		if !ok {
			k = int32(len(distinct))
			index[s] = k
			distinct = append(distinct, s)
			inA = append(inA, nil)
			inB = append(inB, -1)
		}
		if i < n {
			inA[k] = append(inA[k], int32(i))
		} else if inB[k] < 0 {
			inB[k] = int32(i - n)
		}
	}
	found := make([]int, n)
	for i := range found {
		found[i] = -1
	}
	note := func(k int32, j int32) {
		for _, i := range inA[k] {
			if found[i] < 0 || found[i] > int(j) {
				found[i] = int(j)
			}
		}
	}
	for k := range distinct {
		if inB[k] >= 0 {
			note(int32(k), inB[k])
		}
	}
	if threshold <= 1 {
		settled := func(x, y int32) bool {
			cross := len(inA[x]) > 0 && inB[y] >= 0 && found[inA[x][0]] < 0 ||
				len(inA[y]) > 0 && inB[x] >= 0 && found[inA[y][0]] < 0
			return !cross
		}
		newDedup(threshold).pairs(distinct, make([]bool, len(distinct)), settled, func(x, y int32) {
			if inB[y] >= 0 {
				note(x, inB[y])
			}
			if inB[x] >= 0 {
				note(y, inB[x])
			}
		})
	}
	var pairs [][2]int
	for i, j := range found {
		if j >= 0 {
			pairs = append(pairs, [2]int{i, j})
		}
	}
	return pairs
}
