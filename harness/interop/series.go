// Package interop writes the results of a run in the formats of other tools: event files for TensorBoard and a folder of
// runs for MLflow. One series, a policy in a pool with one seed, becomes one of their runs. What is written depends only
// on the run, so that exporting again replaces what was exported before.
package interop

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// series is a policy in a pool with one seed.
type series struct {
	ref      store.Ref
	params   map[string]string
	metrics  map[string]float64 // of the whole front, such as aiq
	points   []store.Point      // in the order of the preferences
	curves   []store.Curve
	wallSec  float64
	finished time.Time
}

func (s *series) name() string {
	name := s.ref.Pool + "/" + s.ref.Policy
	if s.ref.Seed != 0 {
		name += "/seed-" + strconv.FormatUint(s.ref.Seed, 10)
	}
	return name
}

// whole is a run as other tools are to see it.
type whole struct {
	run      *store.Run
	manifest store.Manifest
	series   []*series
}

// read gathers a finished run.
func read(run *store.Run) (*whole, error) {
	m, err := run.Manifest()
	if err != nil {
		return nil, err
	}
	plan, err := run.Plan()
	if err != nil {
		return nil, err
	}
	metrics, err := readMetrics(run)
	if err != nil {
		return nil, err
	}
	w := &whole{run: run, manifest: m}
	type key struct {
		pool, policy string
		seed         uint64
	}
	known, nth := map[key]*series{}, map[key]int{}
	for _, ref := range plan {
		st, ok := run.Cell(ref.ID)
		if !ok || st.State != store.Done {
			continue
		}
		k := key{ref.Pool, ref.Policy, ref.Seed}
		s := known[k]
		if s == nil {
			s = &series{ref: ref, params: map[string]string{}, metrics: map[string]float64{}}
			known[k] = s
			w.series = append(w.series, s)
			all := key{ref.Pool, ref.Policy, 0}
			for name, of := range metrics[[2]string{ref.Pool, ref.Policy}] {
				if of.seeds == 1 {
					s.metrics[name] = of.value
				} else if i := nth[all]; i < len(of.perSeed) {
					s.metrics[name] = of.perSeed[i]
				}
			}
			nth[all]++
			if err := s.describe(&st); err != nil {
				return nil, fmt.Errorf("cell %s: %w", ref.Name(), err)
			}
		}
		s.points = append(s.points, st.Points...)
		for _, c := range st.Curves {
			if ref.Preference != "" && ref.Preference != "any" {
				c.Stage = ref.Preference + " " + c.Stage
			}
			s.curves = append(s.curves, c)
		}
		s.wallSec += st.WallSec
		if st.Finished.After(s.finished) {
			s.finished = st.Finished
		}
	}
	if len(w.series) == 0 {
		return nil, fmt.Errorf("run %s has no finished cell: run its experiment again to go on", run.Dir)
	}
	return w, nil
}

// describe fills in the parameters of the policy.
func (s *series) describe(st *store.Status) error {
	s.params["pool"], s.params["policy"], s.params["family"] = s.ref.Pool, s.ref.Policy, s.ref.Family
	s.params["seed"] = strconv.FormatUint(s.ref.Seed, 10)
	if s.ref.Encoder != "" {
		s.params["encoder"] = s.ref.Encoder
	}
	if len(st.Params) == 0 {
		return nil
	}
	var params map[string]any
	if err := json.Unmarshal(st.Params, &params); err != nil {
		return fmt.Errorf("reading its parameters: %w", err)
	}
	for name, v := range params {
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("reading its parameters: %w", err)
		}
		s.params["params."+name] = strings.Trim(string(text), `"`)
	}
	return nil
}

type measured struct {
	value   float64
	seeds   int
	perSeed []float64
}

// readMetrics reads metrics.json, by pool and policy and then by metric.
func readMetrics(run *store.Run) (map[[2]string]map[string]measured, error) {
	path := run.Path("metrics.json")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading metrics: %w; the run has not finished: run its experiment again to go on", err)
	}
	var file struct {
		Rows []struct {
			Pool, Policy, Metric string
			Value                *float64
			Seeds                int
			PerSeed              []*float64 `json:"per_seed"`
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	out := map[[2]string]map[string]measured{}
	for _, r := range file.Rows {
		if r.Value == nil {
			continue
		}
		of := measured{value: *r.Value, seeds: r.Seeds}
		for _, v := range r.PerSeed {
			if v == nil {
				break
			}
			of.perSeed = append(of.perSeed, *v)
		}
		k := [2]string{r.Pool, r.Policy}
		if out[k] == nil {
			out[k] = map[string]measured{}
		}
		out[k][r.Metric] = of
	}
	return out, nil
}

// scalar is one number of a series at a step.
type scalar struct {
	name  string
	step  int
	value float64
}

// scalars are all numbers of a series: "metrics/…" of the front at step 0, "front/…" by preference, "STAGE/…" by step of
// training.
func (s *series) scalars() []scalar {
	var out []scalar
	for _, name := range slices.Sorted(maps.Keys(s.metrics)) {
		out = append(out, scalar{"metrics/" + flatName(name), 0, s.metrics[name]})
	}
	front := func(name string, at func(p *store.Point) float64) {
		for i := range s.points {
			if v := at(&s.points[i]); v == v { // unknown is left out
				out = append(out, scalar{"front/" + name, i, v})
			}
		}
	}
	for _, q := range append([]policy.Quantity{policy.Quality}, policy.Spent...) {
		name := q.Column()
		if q == policy.Quality {
			name = q.String() // the mean of scores
		}
		front(name, func(p *store.Point) float64 { return p.Figures[q] })
	}
	front("coverage", func(p *store.Point) float64 { return p.Coverage })
	for _, c := range s.curves {
		stage := c.Stage
		if stage == "" {
			stage = "train"
		}
		for i, step := range c.Steps {
			out = append(out, scalar{flatName(stage) + "/" + flatName(c.Metric), step, c.Values[i]})
		}
	}
	return out
}

// flatName is a name that both tools take, without folders: "a/b" would stand in the way of a metric "a".
func flatName(name string) string { return strings.ReplaceAll(safe(name), "/", "_") }

var unsafe = regexp.MustCompile(`[^A-Za-z0-9._/-]+`)

// safe is a name that may be part of a path: other letters become '-', as in [experiment.FileName], so that names that
// differ there differ here; and no part begins with a dot.
func safe(name string) string {
	parts := strings.Split(unsafe.ReplaceAllString(name, "-"), "/")
	for i, p := range parts {
		if p == "" || strings.HasPrefix(p, ".") {
			parts[i] = "_" + strings.TrimLeft(p, ".")
		}
	}
	return strings.Join(parts, "/")
}
