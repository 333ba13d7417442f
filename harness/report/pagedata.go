package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/store"
)

// num is a figure as the page gets it: five digits, null where unknown.
type num float64

// MarshalJSON implements [json.Marshaler].
func (n num) MarshalJSON() ([]byte, error) {
	if x := float64(n); !math.IsNaN(x) && !math.IsInf(x, 0) {
		return strconv.AppendFloat(nil, x, 'g', 5, 64), nil
	}
	return []byte("null"), nil
}

// shownInterval is a figure and its bounds as readers without scripts see them.
func shownInterval(v [3]*num) string {
	text := func(x *num) string {
		if x == nil {
			return ""
		}
		return strconv.FormatFloat(float64(*x), 'g', -1, 64)
	}
	return interval(text(v[0]), text(v[1]), text(v[2]))
}

// pageRun is a run as the page gets it.
type pageRun struct {
	Name        string          `json:"name"`
	ID          string          `json:"id"`
	Description string          `json:"description"`
	Command     string          `json:"command"`
	Notices     []string        `json:"notices"`
	Manifest    json.RawMessage `json:"manifest"`
	Pools       []*pagePool     `json:"pools"`
	Prompts     *pagePrompts    `json:"prompts"`
	Counts      pageCounts      `json:"counts"`
}

type pageCounts struct{ Prompts, Train, Validation, Test int }

type pagePool struct {
	Name       string            `json:"name"`
	N          int               `json:"n"`
	Answer     string            `json:"answer"`
	Baseline   string            `json:"baseline"`
	Policies   []*pagePolicy     `json:"policies"`
	Metrics    []string          `json:"metrics"` // names of the columns
	Rows       []pageRow         `json:"rows"`
	Effects    []pageEffect      `json:"effects"`
	Categories []string          `json:"categories"`
	Curves     []pageCurve       `json:"curves"`
	Savings    []store.Saving    `json:"savings"`
	Baselines  []store.Baseline  `json:"baselines"`
	Footprints []PolicyFootprint `json:"footprints"`
	Own        json.RawMessage   `json:"own,omitempty"`
}

// pagePolicy is a policy, a single model or a reference.
type pagePolicy struct {
	Label  string      `json:"label"`
	Family string      `json:"family"`
	Kind   string      `json:"kind"` // policy, single, oracle, zero
	Points []pagePoint `json:"points"`
	Chosen []*pageCell `json:"chosen,omitempty"` // what it chose under some preferences
}

type pagePoint struct {
	Preference string `json:"p"`
	Lambda     [3]num `json:"l"` // cost, carbon, latency
	Quality    [3]num `json:"q"` // and its interval
	Cost       num    `json:"c"`
	Carbon     [3]num `json:"g"` // and its bounds
	Latency    num    `json:"t"`
	Shares     []any  `json:"s"` // model, share, model, share, …
	ByCategory []num  `json:"k,omitempty"`
	Validation num    `json:"v"` // quality on the validation prompts
}

// pageCell is what a policy chose for each test prompt under one preference: a model's number, or −1.
type pageCell struct {
	Preference string `json:"p"`
	Model      []int  `json:"m"`
	Score      []int  `json:"s"` // in thousandths, −1 unknown
	Cost       []num  `json:"c"`
	Asked      []int  `json:"a,omitempty"` // how many models were asked; absent where always one
}

type pageRow struct {
	Policy string    `json:"policy"`
	Values [][3]*num `json:"values"`
}

type pageEffect struct {
	Policy string    `json:"policy"`
	Values [][3]*num `json:"values"` // AIQ, peak, nAUC
}

type pageCurve struct {
	Policy string    `json:"policy"`
	Seed   uint64    `json:"seed"`
	Stage  string    `json:"stage"`
	Metric string    `json:"metric"`
	Steps  []int     `json:"steps"`
	Values []float64 `json:"values"`
}

// pagePrompts are the test prompts, column by column, and what every model made of them, row-major.
type pagePrompts struct {
	Models    []string `json:"models"`
	ID        []string `json:"id"`
	Category  []string `json:"category"`
	Text      []string `json:"text"`
	Reference []string `json:"reference"`
	Answers   []string `json:"answers"` // distinct ones
	Answer    []int    `json:"a"`       // [prompts × models], −1 where there is no outcome
	Score     []int    `json:"s"`       // in thousandths
	Cost      []num    `json:"c"`
}

func newPageRun(run *store.Run) (*pageRun, error) {
	m, err := run.Manifest()
	if err != nil {
		return nil, err
	}
	var config struct {
		Description string `json:"description"`
	}
	if err := json.Unmarshal(m.Config, &config); err != nil {
		return nil, fmt.Errorf("reading %s: %w", store.ManifestFile, err)
	}
	r := &pageRun{Name: m.Experiment, ID: m.Run, Description: strings.TrimSpace(config.Description), Notices: m.Notices}
	if err := json.Unmarshal(m.Data, &r.Counts); err != nil {
		return nil, fmt.Errorf("reading %s: %w", store.ManifestFile, err)
	}
	if m.File != "" {
		r.Command = "trilemma run " + m.File
		for _, s := range m.Sets {
			r.Command += " --set " + strconv.Quote(s)
		}
	}
	// Outputs are hashed again when the report has been written, itself among them.
	m.Outputs = nil
	if r.Manifest, err = json.Marshal(m); err != nil {
		return nil, err
	}
	prompts, err := run.Prompts()
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	r.Prompts = layPrompts(prompts)
	points, err := run.Points()
	if err != nil {
		return nil, err
	}
	tables, err := metricTables(run)
	if err != nil {
		return nil, err
	}
	for i := range tables {
		r.Pools = append(r.Pools, newPagePool(&tables[i], points))
	}
	for _, e := range effectsOf(tables, points) {
		p := r.pool(e.pool)
		p.Baseline = e.baseline
		for _, row := range e.rows {
			one := pageEffect{Policy: row.policy}
			for _, d := range row.diff {
				one.Values = append(one.Values, [3]*num{optional(d.diff), optional(d.diffLow), optional(d.diffHigh)})
			}
			p.Effects = append(p.Effects, one)
		}
	}
	if err := r.cells(run); err != nil {
		return nil, err
	}
	return r, r.footprint(run)
}

func (r *pageRun) pool(name string) *pagePool {
	for _, p := range r.Pools {
		if p.Name == name {
			return p
		}
	}
	return nil
}

func optional(text string) *num {
	x := num(parse(text))
	if math.IsNaN(float64(x)) {
		return nil
	}
	return &x
}

func newPagePool(t *poolTable, points []store.Point) *pagePool {
	p := &pagePool{Name: t.pool, Answer: strings.ReplaceAll(t.answer(), "`", ""), Metrics: shown}
	for i := range t.lines {
		l := &t.lines[i]
		row := pageRow{Policy: l.policy}
		for _, m := range shown {
			v := l.values[m]
			row.Values = append(row.Values, [3]*num{optional(v.value), optional(v.low), optional(v.high)})
		}
		p.Rows = append(p.Rows, row)
	}
	of := slices.DeleteFunc(slices.Clone(points), func(x store.Point) bool { return x.Pool != t.pool })
	at := map[string]*pagePolicy{}
	for _, x := range overSeeds(of) {
		p.N = max(p.N, x.N)
		one := at[x.Policy]
		if one == nil {
			one = &pagePolicy{Label: x.Policy, Family: x.Family, Kind: kindOf(&x)}
			at[x.Policy] = one
			p.Policies = append(p.Policies, one)
		}
		pt := pagePoint{
			Preference: x.Preference, Lambda: [3]num{num(x.Lambda.LambdaCost), num(x.Lambda.LambdaCarbon), num(x.Lambda.LambdaLatency)},
			Quality: [3]num{num(x.Quality), num(x.QualityLow), num(x.QualityHigh)}, Cost: num(x.CostUSD * perThousand),
			Carbon:  [3]num{num(x.CarbonG * perThousand), num(x.CarbonGLow * perThousand), num(x.CarbonGHigh * perThousand)},
			Latency: num(x.LatencySec), Validation: num(math.NaN()),
		}
		for _, s := range x.Shares {
			pt.Shares = append(pt.Shares, s.Model, num(s.Share))
		}
		one.Points = append(one.Points, pt)
	}
	return p
}

func kindOf(p *store.Point) string {
	switch p.Family {
	case metrics.Oracle:
		return "oracle"
	case metrics.ZeroRouter:
		return "zero"
	case "single":
		return "single"
	}
	return "policy"
}

func layPrompts(list []store.Prompt) *pagePrompts {
	out := &pagePrompts{}
	number, answers := map[string]int{}, map[string]int{}
	for i := range list {
		for _, o := range list[i].Outcomes {
			if _, known := number[o.Model]; !known {
				number[o.Model] = len(out.Models)
				out.Models = append(out.Models, o.Model)
			}
		}
	}
	for i := range list {
		p := &list[i]
		out.ID, out.Category = append(out.ID, p.ID), append(out.Category, p.Category)
		out.Text, out.Reference = append(out.Text, p.Text), append(out.Reference, p.Reference)
		at := len(out.Answer)
		for range out.Models {
			out.Answer, out.Score, out.Cost = append(out.Answer, -1), append(out.Score, -1), append(out.Cost, num(math.NaN()))
		}
		for _, o := range p.Outcomes {
			k, known := answers[o.Answer]
			if !known {
				k = len(out.Answers)
				answers[o.Answer] = k
				out.Answers = append(out.Answers, o.Answer)
			}
			m := at + number[o.Model]
			out.Answer[m], out.Score[m], out.Cost[m] = k, thousandths(o.Score), num(o.CostUSD)
		}
	}
	return out
}

func thousandths(x float32) int {
	if x != x {
		return -1
	}
	return int(math.Round(float64(x) * 1000))
}
