package stats

import (
	"fmt"
	"math"
)

// Columns are figures of n prompts each, kept in the form the bootstrap is fast on. A column is coded as its difference
// to another: two neighbouring points of a preference sweep route most prompts alike, so their columns differ in few.
type Columns struct {
	n      int
	column []column
	byHash map[uint64][]int32
}

// column is its parent's column plus delta at the prompts of index.
type column struct {
	values  []float32 // the caller's; nil for a sparse column
	parent  int32     // -1: zeros
	index   []int32
	delta   []float32
	unknown bool // a figure is NaN or infinite: so is every mean
}

// None is the parent of a column that resembles no other.
const None = -1

// NewColumns returns no columns of n prompts.
func NewColumns(n int) *Columns {
	return &Columns{n: n, byHash: map[uint64][]int32{}}
}

// Len is the number of distinct columns.
func (c *Columns) Len() int { return len(c.column) }

// Prompts is the length of each column.
func (c *Columns) Prompts() int { return c.n }

// Add adds a column and returns its number; a column equal to an earlier one gets that one's, so that their means are the
// same number and not only nearly so. like is the number of a column that this one may resemble, or [None]. The slice is
// kept: it must not change before the bootstrap is over.
func (c *Columns) Add(values []float32, like int) (int, error) {
	if len(values) != c.n {
		return 0, fmt.Errorf("stats: a column of %d figures, want %d", len(values), c.n)
	}
	if like != None && (like < 0 || like >= len(c.column)) {
		return 0, fmt.Errorf("stats: column resembles column %d of %d", like, len(c.column))
	}
	hash := hashOf(values)
	for _, id := range c.byHash[hash] {
		if sameBits(c.column[id].values, values) {
			return int(id), nil
		}
	}
	col := column{values: values, parent: None}
	var parent []float32
	nonzero := 0
	for _, v := range values {
		if v-v != 0 { // NaN or infinite
			col.unknown = true
		}
		if v != 0 {
			nonzero++
		}
	}
	if like != None && !col.unknown && !c.column[like].unknown && c.column[like].values != nil {
		differing := 0
		for i, v := range c.column[like].values {
			if v != values[i] {
				differing++
			}
		}
		if differing < nonzero {
			col.parent, parent, nonzero = int32(like), c.column[like].values, differing
		}
	}
	if !col.unknown {
		col.index, col.delta = make([]int32, 0, nonzero), make([]float32, 0, nonzero)
		for i, v := range values {
			var was float32
			if parent != nil {
				was = parent[i]
			}
			if v != was {
				col.index = append(col.index, int32(i))
				col.delta = append(col.delta, v-was)
			}
		}
	}
	c.column = append(c.column, col)
	id := len(c.column) - 1
	c.byHash[hash] = append(c.byHash[hash], int32(id))
	return id, nil
}

// AddSparse adds a column that is zero but at the prompts of index, which ascend. Neither slice is copied.
func (c *Columns) AddSparse(index []int32, values []float32) (int, error) {
	if len(index) != len(values) {
		return 0, fmt.Errorf("stats: %d figures at %d prompts", len(values), len(index))
	}
	col := column{parent: None, index: index, delta: values}
	for i, p := range index {
		if p < 0 || int(p) >= c.n || i > 0 && p <= index[i-1] {
			return 0, fmt.Errorf("stats: prompt %d of a sparse column is out of order or not one of %d", p, c.n)
		}
		if v := values[i]; v-v != 0 {
			col.unknown = true
		}
	}
	c.column = append(c.column, col)
	return len(c.column) - 1, nil
}

// hashOf mixes the bits of a column (FNV-1a, a word at a time).
func hashOf(values []float32) uint64 {
	h := uint64(14695981039346656037)
	for _, v := range values {
		h = (h ^ uint64(math.Float32bits(v))) * 1099511628211
	}
	return h
}

func sameBits(a, b []float32) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			return false
		}
	}
	return true
}
