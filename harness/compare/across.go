package compare

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/trilemma-bench/trilemma/harness/store"
)

// Estimate is a mean over several splits of one trace with its 95 % interval; NaN where a split has no value, or there is
// only one.
type Estimate struct{ Mean, Low, High float64 }

// AcrossRow is one policy over all splits.
type AcrossRow struct {
	Pool, Policy, Role string
	Prompts            float64    // test prompts a run, on average
	Value, Diff        []Estimate // by metric; Diff is to the runs' baseline
	Baseline           string
}

// AcrossTable is one experiment over several splits.
type AcrossTable struct {
	Metrics []string
	Runs    int
	Rows    []AcrossRow
	// Notices say what makes the runs unlike beside their split, and what some of them lack.
	Notices []string
}

// Across brings runs of one experiment that differ in the seed of their split together. One split is one draw of who is
// trained and tested on what; a difference of a few thousandths may change its sign with it. The splits share prompts, so
// their values are not independent: the interval is the corrected resampled t of Nadeau & Bengio (Inference for the
// generalization error, 2003),
//
//	mean ± t(J − 1; 0.975) · √((1/J + n_test/n_rest) · s²)
//
// with s² the variance over J splits and n_rest the prompts outside of test.
func Across(runs []*store.Run, metrics []string) (*AcrossTable, error) {
	if len(runs) < 2 {
		return nil, fmt.Errorf("%d run: give several, each of another split: --set data.split.seed=2", len(runs))
	}
	t := &AcrossTable{Metrics: metrics, Runs: len(runs)}
	var ratio float64
	rows := map[[2]string]int{}           // place in t.Rows
	found := map[[3]string][][2]float64{} // pool, policy, metric → value and difference by run
	seen := map[string]string{}
	var first store.Manifest
	for i, run := range runs {
		m, err := run.Manifest()
		if err != nil {
			return nil, err
		}
		var data struct{ Prompts, Test int }
		if err := json.Unmarshal(m.Data, &data); err != nil {
			return nil, fmt.Errorf("reading %s: %w", run.Path(store.ManifestFile), err)
		}
		if other, twice := seen[run.ID]; twice {
			return nil, fmt.Errorf("%s and %s are one run", other, run.Dir)
		}
		seen[run.ID] = run.Dir
		if i == 0 {
			first = m
		} else if text, err := unlikeSplits(&first, &m); err != nil {
			return nil, err
		} else if text != "" {
			t.Notices = append(t.Notices, fmt.Sprintf("%s and %s: %s", runs[0].Dir, run.Dir, text))
		}
		ratio += float64(data.Test) / float64(data.Prompts-data.Test) / float64(len(runs))
		if err := readAcross(run, t, rows, found); err != nil {
			return nil, err
		}
	}
	for i := range t.Rows {
		row := &t.Rows[i]
		for _, metric := range metrics {
			pairs := found[[3]string{row.Pool, row.Policy, metric}]
			row.Value = append(row.Value, estimate(pairs, 0, len(runs), ratio))
			row.Diff = append(row.Diff, estimate(pairs, 1, len(runs), ratio))
		}
	}
	t.Notices = append(t.Notices, t.partly(found)...)
	return t, nil
}

// partly says which policies lack the first metric in some runs, and so have no mean over all.
func (t *AcrossTable) partly(found map[[3]string][][2]float64) (out []string) {
	type lack struct {
		pool  string
		known int
	}
	var order []lack
	names := map[lack][]string{}
	for _, row := range t.Rows {
		l := lack{pool: row.Pool}
		for _, p := range found[[3]string{row.Pool, row.Policy, t.Metrics[0]}] {
			if !math.IsNaN(p[0]) {
				l.known++
			}
		}
		if l.known == 0 || l.known == t.Runs {
			continue
		}
		if names[l] == nil {
			order = append(order, l)
		}
		names[l] = append(names[l], row.Policy)
	}
	for _, l := range order {
		out = append(out, fmt.Sprintf("pool %s: no mean over all of what only %d of %d runs have %s of: %s", l.pool, l.known, t.Runs, t.Metrics[0], few(names[l])))
	}
	return out
}

// unlikeSplits says what is wrong with bringing two runs together: they have one split, or differ in more than that; "" where
// nothing is.
func unlikeSplits(a, b *store.Manifest) (string, error) {
	all, err := changes(a, b)
	if err != nil {
		return "", err
	}
	var more []string
	resplit := false
	for _, x := range all {
		switch {
		case x.What == "data.split.seed":
			resplit = true
		case strings.HasPrefix(x.What, "build."), strings.HasPrefix(x.What, "host."), x.What == "experiment file", x.What == "description", x.What == "backend":
		default:
			more = append(more, fmt.Sprintf("%s %s → %s", x.What, orNone(x.Before), orNone(x.After)))
		}
	}
	switch {
	case len(more) > 0:
		return "they differ in more than the seed of the split: " + strings.Join(shorten(more, 3), "; "), nil
	case !resplit:
		return "they have the same split: the interval counts it twice", nil
	}
	return "", nil
}

// readAcross reads the metrics of one run.
func readAcross(run *store.Run, t *AcrossTable, rows map[[2]string]int, found map[[3]string][][2]float64) error {
	path := run.Path("metrics.csv")
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("reading metrics: %w; the run has not finished: run its experiment again to go on", err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	head, err := r.Read()
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	all, err := r.ReadAll()
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	at := map[string]int{}
	for i, name := range head {
		at[name] = i
	}
	for _, name := range []string{"pool", "policy", "metric", "value", "diff", "baseline", "n", "role"} {
		if _, ok := at[name]; !ok {
			return fmt.Errorf("reading %s: it has no column %s: it is of an older version, run the experiment again", path, name)
		}
	}
	number := func(s string) float64 {
		x, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return math.NaN()
		}
		return x
	}
	for _, line := range all {
		if !slices.Contains(t.Metrics, line[at["metric"]]) {
			continue
		}
		key := [2]string{line[at["pool"]], line[at["policy"]]}
		i, known := rows[key]
		if !known {
			i = len(t.Rows)
			rows[key] = i
			t.Rows = append(t.Rows, AcrossRow{Pool: key[0], Policy: key[1], Role: line[at["role"]]})
		}
		if b := line[at["baseline"]]; b != "" {
			t.Rows[i].Baseline = b
		}
		if line[at["metric"]] == t.Metrics[0] {
			t.Rows[i].Prompts += number(line[at["n"]]) / float64(t.Runs)
		}
		cell := [3]string{key[0], key[1], line[at["metric"]]}
		found[cell] = append(found[cell], [2]float64{number(line[at["value"]]), number(line[at["diff"]])})
	}
	return nil
}

// estimate is the mean of one column over all runs, with its interval.
func estimate(pairs [][2]float64, column, runs int, ratio float64) Estimate {
	nan := Estimate{math.NaN(), math.NaN(), math.NaN()}
	if len(pairs) < runs {
		return nan
	}
	x := make([]float64, runs)
	for i := range x {
		x[i] = pairs[i][column]
	}
	mean, variance := stat.MeanVariance(x, nil)
	if math.IsNaN(mean) {
		return nan
	}
	j := float64(runs)
	half := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: j - 1}.Quantile(0.975) * math.Sqrt((1/j+ratio)*variance)
	return Estimate{mean, mean - half, mean + half}
}
