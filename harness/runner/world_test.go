package runner

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/dataset"
	"github.com/trilemma-bench/trilemma/harness/encode"
	"github.com/trilemma-bench/trilemma/harness/event"
	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/harness/synth"
	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// world is a small trace that tests change before it is stored.
type world struct {
	*trace.Trace
	respond func(prompt, model int) string
}

// simulate makes 240 prompts × 4 models.
func simulated(t *testing.T, set func(*synth.Params)) *world {
	t.Helper()
	p := synth.Default()
	p.Prompts, p.Models, p.Seed = 240, 4, 3
	if set != nil {
		set(&p)
	}
	s, err := synth.Generate(p)
	if err != nil {
		t.Fatal(err)
	}
	return &world{s.Trace, s.Response}
}

// columns are all matrices of the outcomes that are there.
func columns(o *trace.Outcomes) []*[]float32 {
	var out []*[]float32
	for _, f := range trace.Figures {
		if c := f.Matrix(o); *c != nil {
			out = append(out, c)
		}
	}
	return out
}

// forget takes an outcome out.
func (w *world) forget(prompt, model int) {
	at := w.Outcomes.At(prompt, model)
	w.Outcomes.Present.Clear(at)
	for _, c := range columns(&w.Outcomes) {
		(*c)[at] = float32(math.NaN())
	}
	if w.Outcomes.Answer != nil {
		w.Outcomes.Answer[at] = 0
	}
}

// keep forgets all outcomes that are not to be kept.
func (w *world) keep(has func(prompt, model int) bool) {
	for p := range w.Prompts.Len() {
		for m := range w.Models {
			if !has(p, m) {
				w.forget(p, m)
			}
		}
	}
}

// shuffled is the same trace in another order.
func (w *world) shuffled(r *rand.Rand) *world {
	prompts, models := r.Perm(w.Prompts.Len()), r.Perm(len(w.Models))
	out := &world{&trace.Trace{Prompts: trace.Prompts{Dim: w.Prompts.Dim}}, func(p, m int) string { return w.respond(prompts[p], models[m]) }}
	for _, m := range models {
		out.Models = append(out.Models, w.Models[m])
	}
	p := &out.Prompts
	for _, c := range trace.Texts {
		*c.Column(p) = dataset.Pick(*c.Column(&w.Prompts), prompts)
	}
	for _, i := range prompts {
		if w.Prompts.ArrivedAt != nil {
			p.ArrivedAt = append(p.ArrivedAt, w.Prompts.ArrivedAt[i])
		}
	}
	o := &out.Outcomes
	*o = w.Outcomes
	o.Present = trace.NewBitmap(len(prompts) * len(models))
	for _, c := range columns(o) {
		*c = append([]float32(nil), *c...)
	}
	o.Answer = append([]uint32(nil), w.Outcomes.Answer...)
	from := columns(&w.Outcomes)
	for i, prompt := range prompts {
		for j, model := range models {
			to, at := o.At(i, j), w.Outcomes.At(prompt, model)
			if w.Outcomes.Present.Has(at) {
				o.Present.Set(to)
			}
			for k, c := range columns(o) {
				(*c)[to] = (*from[k])[at]
			}
			if o.Answer != nil {
				o.Answer[to] = w.Outcomes.Answer[at]
			}
		}
	}
	return out
}

// store writes the trace, and vectors of its prompts beside it, and returns its folder.
func (w *world) store(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "trace")
	if err := file.Write(dir, w.Trace, w.respond); err != nil {
		t.Fatal(err)
	}
	const dim = 8
	var vectors []float32
	for i, id := range w.Prompts.ID {
		// Something of the prompt's category, and noise.
		r := policy.Stream(1, id)
		about := policy.Stream(2, w.Prompts.Category[i])
		for range dim {
			vectors = append(vectors, float32(about.NormFloat64()+0.5*r.NormFloat64()))
		}
	}
	if err := encode.WritePrecomputed(filepath.Join(dir, "vectors.parquet"), w.Prompts.ID, vectors, dim, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

const head = `name: test
encoder: {name: v, precomputed: vectors.parquet}
preferences: {lambda_cost: 3, lambda_carbon: 2}
seeds: [1]
metrics: {resamples: 100}
`

// planned prepares an experiment; rest is what it says beside head.
func planned(t *testing.T, rest string) (*Plan, error) {
	t.Helper()
	spec, _, err := experiment.Parse([]byte(head+rest), filepath.Join(t.TempDir(), "test.yaml"), nil, os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	return Prepare(context.Background(), spec, Options{InProcess: true})
}

// ran carries an experiment out.
func ran(t *testing.T, rest string) (*Plan, *Outcome) {
	t.Helper()
	p, err := planned(t, rest)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Run(context.Background(), Options{Results: t.TempDir(), Jobs: 2, InProcess: true, Events: event.Discard})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range out.Failures {
		t.Errorf("%s failed: %s", f.Name(), f.Reason)
	}
	return p, out
}

func content1(t *testing.T, run *store.Run, name string) string {
	t.Helper()
	text, err := os.ReadFile(run.Path(name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
