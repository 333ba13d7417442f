package host_test

import (
	"fmt"
	"testing"

	"github.com/trilemma-bench/trilemma/plugins/host"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// BenchmarkRoute is the cost of the transport for the test split of a real trace: 1,700 prompts of 384 numbers under 32
// preferences, 54,400 decisions. The policy itself does next to nothing.
func BenchmarkRoute(b *testing.B) {
	prompts := somePrompts(1700, 384)
	preferences := make([]policy.Preference, 32)
	for j := range preferences {
		preferences[j][policy.Cost] = float64(j)
	}
	for _, way := range []string{"within", "process"} {
		b.Run(way, func(b *testing.B) {
			src := host.InProcess(subjects["idle-vector"])
			if way == "process" {
				src = inChild(b, "idle-vector")
			}
			i := ready(b, src, host.Options{})
			b.ReportAllocs()
			for b.Loop() {
				if _, err := i.RouteAll(b.Context(), prompts, preferences, nil); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/54_400, "ns/decision")
		})
	}
}

// BenchmarkFit is the cost of the transport for a training split: 5,000 prompts of 384 numbers and 3 models, twice.
func BenchmarkFit(b *testing.B) {
	task := someTask(5000, 384, 3)
	for _, way := range []string{"within", "process"} {
		b.Run(way, func(b *testing.B) {
			src := host.InProcess(subjects["good"])
			if way == "process" {
				src = inChild(b, "good")
			}
			i := ready(b, src, host.Options{})
			for b.Loop() {
				if err := i.Fit(b.Context(), task, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkStart is the time to start a process, to learn what it is, to configure it, and to end it.
func BenchmarkStart(b *testing.B) {
	src := inChild(b, "good")
	for b.Loop() {
		i, err := host.Start(b.Context(), src, host.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := i.Configure(b.Context(), policy.Setup{Models: pool(3)}); err != nil {
			b.Fatal(err)
		}
		if err := i.Close(); err != nil {
			b.Fatal(fmt.Errorf("closing: %w", err))
		}
	}
}

func init() {
	subjects["idle-vector"] = define("idle-vector", func(d *policy.Description, _ *subject) {
		d.Needs = []policy.Need{policy.NeedVector}
	})
}
