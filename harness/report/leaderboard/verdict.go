package leaderboard

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// metricsDetail is where the runner writes what metrics.csv has no column for.
const metricsDetail = "metrics.json"

// level of significance, after Holm's correction.
const level = 0.05

// verdicts are what the comparisons of a pool came to. All empty where the run is of an older version.
type verdicts struct {
	headlines []headline
	pairs     []pair
	mixing    []pair                // of each policy to the Zero router, by the headline metric; nil where an older version wrote none
	againstB  map[[2]string]float64 // Holm p against the baseline, by policy and metric, over the table's comparisons with it
}

type pair struct {
	Pool, Metric, A, B  string
	Diff, Low, High, SE *float64
	HolmP               *float64 `json:"p_holm"`
}

type headline struct {
	Pool, Metric, Best, Second string
	Value, Low, High           *float64
	Diff                       *float64
	DiffLow                    *float64 `json:"diff_low"`
	DiffHigh                   *float64 `json:"diff_high"`
	HolmP                      *float64 `json:"p_holm"`
	Clear                      bool
}

// readVerdicts reads them by pool.
func readVerdicts(run *store.Run) (map[string]verdicts, error) {
	path := run.Path(metricsDetail)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading metrics: %w", err)
	}
	var file struct {
		Rows []struct {
			Pool, Policy, Metric string
			HolmP                *float64 `json:"p_holm"`
		}
		Pairs     []pair
		Mixing    []pair
		Headlines []headline
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	out := map[string]verdicts{}
	for _, r := range file.Rows {
		v := out[r.Pool]
		if v.againstB == nil {
			v.againstB = map[[2]string]float64{}
		}
		if r.HolmP != nil {
			v.againstB[[2]string{r.Policy, r.Metric}] = *r.HolmP
		}
		out[r.Pool] = v
	}
	for _, p := range file.Pairs {
		v := out[p.Pool]
		v.pairs = append(v.pairs, p)
		out[p.Pool] = v
	}
	for _, p := range file.Mixing {
		v := out[p.Pool]
		v.mixing = append(v.mixing, p)
		out[p.Pool] = v
	}
	for _, h := range file.Headlines {
		v := out[h.Pool]
		v.headlines = append(v.headlines, h)
		out[h.Pool] = v
	}
	return out, nil
}

// paired is the metric by which pairs of a column's metric were compared: the peak is the highest quality.
func paired(metric string) string {
	if metric == "peak" {
		return "quality_max"
	}
	return metric
}

// pair is the comparison of two policies, in either order; nil where there is none.
func (v *verdicts) pair(metric, a, b string) *pair {
	for i := range v.pairs {
		x := &v.pairs[i]
		if x.Metric != paired(metric) || x.Diff == nil {
			continue
		}
		if x.A == a && x.B == b || x.A == b && x.B == a {
			return x
		}
	}
	return nil
}

// compared tells whether pairs were compared by a metric.
func (v *verdicts) compared(metric string) bool {
	for i := range v.pairs {
		if v.pairs[i].Metric == paired(metric) {
			return true
		}
	}
	return false
}

// clear tells whether the pair differs by more than chance.
func (p *pair) clear() bool { return p != nil && p.HolmP != nil && *p.HolmP < level }

// unbeaten tells whether no policy is clearly better than one, so that it may be the best.
func (v *verdicts) unbeaten(metric, policy string) bool {
	for i := range v.pairs {
		x := &v.pairs[i]
		if x.Metric != paired(metric) || x.Diff == nil || !x.clear() {
			continue
		}
		diff := *x.Diff
		if metrics.LowerIsBetter[metric] {
			diff = -diff
		}
		if x.A == policy && diff < 0 || x.B == policy && diff > 0 {
			return false
		}
	}
	return true
}

// differs tells whether a policy is clear of the baseline: by the pairs where both are ranked, else by the comparisons of
// the table with the baseline.
func (v *verdicts) differs(metric, policy, baseline string) bool {
	if p := v.pair(metric, policy, baseline); p != nil {
		return p.clear()
	}
	p, known := v.againstB[[2]string{policy, metric}]
	return known && p < level
}

// corrected says how the p-values of differences to the baseline were corrected.
func (t *Table) corrected(baseline string) string {
	if l := t.Line(baseline); l != nil && l.candidate() && len(t.pairs) > 0 {
		return "p < 0.05 after Holm over all pairs; over those with " + baseline + " where a metric has no pairs"
	}
	return "p < 0.05 after Holm over the comparisons with " + baseline
}

// Best is the answer of a pool: the policy that the selection prompts speak for, and whether test says that it is best.
type Best struct {
	Pool     string   `json:"pool"`
	Policy   string   `json:"policy"`
	Metric   string   `json:"metric"`
	Value    float64  `json:"value"`
	Low      *float64 `json:"low"` // 95 % interval, null where unknown
	High     *float64 `json:"high"`
	Second   string   `json:"second,omitempty"`
	Diff     *float64 `json:"diff"` // to the second
	DiffLow  *float64 `json:"diff_low"`
	DiffHigh *float64 `json:"diff_high"`
	Clear    bool     `json:"clear"`
	// Hindsight: by a run of an older version, chosen on the test prompts.
	Hindsight bool `json:"hindsight,omitempty"`
}

// Headlines are the answers of a finished run, pool by pool.
func Headlines(run *store.Run) ([]Best, error) {
	tables, err := Read(run)
	if err != nil {
		return nil, err
	}
	var out []Best
	for i := range tables {
		if b := tables[i].best(); b != nil {
			out = append(out, *b)
		}
	}
	return out, nil
}

// best is the pool's answer; nil where no policy is ranked.
func (t *Table) best() *Best {
	for _, h := range t.headlines {
		if h.Value != nil && h.Metric == t.headline().Metric {
			return &Best{t.Pool, h.Best, h.Metric, *h.Value, h.Low, h.High, h.Second, h.Diff, h.DiffLow, h.DiffHigh, h.Clear, false}
		}
	}
	if !t.Older {
		return nil
	}
	var best *Best
	for i := range t.Lines {
		l := &t.Lines[i]
		v := l.Values["aiq"]
		if x := Parse(v.Value); l.candidate() && x == x && (best == nil || x > best.Value) {
			best = &Best{Pool: t.Pool, Policy: l.policy, Metric: "aiq", Value: x, Low: store.Known(Parse(v.Low)), High: store.Known(Parse(v.High)), Hindsight: true}
		}
	}
	return best
}

// withInterval is a figure with its interval.
func withInterval(value, low, high *float64) string {
	text := func(x *float64) string {
		if x == nil {
			return ""
		}
		return fmt.Sprint(*x)
	}
	return Interval(text(value), text(low), text(high))
}
