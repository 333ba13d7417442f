package footprint

import (
	"fmt"
	"math"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/plot"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// Hours whose answers are few are put together; and only shares that depend on the hour tell something.
func TestHoursOfFewAnswers(t *testing.T) {
	looks := plot.LooksOf(nil, []string{"cheap", "dear"})
	day := func(share func(hour int) float64) *Policy {
		p := &Policy{Pool: "all", Policy: "carbon"}
		for h := range 48 {
			at := fmt.Sprintf("2024-06-%02dT%02d", 1+h/24, h%24)
			p.HourlyShares = append(p.HourlyShares,
				store.HourShare{Hour: at, Model: "dear", Answers: 12 * share(h%24)}, store.HourShare{Hour: at, Model: "cheap", Answers: 12 * (1 - share(h%24))})
		}
		return p
	}
	s, n, telling := hourly(day(func(h int) float64 { return map[bool]float64{true: 0.9, false: 0.1}[h < 12] }), looks)
	if len(s.Preferences) != 16 || math.Abs(n-576) > 1e-9 || !telling {
		t.Errorf("%d bars of %v answers, telling %v; want 3 hours a bar, 576 answers that depend on the hour", len(s.Preferences), n, telling)
	}
	if s.Models[0] != "cheap" || math.Abs(s.Share[0][1]-0.9) > 1e-9 {
		t.Errorf("first bar %v of %v", s.Share[0], s.Models)
	}
	// One answer of twelve more or less in some hours is chance.
	if _, _, telling := hourly(day(func(h int) float64 { return 0.5 + float64(h%2)/12 }), looks); telling {
		t.Error("chance is said to tell something")
	}
	if _, _, telling := hourly(&Policy{}, looks); telling {
		t.Error("no hours are said to tell something")
	}
}
