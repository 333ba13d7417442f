package host_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trilemma-bench/trilemma/plugins/host"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// wants fails the test unless err is a [*host.Error] of a kind whose text holds every part.
func wants(t *testing.T, err error, kind host.Kind, parts ...string) {
	t.Helper()
	var e *host.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *host.Error of kind %q", err, kind)
	}
	if e.Kind != kind {
		t.Errorf("got kind %q (%v), want %q", e.Kind, err, kind)
	}
	for _, p := range parts {
		if !strings.Contains(err.Error(), p) {
			t.Errorf("got %q, want %q in it", err, p)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error has more than one line: %q", err)
	}
}

func TestBothWaysGiveTheSameDecisions(t *testing.T) {
	prompts := somePrompts(700, 48)
	preferences := []policy.Preference{{}, {policy.Cost: 1}, {policy.Carbon: 0.5, policy.Latency: 0.1}}
	task := someTask(3000, 48, 3)
	var want []host.Routed
	both(t, "good", func(t *testing.T, src host.Source) {
		for _, rows := range []int{0, 1000, 7} {
			i := ready(t, src, host.Options{BatchRows: rows})
			var seen []policy.Progress
			if err := i.Fit(t.Context(), task, func(p policy.Progress) { seen = append(seen, p) }); err != nil {
				t.Fatal(err)
			}
			if len(seen) != 1 || seen[0].Metrics[0].Value != 3000 {
				t.Errorf("progress: got %+v", seen)
			}
			got, err := i.RouteAll(t.Context(), prompts, preferences, nil)
			if err != nil {
				t.Fatal(err)
			}
			if want == nil {
				want = got
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("batches of %d rows decide otherwise:\n%s", rows, diff)
			}
			state, err := i.Save(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			again := ready(t, src, host.Options{})
			if err := again.Load(t.Context(), state); err != nil {
				t.Fatal(err)
			}
			if got, err := again.RouteAll(t.Context(), prompts, preferences, nil); err != nil || !cmp.Equal(want, got) {
				t.Errorf("after Load: %v, or other decisions", err)
			}
			if rows == 7 {
				break
			}
		}
	})
}

func TestInvalidAnswers(t *testing.T) {
	for name, want := range map[string]string{
		"nan":                 "weight NaN of model 0 is not a positive number",
		"wrong-shape":         "decisions for 1 rows, want 3",
		"torn":                "want 4 starting at 0",
		"unknown-model":       "unknown model 99, the pool has 3",
		"twice-named":         "names model 1 twice",
		"bad-sum":             "weights sum to 0.5, want 1",
		"asks-undeclared":     "(sequential)",
		"combines-undeclared": "(combines)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "torn" {
				want = "offsets 5 to -3 are not a range"
			}
			both(t, name, func(t *testing.T, src host.Source) {
				i := ready(t, src, host.Options{})
				b := allRows(somePrompts(3, 2), policy.Preference{})
				for range 2 { // the instance lives on
					_, err := i.Route(t.Context(), b)
					if name == "torn" {
						var e *host.Error
						if !errors.As(err, &e) || e.Kind != host.KindInvalid {
							t.Fatalf("got %v", err)
						}
						continue
					}
					wants(t, err, host.KindInvalid, "policy "+name+": route: invalid answer: ", want)
				}
			})
		})
	}
}

func TestFailuresOfThePolicysOwn(t *testing.T) {
	b := allRows(somePrompts(3, 2), policy.Preference{})
	both(t, "refuses", func(t *testing.T, src host.Source) {
		_, err := ready(t, src, host.Options{}).Route(t.Context(), b)
		wants(t, err, host.KindFailed, "luck today")
	})
	both(t, "panics", func(t *testing.T, src host.Source) {
		var log safeBuffer
		i := ready(t, src, host.Options{Log: &log})
		for range 2 {
			_, err := i.Route(t.Context(), b)
			wants(t, err, host.KindFailed, "the policy panicked: oh no")
		}
		_ = i.Close()
		if !strings.Contains(log.String(), "subjects_test.go") {
			t.Errorf("no stack in the log:\n%s", log.String())
		}
	})
	both(t, "nothing", func(t *testing.T, src host.Source) {
		_, err := ready(t, src, host.Options{}).Route(t.Context(), b)
		wants(t, err, host.KindInvalid)
	})
	both(t, "never-stops", func(t *testing.T, src host.Source) {
		_, err := ready(t, src, host.Options{}).RouteAll(t.Context(), b.Prompts, b.Preferences,
			func(int, int) (host.Revealed, bool) { return host.Revealed{}, true })
		wants(t, err, host.KindInvalid, `round 3: prompt "p0" asks model 0 again`)
	})
}

// safeBuffer is a log that may be read while it is written.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestProcessesThatBreak(t *testing.T) {
	b := allRows(somePrompts(3, 2), policy.Preference{})
	t.Run("crash", func(t *testing.T) {
		i := ready(t, inChild(t, "crashes"), host.Options{})
		_, err := i.Route(t.Context(), b)
		wants(t, err, host.KindCrash, "exit status 7", "its log ends: the well is dry")
		_, err = i.Route(t.Context(), b)
		wants(t, err, host.KindCrash, "was ended before")
	})
	t.Run("panic aside", func(t *testing.T) {
		_, err := ready(t, inChild(t, "panics-aside"), host.Options{}).Route(t.Context(), b)
		wants(t, err, host.KindCrash, "exit status 2", "panic: aside")
	})
	t.Run("crash in fit", func(t *testing.T) {
		err := ready(t, inChild(t, "crashes-in-fit"), host.Options{}).Fit(t.Context(), someTask(20_000, 8, 3), nil)
		wants(t, err, host.KindCrash, "exit status 3", "out of paper")
	})
	t.Run("hang", func(t *testing.T) {
		both(t, "hangs", func(t *testing.T, src host.Source) {
			if src.Definition != nil {
				t.Skip("a goroutine that hangs cannot be ended, and goleak would see it")
			}
			i := ready(t, src, host.Options{CallTimeout: 300 * time.Millisecond})
			began := time.Now()
			_, err := i.Route(t.Context(), b)
			wants(t, err, host.KindTimeout, "no answer within 300ms")
			_ = i.Close()
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("took %v to give up", took)
			}
		})
	})
	t.Run("silence", func(t *testing.T) {
		i := ready(t, inChild(t, "stops-itself"), host.Options{SilenceTimeout: 500 * time.Millisecond})
		err := i.Fit(t.Context(), someTask(10, 2, 3), nil)
		wants(t, err, host.KindTimeout, "fit: timeout: no sign of life for 500ms")
	})
	t.Run("fit timeout", func(t *testing.T) {
		i := ready(t, inChild(t, "slow-fit"), host.Options{FitTimeout: 300 * time.Millisecond})
		wants(t, i.Fit(t.Context(), someTask(10, 2, 3), nil), host.KindTimeout, "no answer within 300ms")
	})
	t.Run("close while routing", func(t *testing.T) {
		i := ready(t, inChild(t, "hangs"), host.Options{})
		time.AfterFunc(100*time.Millisecond, func() { _ = i.Close() })
		_, err := i.Route(t.Context(), b)
		wants(t, err, host.KindCrash)
	})
}

func TestCancelledFitLeavesAnInstanceThatWorks(t *testing.T) {
	both(t, "slow-fit", func(t *testing.T, src host.Source) {
		i := ready(t, src, host.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		steps := 0
		err := i.Fit(ctx, someTask(10, 2, 3), func(policy.Progress) {
			if steps++; steps == 3 {
				cancel()
			}
		})
		wants(t, err, host.KindCanceled)
		if _, err := i.Route(t.Context(), allRows(somePrompts(3, 2), policy.Preference{})); err != nil {
			t.Error(err)
		}
	})
}

func TestLateReportsAreDropped(t *testing.T) {
	both(t, "reports-late", func(t *testing.T, src host.Source) {
		i := ready(t, src, host.Options{})
		over := false
		if err := i.Fit(t.Context(), someTask(1, 1, 3), func(policy.Progress) {
			if over {
				t.Error("a report came after Fit returned")
			}
		}); err != nil {
			t.Fatal(err)
		}
		over = true
		time.Sleep(20 * time.Millisecond)
	})
}

func TestWhatIsPrintedGoesToTheLog(t *testing.T) {
	var log safeBuffer
	i := ready(t, inChild(t, "noisy"), host.Options{Log: &log})
	if _, err := i.Route(t.Context(), allRows(somePrompts(3, 2), policy.Preference{})); err != nil {
		t.Fatal(err)
	}
	if err := i.Close(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"to stdout " + strings.Repeat("x", 1000), "to stderr\n"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%.20q is not in the log", want)
		}
	}
}

func TestLargeState(t *testing.T) {
	both(t, "big-state", func(t *testing.T, src host.Source) {
		i := ready(t, src, host.Options{})
		state, err := i.Save(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(state) < 10<<20 {
			t.Fatalf("state of %d bytes", len(state))
		}
		if err := i.Load(t.Context(), state); err != nil {
			t.Error(err)
		}
		wants(t, i.Load(t.Context(), state[:100]), host.KindFailed, "JSON")
	})
}

func TestRequestsThatDoNotSuit(t *testing.T) {
	both(t, "parametrised", func(t *testing.T, src host.Source) {
		ctx, i := t.Context(), start(t, src, host.Options{})
		b := allRows(somePrompts(3, 2), policy.Preference{})
		_, err := i.Route(ctx, b)
		wants(t, err, host.KindRefused, "not configured")
		for raw, want := range map[string]string{
			`{"k":0}`: `parameter "k": minimum`, `{"j":1}`: `unknown parameter "j": it has k`, `7`: "the parameters must be an object",
		} {
			wants(t, i.Configure(ctx, policy.Setup{Models: pool(2), Params: json.RawMessage(raw)}), host.KindRefused, "configure: "+want)
		}
		wants(t, i.Configure(ctx, policy.Setup{}), host.KindRefused, "pool is empty")
		if err := i.Configure(ctx, policy.Setup{Models: pool(2)}); err != nil {
			t.Fatal(err)
		}
		wants(t, i.Fit(ctx, someTask(2, 2, 2), nil), host.KindRefused, "does not learn")
		wants(t, i.Load(ctx, nil), host.KindRefused, "does not save")
		_, err = i.Save(ctx)
		wants(t, err, host.KindRefused, "does not save")
		wants(t, i.Observe(ctx, &policy.Feedback{Prompts: b.Prompts}), host.KindRefused, "online")
		b.Prompt[1] = 3
		_, err = i.Route(ctx, b)
		wants(t, err, host.KindRefused, "row 1 is prompt 3 of 3")
		_, err = i.RouteAll(ctx, b.Prompts, nil, nil)
		wants(t, err, host.KindRefused, "no preferences")
	})
	both(t, "good", func(t *testing.T, src host.Source) {
		i := ready(t, src, host.Options{})
		p := somePrompts(3, 2)
		p.Vector = nil
		_, err := i.Route(t.Context(), allRows(p, policy.Preference{}))
		wants(t, err, host.KindRefused, "the policy needs the vector", "encoder")
		wants(t, i.Fit(t.Context(), someTask(3, 2, 4), nil), host.KindRefused, "outcomes of 4 models, the pool has 3")
		wants(t, i.Fit(t.Context(), &policy.Task{}, nil), host.KindRefused, "no train split")
	})
}

func TestDescriptionsThatMakeNoSense(t *testing.T) {
	for name, want := range map[string]string{
		"Bad Name": "lower-case words", "bad-schema": `no default for "k"`, "bad-need": `it needs "score"`,
		"bad-preference": `"perhaps"`, "misnamed": `it calls itself "other", but it is to be "misnamed"`,
	} {
		both(t, name, func(t *testing.T, src host.Source) {
			src.Name = name
			_, err := host.Start(t.Context(), src, host.Options{})
			wants(t, err, host.KindInvalid, want)
		})
	}
}

func TestNoRowsAndNoPrompts(t *testing.T) {
	both(t, "good", func(t *testing.T, src host.Source) {
		i := ready(t, src, host.Options{})
		d, err := i.Route(t.Context(), allRows(somePrompts(0, 4), policy.Preference{}))
		if err != nil || d.Rows() != 0 {
			t.Errorf("got %v, %v", d, err)
		}
		routed, err := i.RouteAll(t.Context(), somePrompts(0, 4), []policy.Preference{{}, {}}, nil)
		if err != nil || len(routed) != 2 || routed[1].Final.Rows() != 0 {
			t.Errorf("got %v, %v", routed, err)
		}
	})
}

func TestOnline(t *testing.T) {
	both(t, "online", func(t *testing.T, src host.Source) {
		i := ready(t, src, host.Options{})
		p := somePrompts(2, 1)
		x := []float32{0, 1}
		f := &policy.Feedback{Prompts: p, Preference: make([]policy.Preference, 2), Model: []int32{1, 2},
			Propensity: []float32{1, 1}, Figures: policy.Matrix{policy.Quality: x, policy.Cost: x}}
		if err := i.Observe(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		d, err := i.Route(t.Context(), allRows(p, policy.Preference{}))
		if err != nil || d.Model[0] != 2 {
			t.Errorf("got %v, %v; want model 2", d, err)
		}
		f.Figures[policy.Quality] = x[:1]
		wants(t, i.Observe(t.Context(), f), host.KindRefused, "1 scores for 2 decisions")
	})
}

func TestScratchFolderIsRemoved(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	if len(tmp) > 40 {
		// Too long for sockets: the fallback is /tmp itself, where others work too.
		var err error
		if tmp, err = os.MkdirTemp("/tmp", "t"); err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(tmp)
		t.Setenv("TMPDIR", tmp)
	}
	for _, name := range []string{"good", "misnamed"} {
		i, err := host.Start(t.Context(), inChild(t, name), host.Options{})
		if err == nil {
			err = i.Close()
		}
		if (err != nil) != (name == "misnamed") {
			t.Error(err)
		}
	}
	left, err := filepath.Glob(filepath.Join(tmp, "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}
