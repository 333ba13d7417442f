package bert

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	backends "github.com/gomlx/compute"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/trilemma-bench/trilemma/harness/encode/safetensors"
	"github.com/trilemma-bench/trilemma/policies/compute"
)

// Encoder computes vectors of a model on one backend. It is safe for concurrent use.
type Encoder struct {
	model   *Model
	name    string
	backend string
	plan    plan

	mu   sync.Mutex
	exec *model.Exec // nil until it is first used
}

// Encoder returns the encoder of a backend, as policies take it: "go", "xla:cpu", "xla:cuda" or the path of a PJRT plugin.
// Neither backend nor weights are touched before the first text is encoded. The name is what tables call it.
func (m *Model) Encoder(name, backend string) (*Encoder, error) {
	if err := compute.Check(backend); err != nil {
		return nil, err
	}
	return &Encoder{model: m, name: name, backend: backend, plan: newPlan(&m.Config, backend)}, nil
}

// Name is what the encoder was called.
func (e *Encoder) Name() string { return e.name }

// Dim is the length of a vector.
func (e *Encoder) Dim() int { return e.model.Config.Hidden }

// Fingerprint is that of the model. The backend is not part of it: backends agree within 1e-5, and vectors that one has
// computed serve the others.
func (e *Encoder) Fingerprint() string { return e.model.Fingerprint }

// Encode returns the vectors of texts, len(texts) × Dim.
func (e *Encoder) Encode(ctx context.Context, texts []string) ([]float32, error) {
	dim := e.Dim()
	vectors := make([]float32, len(texts)*dim)
	err := e.Stream(ctx, texts, func(rows []int, batch []float32) error {
		for i, row := range rows {
			copy(vectors[row*dim:(row+1)*dim], batch[i*dim:(i+1)*dim])
		}
		return nil
	})
	return vectors, err
}

// start opens the backend and loads the weights, once.
func (e *Encoder) start() (*model.Exec, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.exec != nil {
		return e.exec, nil
	}
	backend, err := compute.Open(e.backend)
	if err != nil {
		return nil, err
	}
	e.exec, err = e.model.load(backend)
	return e.exec, err
}

// load puts the weights on a backend.
func (m *Model) load(backend backends.Backend) (*model.Exec, error) {
	f, err := safetensors.Open(filepath.Join(m.Dir, weightsFile))
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read from
	store := model.NewStore()
	shapes := m.shapes()
	for _, name := range slices.Sorted(maps.Keys(shapes)) {
		shape := shapes[name]
		flat, err := f.Floats(m.tensors[name])
		if err != nil {
			return nil, err
		}
		dims := make([]int, len(shape))
		for i, d := range shape {
			dims[i] = int(d)
		}
		if len(dims) == 2 && !strings.HasPrefix(name, "embeddings.") {
			flat = transpose(flat, dims[0], dims[1])
			dims[0], dims[1] = dims[1], dims[0]
		}
		err = compute.Try(func() error {
			store.RootScope().VariableWithValue(name, tensors.FromFlatDataAndDimensions(flat, dims...))
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("loading tensor %s: %w", name, err)
		}
	}
	var exec *model.Exec
	err = compute.Try(func() error {
		exec, err = model.NewExec(backend, store, m.Config.forward)
		if err != nil {
			return err
		}
		exec.SetMaxCache(-1)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("building the graph of %s: %w", m.Dir, err)
	}
	return exec, nil
}

// transpose turns [rows, columns] into [columns, rows]: checkpoints have linear layers as [out, in].
func transpose(flat []float32, rows, columns int) []float32 {
	out := make([]float32, len(flat))
	for r := range rows {
		for c, x := range flat[r*columns : (r+1)*columns] {
			out[c*rows+r] = x
		}
	}
	return out
}

// run computes one batch: vectors [len(rows) × Dim].
func (e *Encoder) run(exec *model.Exec, b *batch) (vectors []float32, err error) {
	size := len(b.lengths)
	err = compute.Try(func() error {
		ids := tensors.FromFlatDataAndDimensions(b.ids, size, b.width)
		lengths := tensors.FromFlatDataAndDimensions(b.lengths, size)
		out, err := exec.Call1(ids, lengths)
		if err != nil {
			return err
		}
		flat, err := tensors.CopyFlatData[float32](out)
		if err != nil {
			return err
		}
		vectors = flat[:len(b.rows)*e.Dim()]
		return errors.Join(out.FinalizeAll(), ids.FinalizeAll(), lengths.FinalizeAll())
	})
	if err != nil {
		return nil, fmt.Errorf("computing %d texts of up to %d tokens on %s: %w", len(b.rows), b.width, e.backend, err)
	}
	for i, x := range vectors {
		if x != x {
			return nil, fmt.Errorf("computing text %d on %s gave NaN: the weights in %s are damaged; `trilemma encoder check` tells", b.rows[i/e.Dim()], e.backend, e.model.Dir)
		}
	}
	return vectors, nil
}
