package nn

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Once is where equal trainings of a run meet: the first that needs one does it, the others, in processes of their own,
// wait for it and take over what it learned, bit for bit. Policies that start from what another one learns do so without
// knowing of each other. The zero value trains every time.
type Once struct {
	folder string // see [policy.Setup.Memo]; "" for none
	key    string // names all that determines what is learned
}

// learned is what a training left.
type learned struct {
	Value    map[string]checkpoint.F32s
	Progress []policy.Progress // told again to whoever takes it over, so that its curves do not depend on who was first
	Seconds  float64
}

// NewOnce is the training that parts determine, all of them: numbers by their bits, everything else by its JSON. Without a
// folder there is nobody to share with, and nothing is hashed.
func NewOnce(folder string, parts ...any) (Once, error) {
	if folder == "" {
		return Once{}, nil
	}
	h := sha256.New()
	for i, part := range parts {
		var err error
		switch x := part.(type) {
		case []float32, []int32, []bool:
			// The length keeps two neighbours apart.
			if err = binary.Write(h, binary.LittleEndian, int64(binary.Size(x))); err == nil {
				err = binary.Write(h, binary.LittleEndian, x)
			}
		default:
			var text []byte
			if text, err = json.Marshal(x); err == nil {
				err = binary.Write(h, binary.LittleEndian, int64(len(text)))
				h.Write(text)
			}
		}
		if err != nil {
			return Once{}, fmt.Errorf("naming a training by its part %d: %w", i, err)
		}
	}
	return Once{folder, hex.EncodeToString(h.Sum(nil))}, nil
}

// do trains by train, which writes into variables, or takes over what an equal training left. A folder that cannot be
// written to costs time, no result: then everybody trains.
func (o Once) do(ctx context.Context, variables []*Variable, report func(policy.Progress), train func(func(policy.Progress)) error) error {
	if o.folder == "" || os.MkdirAll(o.folder, 0o755) != nil {
		return train(report)
	}
	path := filepath.Join(o.folder, o.key)
	lock := flock.New(path + ".lock")
	switch held, err := lock.TryLockContext(ctx, 50*time.Millisecond); {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil || !held:
		return train(report)
	}
	defer lock.Close() //nolint:errcheck // it is let go with the process at the latest
	if l, err := read(path); err == nil && l.take(variables) {
		for i, p := range l.Progress {
			if i == len(l.Progress)-1 {
				p.SparedSec = l.Seconds
			}
			if report != nil {
				report(p)
			}
		}
		return nil
	}
	l, started := learned{Value: map[string]checkpoint.F32s{}}, time.Now()
	err := train(func(p policy.Progress) {
		p.Metrics = slices.Clone(p.Metrics)
		l.Progress = append(l.Progress, p)
		if report != nil {
			report(p)
		}
	})
	if err != nil {
		return err
	}
	l.Seconds = time.Since(started).Seconds()
	for _, v := range variables {
		l.Value[v.Name] = v.Value
	}
	_ = l.write(path) // see above
	return nil
}

// take copies what was learned, if it is of these variables.
func (l *learned) take(variables []*Variable) bool {
	for _, v := range variables {
		if len(l.Value[v.Name]) != len(v.Value) {
			return false
		}
	}
	for _, v := range variables {
		copy(v.Value, l.Value[v.Name])
	}
	return true
}

func read(path string) (*learned, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	l := new(learned)
	return l, gob.NewDecoder(f).Decode(l)
}

// write puts it in place whole: a reader that the lock does not keep out sees all of it or nothing.
func (l *learned) write(path string) error {
	f, err := os.CreateTemp(filepath.Dir(path), "new-*")
	if err != nil {
		return err
	}
	if err = errors.Join(gob.NewEncoder(f).Encode(l), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
