package browse

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/trilemma-bench/trilemma/harness/compare"
	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/report"
	"github.com/trilemma-bench/trilemma/harness/report/leaderboard"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// comparison is several runs side by side, as the page gets them.
type comparison struct {
	Runs     []comparedRun `json:"runs"`
	Settings []setting     `json:"settings"`
}

// setting is what the runs do not share: a value for each, nil where a run has none.
type setting struct {
	What   string    `json:"what"`
	Values []*string `json:"values"` // JSON, or a plain text
}

// comparedRun is one run; of one that has not finished, the points of the cells that are done.
type comparedRun struct {
	Experiment string         `json:"experiment"`
	ID         string         `json:"id"`
	State      string         `json:"state"`
	Done       int            `json:"done"`
	Total      int            `json:"total"`
	Started    *time.Time     `json:"started,omitempty"`
	Finished   bool           `json:"finished"` // its tables are written
	Problem    string         `json:"problem,omitempty"`
	Pools      []comparedPool `json:"pools"`
}

type comparedPool struct {
	Name     string           `json:"name"`
	Controls []string         `json:"controls"` // policies that know nothing of prompts; of a finished run
	Points   []comparedPoint  `json:"points"`
	Metrics  []comparedMetric `json:"metrics"`
}

// comparedPoint is one setting of a policy on the test prompts, seeds averaged; money and grams are for a thousand prompts.
type comparedPoint struct {
	Policy  string      `json:"policy"`
	Family  string      `json:"family"`
	Setting string      `json:"setting"` // what its preference means
	Prompts int         `json:"n"`
	Quality [3]*float64 `json:"quality"` // with its interval
	Cost    *float64    `json:"cost"`
	Carbon  *float64    `json:"carbon"`
	Latency *float64    `json:"latency"`
	// By what the point was chosen on the selection prompts, among the settings of its policy: cost, carbon.
	Chosen []string `json:"chosen"`
}

type comparedMetric struct {
	Policy string      `json:"policy"`
	Metric string      `json:"metric"`
	Title  string      `json:"title"`
	Value  [3]*float64 `json:"value"` // with its interval
	Lower  bool        `json:"lower"` // is better
}

// compare is the page; what it shows comes from compare.json.
func (s *Server) compare(w http.ResponseWriter, r *http.Request) error {
	runs, err := s.named(r.URL.Query()["run"])
	if err != nil {
		return err
	}
	if len(runs) == 0 {
		return fmt.Errorf("a comparison needs at least one run: choose some in the table: %w", errUnknown)
	}
	return render(w, "compare", map[string]any{"Back": back(r.URL)})
}

// back is the table as it was when a page was opened: every page's address carries the table's state along.
func back(from *url.URL) string {
	table := url.Values{}
	for _, name := range []string{"q", "sort", "run", "all"} {
		if values := from.Query()[name]; len(values) > 0 {
			table[name] = values
		}
	}
	if len(table) == 0 {
		return "/"
	}
	return "/?" + table.Encode()
}

func (s *Server) comparison(w http.ResponseWriter, r *http.Request) error {
	runs, err := s.named(r.URL.Query()["run"])
	if err != nil {
		return err
	}
	rows := s.table.read(time.Now(), runs)
	out := comparison{Runs: []comparedRun{}, Settings: []setting{}}
	facts := make([]map[string]string, len(runs))
	for i, run := range runs {
		row := &rows[i]
		one := comparedRun{
			Experiment: row.Experiment, ID: row.ID, State: row.State, Done: row.Done, Total: row.Total, Started: row.Started, Finished: row.finished, Problem: row.Problem, Pools: []comparedPool{},
		}
		if pools, err := comparedPools(run, row.finished); err != nil {
			one.Problem = cmp.Or(one.Problem, err.Error())
		} else {
			one.Pools = append(one.Pools, pools...)
		}
		if m, err := run.Manifest(); err == nil {
			// A run whose settings cannot be read has none to compare; its row says so.
			facts[i], _ = compare.Facts(&m)
		}
		out.Runs = append(out.Runs, one)
	}
	for _, what := range differing(facts) {
		one := setting{What: what}
		for _, f := range facts {
			var value *string
			if v, ok := f[what]; ok {
				value = &v
			}
			one.Values = append(one.Values, value)
		}
		out.Settings = append(out.Settings, one)
	}
	return asJSON(w, out)
}

// differing names what not all have with one value, in order.
func differing(of []map[string]string) []string {
	values := map[string]map[string]int{}
	for _, f := range of {
		for what, value := range f {
			if values[what] == nil {
				values[what] = map[string]int{}
			}
			values[what][value]++
		}
	}
	var out []string
	for what, seen := range values {
		for _, n := range seen {
			if n != len(of) {
				out = append(out, what)
				break
			}
		}
	}
	slices.Sort(out)
	return out
}

// comparedPools reads the points of a run, and its metrics where they are written.
func comparedPools(run *store.Run, complete bool) ([]comparedPool, error) {
	plan, err := run.Plan()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // it is written before the first cell
	}
	if err != nil {
		return nil, err
	}
	points, _ := run.Gather(plan)
	if complete {
		if points, err = run.Points(); err != nil {
			return nil, err
		}
	}
	selected, err := leaderboard.ReadSelections(run)
	if err != nil {
		return nil, err
	}
	var tables []leaderboard.Table
	if complete {
		if tables, err = leaderboard.Read(run); err != nil {
			return nil, err
		}
	}
	var out []comparedPool
	for _, name := range leaderboard.Pools(points) {
		pool := comparedPool{Name: name, Controls: []string{}, Metrics: []comparedMetric{}}
		means := leaderboard.OverSeeds(leaderboard.InPool(points, name))
		byCost, byCarbon := selected.ChosenBy(means, policy.Cost), selected.ChosenBy(means, policy.Carbon)
		for i := range means {
			p := &means[i]
			if p.Family == metrics.Oracle || p.Family == metrics.ZeroRouter {
				continue // bounds and references, not what a run decided
			}
			one := comparedPoint{
				Policy: p.Policy, Family: p.Family, Setting: p.Setting(), Prompts: p.N, Chosen: []string{},
				Quality: [3]*float64{store.Known(p.Figures[policy.Quality]), store.Known(p.Low[policy.Quality]), store.Known(p.High[policy.Quality])},
				Cost:    store.Known(p.Figures[policy.Cost] * leaderboard.PerThousand), Carbon: store.Known(p.Figures[policy.Carbon] * leaderboard.PerThousand),
				Latency: store.Known(p.Figures[policy.Latency]),
			}
			if byCost[leaderboard.KeyOf(p)] {
				one.Chosen = append(one.Chosen, "cost")
			}
			if byCarbon[leaderboard.KeyOf(p)] {
				one.Chosen = append(one.Chosen, "carbon")
			}
			pool.Points = append(pool.Points, one)
		}
		for i := range tables {
			if tables[i].Pool != name {
				continue
			}
			pool.Metrics = append(pool.Metrics, comparedMetrics(&tables[i], means)...)
			for k := range tables[i].Lines {
				if l := &tables[i].Lines[k]; l.Role == metrics.RoleControl {
					pool.Controls = append(pool.Controls, l.Policy())
				}
			}
		}
		out = append(out, pool)
	}
	return out, nil
}

// comparedMetrics are the main metrics of the pool's policies, in the order of the experiment.
func comparedMetrics(t *leaderboard.Table, means []store.Point) []comparedMetric {
	var out []comparedMetric
	seen := map[string]bool{}
	for i := range means {
		label := means[i].Policy
		line := t.Line(label)
		if line == nil || seen[label] {
			continue
		}
		seen[label] = true
		for _, c := range t.Columns(leaderboard.MainColumns) {
			v := line.Values[c.Metric]
			x := store.Known(leaderboard.Parse(v.Value))
			if x == nil {
				continue
			}
			out = append(out, comparedMetric{
				Policy: label, Metric: c.Metric, Title: c.Print, Lower: metrics.LowerIsBetter[c.Metric],
				Value: [3]*float64{x, store.Known(leaderboard.Parse(v.Low)), store.Known(leaderboard.Parse(v.High))},
			})
		}
	}
	return out
}

// changes is what changed in a pool from one run to another, with intervals paired by prompts. It takes seconds, for a large
// run more: one at a time, and a second question gets the same answer.
func (s *Server) changes(w http.ResponseWriter, r *http.Request) error {
	names, pool := r.URL.Query()["run"], r.URL.Query().Get("pool")
	runs, err := s.named(names)
	if err != nil {
		return err
	}
	if len(runs) != 2 {
		return fmt.Errorf("a change is between two runs, not of %d: %w", len(runs), errUnknown)
	}
	key := pool
	for _, run := range runs {
		m, err := run.Manifest()
		if err != nil {
			return fmt.Errorf("%w: %w", errUnlike, err)
		}
		key += "\x00" + run.Dir + m.Started.String()
		if m.Finished != nil {
			key += m.Finished.String()
		}
	}
	s.comparing.Lock()
	defer s.comparing.Unlock()
	if r.Context().Err() != nil {
		return nil // who asked has left while it waited
	}
	answer, known := s.changed[key]
	if !known {
		c, err := compare.Runs(runs[0], runs[1], compare.Options{Seed: 1, Resamples: s.Resamples, Pool: pool})
		if err != nil {
			return fmt.Errorf("%w: %w", errUnlike, err)
		}
		var out bytes.Buffer
		if err := report.ComparisonJSON(&out, c); err != nil {
			return err
		}
		answer = out.Bytes()
		s.changed[key] = answer
	}
	return asJSON(w, json.RawMessage(answer))
}

// named opens the runs that a query names as experiment/id.
func (s *Server) named(names []string) ([]*store.Run, error) {
	if len(names) > mostRuns {
		return nil, fmt.Errorf("%d runs are more than the %d that can be told apart: %w", len(names), mostRuns, errUnlike)
	}
	var runs []*store.Run
	for _, name := range names {
		experiment, id, _ := strings.Cut(name, "/")
		run, err := s.open(experiment, id)
		if err != nil {
			return nil, err
		}
		runs = append(runs, run)
	}
	return runs, nil
}

// mostRuns is how many runs are laid over each other: one for each dash and marker.
const mostRuns = 8

// errUnlike is wrapped where runs cannot be compared.
var errUnlike = errors.New("these runs cannot be compared")
