package encode

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strings"

	"github.com/parquet-go/parquet-go"
)

// Columns of a file of precomputed vectors; others are ignored.
const (
	idColumn     = "prompt_id"
	vectorColumn = "embedding"
)

// ErrNoVector is wrapped by the error for prompts that a file of vectors does not have.
var ErrNoVector = errors.New("prompts without a vector")

// LoadPrecomputed reads the vectors of the prompts ids from a Parquet file with the columns prompt_id (string) and
// embedding (a list of float or double, of the same length in every row), in any order of rows and columns and with any
// others beside them. It returns len(ids) × dim floats, row-major in the order of ids. Rows of other prompts are checked
// for their length but not kept.
func LoadPrecomputed(path string, ids []string) (vectors []float32, dim int, err error) {
	fail := func(err error) ([]float32, int, error) {
		return nil, 0, fmt.Errorf("reading vectors from %s: %w", path, err)
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fail(fmt.Errorf("%w; give the path of a Parquet file with the columns %s and %s", fs.ErrNotExist, idColumn, vectorColumn))
	}
	if err != nil {
		return fail(err)
	}
	defer f.Close()
	// The Parquet library panics on some damaged files.
	defer func() {
		if r := recover(); r != nil {
			vectors, dim, err = fail(fmt.Errorf("the file is damaged: %v; write it again", r))
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return fail(err)
	}
	file, err := parquet.OpenFile(f, info.Size(), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return fail(fmt.Errorf("not a whole Parquet file: %w; it may be truncated: write it again", err))
	}
	idAt, vectorAt, err := vectorColumns(file)
	if err != nil {
		return fail(err)
	}
	v := newVectorReader(ids)
	for _, group := range file.RowGroups() {
		chunks := group.ColumnChunks()
		if err := v.group(chunks[idAt], chunks[vectorAt]); err != nil {
			return fail(err)
		}
	}
	vectors, dim, err = v.done()
	if err != nil {
		return fail(err)
	}
	return vectors, dim, nil
}

// vectorColumns finds the two leaf columns and checks their types.
func vectorColumns(file *parquet.File) (id, vector int, err error) {
	id, vector = -1, -1
	schema := file.Schema()
	var names []string
	for _, field := range schema.Fields() {
		names = append(names, field.Name())
	}
	for i, path := range schema.Columns() {
		leaf, ok := schema.Lookup(path...)
		if !ok {
			continue
		}
		kind := leaf.Node.Type().Kind()
		switch {
		case path[0] == idColumn:
			if len(path) != 1 || kind != parquet.ByteArray {
				return 0, 0, fmt.Errorf("column %s is of type %s, want string", idColumn, leaf.Node.Type())
			}
			id = i
		case path[0] == vectorColumn:
			if vector >= 0 || leaf.MaxRepetitionLevel != 1 || kind != parquet.Float && kind != parquet.Double {
				return 0, 0, fmt.Errorf("column %s is %s of %s, want a list of float or double: cast it before writing",
					vectorColumn, strings.Join(path, "."), leaf.Node.Type())
			}
			vector = i
		}
	}
	for name, at := range map[string]int{idColumn: id, vectorColumn: vector} {
		if at < 0 {
			return 0, 0, fmt.Errorf("there is no column %s; the file has %s", name, strings.Join(names, ", "))
		}
	}
	return id, vector, nil
}

// vectorReader puts vectors into the order of the ids that were asked for.
type vectorReader struct {
	ids     []string
	rowOf   map[string]int
	found   []int64 // [ids] the file row of each, −1 before it is found
	vectors []float32
	dim     int // 0 before the first vector
	rows    int64
	values  []parquet.Value
	discard []float32
}

func newVectorReader(ids []string) *vectorReader {
	v := &vectorReader{ids: ids, rowOf: make(map[string]int, len(ids)), found: make([]int64, len(ids)), values: make([]parquet.Value, 4096)}
	for i, id := range ids {
		v.rowOf[id] = i
		v.found[i] = -1
	}
	return v
}

// group reads one row group.
func (v *vectorReader) group(id, vector parquet.ColumnChunk) error {
	first := v.rows
	targets, err := v.targets(id)
	if err != nil {
		return err
	}
	// length counts the floats of the row at hand, which is targets[row]; −1 before the first row.
	row, length := -1, 0
	var to []float32
	finish := func() error {
		if row < 0 {
			return nil
		}
		file := first + int64(row)
		if length == 0 {
			return fmt.Errorf("row %d: %s is null or empty; every prompt needs a vector", file, vectorColumn)
		}
		if length != v.dim {
			return fmt.Errorf("row %d: a vector of %d floats, but the rows before have %d: all must be of one length", file, length, v.dim)
		}
		return nil
	}
	err = eachValue(vector, v.values, func(value parquet.Value) error {
		if value.RepetitionLevel() == 0 {
			if v.dim == 0 && row == 0 {
				// The first row of all has told the dimension by its length; what it held is kept in discard.
				v.learnDim(length, targets[0])
			}
			if err := finish(); err != nil {
				return err
			}
			row++
			length = 0
			if row >= len(targets) {
				return fmt.Errorf("%s has more rows than %s: the file is damaged, write it again", vectorColumn, idColumn)
			}
			to = nil
			if t := targets[row]; t >= 0 && v.dim > 0 {
				to = v.vectors[t*v.dim : (t+1)*v.dim]
			}
		}
		if value.IsNull() {
			if length > 0 || value.RepetitionLevel() > 0 {
				return fmt.Errorf("row %d: element %d of %s is null; every element needs a number", first+int64(row), length, vectorColumn)
			}
			// A null list, an empty list and a list whose first element is null look alike here: all are refused.
			return nil
		}
		var x float64
		if value.Kind() == parquet.Double {
			x = value.Double()
		} else {
			x = float64(value.Float())
		}
		if math.IsNaN(x) || math.Abs(x) > math.MaxFloat32 {
			return fmt.Errorf("row %d: element %d of %s is %v; every element must be a finite number", first+int64(row), length, vectorColumn, x)
		}
		switch {
		case v.dim == 0:
			v.discard = append(v.discard, float32(x))
		case to != nil && length < len(to):
			to[length] = float32(x)
		}
		length++
		return nil
	})
	if err != nil {
		return err
	}
	if v.dim == 0 && row == 0 {
		v.learnDim(length, targets[0])
	}
	if err := finish(); err != nil {
		return err
	}
	if row+1 != len(targets) {
		return fmt.Errorf("%s has %d rows in a row group where %s has %d: the file is damaged, write it again", vectorColumn, row+1, idColumn, len(targets))
	}
	return nil
}

// learnDim is called after the first row of the file.
func (v *vectorReader) learnDim(dim, target int) {
	v.dim = dim
	if dim > 0 {
		v.vectors = make([]float32, len(v.ids)*dim)
	}
	if target >= 0 {
		copy(v.vectors[target*dim:], v.discard)
	}
	v.discard = nil
}

// targets returns, for each row of a row group, the index in ids that its vector is for, −1 if it was not asked for.
func (v *vectorReader) targets(id parquet.ColumnChunk) ([]int, error) {
	var targets []int
	err := eachValue(id, v.values, func(value parquet.Value) error {
		defer func() { v.rows++ }()
		if value.IsNull() {
			return fmt.Errorf("row %d: %s is null", v.rows, idColumn)
		}
		name := value.ByteArray()
		at, ok := v.rowOf[string(name)]
		if !ok {
			targets = append(targets, -1)
			return nil
		}
		if v.found[at] >= 0 {
			return fmt.Errorf("row %d: prompt %q has a vector in row %d already; keep one row a prompt", v.rows, name, v.found[at])
		}
		v.found[at] = v.rows
		targets = append(targets, at)
		return nil
	})
	return targets, err
}

// done returns what was read, or which prompts are missing.
func (v *vectorReader) done() ([]float32, int, error) {
	var missing []string
	count := 0
	for i, row := range v.found {
		// An id that was asked for twice is found once, under its last place.
		if row < 0 && v.rowOf[v.ids[i]] == i {
			if count++; count <= 5 {
				missing = append(missing, fmt.Sprintf("%q", v.ids[i]))
			}
		}
	}
	if count > 0 {
		more := ""
		if count > len(missing) {
			more = ", …"
		}
		return nil, 0, fmt.Errorf("%d of %d %w (%s%s); add them to the file, or leave it out to use the hash encoder",
			count, len(v.ids), ErrNoVector, strings.Join(missing, ", "), more)
	}
	for i, id := range v.ids {
		if from := v.rowOf[id]; from != i {
			copy(v.vectors[i*v.dim:(i+1)*v.dim], v.vectors[from*v.dim:])
		}
	}
	return v.vectors, v.dim, nil
}

// eachValue calls visit for every value of a column chunk.
func eachValue(chunk parquet.ColumnChunk, buffer []parquet.Value, visit func(parquet.Value) error) error {
	pages := chunk.Pages()
	defer pages.Close()
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w; the file may be damaged: write it again", err)
		}
		err = pageValues(page, buffer, visit)
		parquet.Release(page)
		if err != nil {
			return err
		}
	}
}

func pageValues(page parquet.Page, buffer []parquet.Value, visit func(parquet.Value) error) error {
	values := page.Values()
	for {
		n, err := values.ReadValues(buffer)
		for _, value := range buffer[:n] {
			if err := visit(value); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w; the file may be damaged: write it again", err)
		}
	}
}
