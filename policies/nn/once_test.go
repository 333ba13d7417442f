package nn

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/checkpoint"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Two that need the same training at the same time do it once: both end with the same bits and tell the same curves, and the
// one that waited says what it was spared.
func TestEqualTrainingsAreDoneOnce(t *testing.T) {
	once := Once{t.TempDir(), "key"}
	var trained int
	var lock sync.Mutex
	type end struct {
		value   checkpoint.F32s
		curve   []policy.Progress
		spared  float64
		failure error
	}
	ends := make([]end, 2)
	var g sync.WaitGroup
	for i := range ends {
		g.Go(func() {
			v := &Variable{Name: "w", Value: make(checkpoint.F32s, 2)}
			e := &ends[i]
			e.failure = once.do(context.Background(), []*Variable{v}, func(p policy.Progress) {
				e.spared += p.SparedSec
				p.SparedSec = 0
				e.curve = append(e.curve, p)
			}, func(report func(policy.Progress)) error {
				lock.Lock()
				defer lock.Unlock()
				trained++
				v.Value[0], v.Value[1] = float32(trained), float32(math.NaN())
				for step := range 3 {
					report(policy.Progress{Stage: "train", Step: step, Total: 3, Metrics: []policy.Metric{{Name: "loss", Value: 1 / float64(step+1)}}})
				}
				return nil
			})
			e.value = v.Value
		})
	}
	g.Wait()
	for _, e := range ends {
		if e.failure != nil {
			t.Fatal(e.failure)
		}
		if e.value[0] != 1 || e.value[1] == e.value[1] {
			t.Errorf("ended with %v", e.value)
		}
		if len(e.curve) != 3 || !reflect.DeepEqual(e.curve, ends[0].curve) {
			t.Errorf("curve %v, the other's %v", e.curve, ends[0].curve)
		}
	}
	if trained != 1 {
		t.Errorf("trained %d times", trained)
	}
	if (ends[0].spared > 0) == (ends[1].spared > 0) {
		t.Errorf("spared %v and %v: one of them trained, the other did not", ends[0].spared, ends[1].spared)
	}
}

// What cannot be read, is of another shape or cannot be written costs time, never a result; a failure is nobody else's.
func TestSharedTrainingsThatAreDamaged(t *testing.T) {
	for name, prepare := range map[string]func(folder string) Once{
		"half a file": func(folder string) Once {
			if err := os.WriteFile(filepath.Join(folder, "key"), []byte{1, 2, 3}, 0o600); err != nil {
				t.Fatal(err)
			}
			return Once{folder, "key"}
		},
		"another shape": func(folder string) Once {
			if err := (&learned{Value: map[string]checkpoint.F32s{"w": {1, 2, 3}}}).write(filepath.Join(folder, "key")); err != nil {
				t.Fatal(err)
			}
			return Once{folder, "key"}
		},
		"a file in the folder's place": func(folder string) Once {
			path := filepath.Join(folder, "file")
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return Once{path, "key"}
		},
		"no folder": func(string) Once { return Once{} },
	} {
		v := &Variable{Name: "w", Value: make(checkpoint.F32s, 1)}
		err := prepare(t.TempDir()).do(context.Background(), []*Variable{v}, nil, func(func(policy.Progress)) error {
			v.Value[0] = 7
			return nil
		})
		if err != nil || v.Value[0] != 7 {
			t.Errorf("%s: %v, %v", name, v.Value, err)
		}
	}
	once := Once{t.TempDir(), "key"}
	if err := once.do(context.Background(), nil, nil, func(func(policy.Progress)) error { return context.Canceled }); err == nil {
		t.Error("a failed training is no failure")
	}
	trained := false
	if err := once.do(context.Background(), nil, nil, func(func(policy.Progress)) error { trained = true; return nil }); err != nil || !trained {
		t.Errorf("after a failure: %v, trained %v", err, trained)
	}
}

// A shared training gives the bits of one's own, and any change of what determines it is another training.
func TestSharedTrainingIsOnesOwn(t *testing.T) {
	ex := &Examples{N: 64, X: make([]float32, 128), Y: make([]float32, 64), W: make([]float32, 64), HeldOut: make([]int32, 64)}
	r := policy.Stream(1, "examples")
	for i := range ex.N {
		ex.X[2*i], ex.X[2*i+1], ex.W[i], ex.HeldOut[i] = float32(r.NormFloat64()), float32(r.NormFloat64()), 1, int32(i%2)
		if ex.X[2*i] > 0 {
			ex.Y[i] = 1
		}
	}
	config := Config{
		Seed: 1, Name: "once", Blocks: []Block{{Link: Bernoulli, Width: 1, Weight: 1}}, Hidden: 4, Members: 2, LearningRate: 0.01, Batch: 16, Epochs: 3,
	}
	train := func(c Config, ex *Examples) (*Net, float64) {
		t.Helper()
		var spared float64
		net, err := Train(context.Background(), c, ex, func(p policy.Progress) { spared += p.SparedSec })
		if err != nil {
			t.Fatal(err)
		}
		return net, spared
	}
	own, _ := train(config, ex)
	config.Memo = t.TempDir()
	train(config, ex)
	shared, spared := train(config, ex)
	if spared == 0 || !slices.Equal(own.W1, shared.W1) || !slices.Equal(own.W2, shared.W2) {
		t.Errorf("spared %v s; the nets are equal: %v", spared, slices.Equal(own.W1, shared.W1))
	}
	other := *ex
	other.Y = slices.Clone(ex.Y)
	other.Y[0] = 1 - other.Y[0]
	if _, spared := train(config, &other); spared != 0 {
		t.Error("another target, the same training")
	}
	config.Seed = 2
	if _, spared := train(config, ex); spared != 0 {
		t.Error("another seed, the same training")
	}
}
