package host_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/trilemma-bench/trilemma/plugins/host"
	"github.com/trilemma-bench/trilemma/plugins/serve"
	"github.com/trilemma-bench/trilemma/plugins/wire"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// TestMain makes the test binary a plugin when it is re-executed, as the program does for the policies it brings.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == wire.BundledArg {
		serve.Bundled(os.Args[2], func(name string) (policy.Definition, bool) {
			def, ok := subjects[name]
			return def, ok
		})
	}
	goleak.VerifyTestMain(m)
}

const noParams = `{"type":"object","additionalProperties":false}`

// subject is a policy made of functions. Whatever is nil does nothing.
type subject struct {
	setup   policy.Setup
	mean    []float32 // learned: mean score by model
	fit     func(context.Context, *policy.Task, func(policy.Progress)) error
	route   func(context.Context, *subject, *policy.Batch) (*policy.Decisions, error)
	observe func(*policy.Feedback) error
	save    func() ([]byte, error)
}

func (s *subject) Fit(ctx context.Context, t *policy.Task, report func(policy.Progress)) error {
	if s.fit != nil {
		return s.fit(ctx, t, report)
	}
	o := &t.Train.Outcomes
	s.mean = make([]float32, o.Models)
	for at, x := range o.Figures[policy.Quality] {
		if o.Present[at] {
			s.mean[at%o.Models] += x / float32(t.Train.Len())
		}
	}
	report(policy.Progress{Stage: "count", Step: 1, Total: 1, Metrics: []policy.Metric{{Name: "rows", Value: float64(t.Train.Len())}}})
	return nil
}

func (s *subject) Route(ctx context.Context, b *policy.Batch) (*policy.Decisions, error) {
	return s.route(ctx, s, b)
}

func (s *subject) Save() ([]byte, error) {
	if s.save != nil {
		return s.save()
	}
	return json.Marshal(s.mean)
}

func (s *subject) Load(state []byte) error { return json.Unmarshal(state, &s.mean) }

func (s *subject) Observe(_ context.Context, f *policy.Feedback) error { return s.observe(f) }

// byVector mixes the vector, the preference and what was learned, so that every byte sent reaches a decision.
func byVector(_ context.Context, s *subject, b *policy.Batch) (*policy.Decisions, error) {
	d := policy.NewDecisions(b.Rows())
	k := len(s.setup.Models)
	for r := range b.Rows() {
		var sum float64
		for _, x := range b.Prompts.Row(int(b.Prompt[r])) {
			sum += float64(x)
		}
		p := b.Preferences[b.Preference[r]]
		sum += p[policy.Cost]*3 + p[policy.Carbon]*5 + p[policy.Latency]*7 + float64(len(b.Prompts.ID[b.Prompt[r]]))
		for _, m := range s.mean {
			sum += float64(m)
		}
		best := int(math.Abs(sum*1e4)) % k
		if k > 1 && best%2 == 0 {
			d.Append(policy.Select, []int32{int32(best), int32((best + 1) % k)}, []float32{0.75, 0.25})
		} else {
			d.AppendOne(policy.Select, best)
		}
	}
	return d, nil
}

// constant answers every row alike.
func constant(use policy.Use, models []int32, weights []float32) func(context.Context, *subject, *policy.Batch) (*policy.Decisions, error) {
	return func(_ context.Context, _ *subject, b *policy.Batch) (*policy.Decisions, error) {
		d := policy.NewDecisions(b.Rows())
		for range b.Rows() {
			d.Append(use, models, weights)
		}
		return d, nil
	}
}

func define(name string, edit func(*policy.Description, *subject)) policy.Definition {
	describe := func(s *subject) policy.Description {
		d := policy.Description{Name: name, Version: "1", Summary: "a test", ParamsSchema: json.RawMessage(noParams), Preference: policy.PreferenceInput}
		s.route = constant(policy.Select, []int32{0}, []float32{1})
		edit(&d, s)
		return d
	}
	return policy.Definition{
		Description: describe(&subject{}),
		New: func(setup policy.Setup) (policy.Policy, error) {
			s := &subject{setup: setup}
			describe(s)
			return s, nil
		},
	}
}

var subjects = map[string]policy.Definition{}

func init() {
	add := func(name string, edit func(*policy.Description, *subject)) { subjects[name] = define(name, edit) }
	one, full := []int32{0}, []float32{1}

	add("good", func(d *policy.Description, s *subject) {
		d.Needs = []policy.Need{policy.NeedVector}
		d.Learns, d.Saves = true, true
		s.route = byVector
	})
	// asker asks model 0, then 1 where it said "no", then 2 where there was nothing; ends with whom it asked last.
	add("asker", func(d *policy.Description, s *subject) {
		d.Sequential, d.Needs = true, []policy.Need{policy.NeedAnswer}
		s.route = func(_ context.Context, _ *subject, b *policy.Batch) (*policy.Decisions, error) {
			out := policy.NewDecisions(b.Rows())
			for r := range b.Rows() {
				if b.Round == 0 {
					if b.Preferences[b.Preference[r]][policy.Cost] > 0 {
						out.AppendOne(policy.Select, 1)
					} else {
						out.AppendOne(policy.Ask, 0)
					}
					continue
				}
				last := b.Asked.Offset[r+1] - 1
				m := b.Asked.Model[last]
				if m < 2 && (b.Asked.Missing[last] || b.Asked.Answer[last] == "no") {
					out.AppendOne(policy.Ask, int(m)+1)
				} else {
					out.AppendOne(policy.Select, int(m))
				}
			}
			return out, nil
		}
	})
	add("nan", func(_ *policy.Description, s *subject) {
		s.route = constant(policy.Select, one, []float32{float32(math.NaN())})
	})
	add("wrong-shape", func(_ *policy.Description, s *subject) {
		s.route = func(context.Context, *subject, *policy.Batch) (*policy.Decisions, error) {
			d := policy.NewDecisions(1)
			d.AppendOne(policy.Select, 0)
			return d, nil
		}
	})
	add("torn", func(_ *policy.Description, s *subject) {
		s.route = func(_ context.Context, _ *subject, b *policy.Batch) (*policy.Decisions, error) {
			return &policy.Decisions{Use: make([]policy.Use, b.Rows()), Offset: []int32{0, 5, -3, 2}, Model: one, Weight: full}, nil
		}
	})
	add("nothing", func(_ *policy.Description, s *subject) {
		s.route = func(context.Context, *subject, *policy.Batch) (*policy.Decisions, error) { return nil, nil }
	})
	add("unknown-model", func(_ *policy.Description, s *subject) { s.route = constant(policy.Select, []int32{99}, full) })
	add("twice-named", func(_ *policy.Description, s *subject) {
		s.route = constant(policy.Select, []int32{1, 1}, []float32{0.5, 0.5})
	})
	add("bad-sum", func(_ *policy.Description, s *subject) { s.route = constant(policy.Select, one, []float32{0.5}) })
	add("never-stops", func(d *policy.Description, s *subject) {
		d.Sequential = true
		s.route = func(_ context.Context, s *subject, b *policy.Batch) (*policy.Decisions, error) {
			return constant(policy.Ask, []int32{int32(b.Round % len(s.setup.Models))}, full)(nil, s, b)
		}
	})
	add("asks-undeclared", func(_ *policy.Description, s *subject) { s.route = constant(policy.Ask, one, full) })
	add("combines-undeclared", func(_ *policy.Description, s *subject) { s.route = constant(policy.Combine, one, full) })
	add("refuses", func(_ *policy.Description, s *subject) {
		s.route = func(context.Context, *subject, *policy.Batch) (*policy.Decisions, error) {
			return nil, errors.New("no \xff luck today")
		}
	})
	add("panics", func(_ *policy.Description, s *subject) {
		s.route = func(context.Context, *subject, *policy.Batch) (*policy.Decisions, error) { panic("oh no") }
	})
	add("panics-aside", func(_ *policy.Description, s *subject) {
		s.route = func(context.Context, *subject, *policy.Batch) (*policy.Decisions, error) {
			go panic("aside")
			select {}
		}
	})
	add("crashes", func(_ *policy.Description, s *subject) {
		s.route = func(context.Context, *subject, *policy.Batch) (*policy.Decisions, error) {
			fmt.Println("the well is dry")
			os.Exit(7)
			return nil, nil
		}
	})
	add("crashes-in-fit", func(d *policy.Description, s *subject) {
		d.Learns = true
		s.fit = func(context.Context, *policy.Task, func(policy.Progress)) error {
			fmt.Fprintln(os.Stderr, "out of paper")
			os.Exit(3)
			return nil
		}
	})
	add("hangs", func(_ *policy.Description, s *subject) {
		s.route = func(context.Context, *subject, *policy.Batch) (*policy.Decisions, error) {
			time.Sleep(time.Hour)
			return nil, nil
		}
	})
	add("stops-itself", func(d *policy.Description, s *subject) {
		d.Learns = true
		s.fit = func(_ context.Context, _ *policy.Task, report func(policy.Progress)) error {
			report(policy.Progress{Stage: "about to stop"})
			time.Sleep(50 * time.Millisecond)
			stopSelf()
			time.Sleep(time.Hour)
			return nil
		}
	})
	add("slow-fit", func(d *policy.Description, s *subject) {
		d.Learns = true
		s.fit = func(ctx context.Context, _ *policy.Task, report func(policy.Progress)) error {
			for step := 1; ; step++ {
				report(policy.Progress{Stage: "train", Step: step})
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(5 * time.Millisecond):
				}
			}
		}
	})
	add("noisy", func(_ *policy.Description, s *subject) {
		s.route = func(ctx context.Context, _ *subject, b *policy.Batch) (*policy.Decisions, error) {
			fmt.Println("to stdout", strings.Repeat("x", 200_000))
			fmt.Fprintln(os.Stderr, "to stderr")
			return constant(policy.Select, one, full)(ctx, nil, b)
		}
	})
	add("reports-late", func(d *policy.Description, s *subject) {
		d.Learns = true
		s.fit = func(_ context.Context, _ *policy.Task, report func(policy.Progress)) error {
			go func() {
				for range 100 {
					report(policy.Progress{Stage: "late"})
				}
			}()
			return nil
		}
	})
	add("big-state", func(d *policy.Description, s *subject) {
		d.Saves = true
		s.save = func() ([]byte, error) { return []byte("[1" + strings.Repeat(" ", 12<<20) + "]"), nil }
	})
	add("parametrised", func(d *policy.Description, _ *subject) {
		d.ParamsSchema = json.RawMessage(`{"type":"object","additionalProperties":false,"properties":{"k":{"type":"integer","minimum":1,"default":2}}}`)
	})
	add("bad-schema", func(d *policy.Description, _ *subject) {
		d.ParamsSchema = json.RawMessage(`{"type":"object","properties":{"k":{}}}`)
	})
	add("Bad Name", func(*policy.Description, *subject) {})
	add("bad-need", func(d *policy.Description, _ *subject) { d.Needs = []policy.Need{"score"} })
	add("bad-preference", func(d *policy.Description, _ *subject) { d.Preference = "perhaps" })
	add("misnamed", func(d *policy.Description, _ *subject) { d.Name = "other" })
	add("online", func(d *policy.Description, s *subject) {
		d.Online = true
		model := int32(0)
		s.observe = func(f *policy.Feedback) error {
			for r, x := range f.Figures[policy.Quality] {
				if x == 1 {
					model = f.Model[r]
				}
			}
			return nil
		}
		s.route = func(ctx context.Context, _ *subject, b *policy.Batch) (*policy.Decisions, error) {
			return constant(policy.Select, []int32{model}, full)(ctx, nil, b)
		}
	})
}

// inProcess and inChild are the two ways to run a subject.
func inChild(t testing.TB, name string) host.Source {
	t.Helper()
	src, err := host.Self(name)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// both runs a test with the policy in this process and in one of its own.
func both(t *testing.T, name string, f func(t *testing.T, src host.Source)) {
	t.Run("within", func(t *testing.T) { f(t, host.InProcess(subjects[name])) })
	t.Run("process", func(t *testing.T) { f(t, inChild(t, name)) })
}

func start(t testing.TB, src host.Source, opt host.Options) *host.Instance {
	t.Helper()
	i, err := host.Start(t.Context(), src, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := i.Close(); err != nil {
			t.Error(err)
		}
	})
	return i
}

// ready starts and configures a policy over a pool of three models.
func ready(t testing.TB, src host.Source, opt host.Options) *host.Instance {
	t.Helper()
	i := start(t, src, opt)
	if err := i.Configure(t.Context(), policy.Setup{Models: pool(3), Seed: 1}); err != nil {
		t.Fatal(err)
	}
	return i
}

func pool(n int) []policy.Model {
	list := make([]policy.Model, n)
	for m := range list {
		list[m] = policy.NewModel(fmt.Sprintf("model-%d", m))
	}
	return list
}

// somePrompts makes n prompts of dim dimensions, with every column.
func somePrompts(n, dim int) *policy.Prompts {
	rng := policy.Stream(7, "prompts")
	p := &policy.Prompts{Dim: dim, Vector: make([]float32, n*dim)}
	for i := range n {
		p.ID = append(p.ID, fmt.Sprintf("p%d", i))
		p.Text = append(p.Text, fmt.Sprintf("question %d?", i))
		p.Category = append(p.Category, "c")
	}
	for i := range p.Vector {
		p.Vector[i] = float32(rng.NormFloat64())
	}
	return p
}

func someTask(n, dim, models int) *policy.Task {
	split := func() *policy.Split {
		o := policy.Outcomes{Models: models}
		rng := policy.Stream(8, "outcomes")
		for range n * models {
			o.Present = append(o.Present, true)
			o.Figures[policy.Quality] = append(o.Figures[policy.Quality], rng.Float32())
			o.Figures[policy.Cost] = append(o.Figures[policy.Cost], rng.Float32())
		}
		return &policy.Split{Prompts: *somePrompts(n, dim), Outcomes: o}
	}
	return &policy.Task{Train: split(), Validation: split(), Preferences: []policy.Preference{{}}}
}

// allRows asks for every prompt under every preference.
func allRows(p *policy.Prompts, preferences ...policy.Preference) *policy.Batch {
	b := &policy.Batch{Prompts: p, Preferences: preferences}
	for i := range p.Len() {
		for j := range preferences {
			b.Prompt, b.Preference = append(b.Prompt, int32(i)), append(b.Preference, int32(j))
		}
	}
	return b
}
