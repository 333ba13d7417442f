package page

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/report/footprint"
	"github.com/trilemma-bench/trilemma/harness/report/leaderboard"

	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
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
	return leaderboard.Interval(text(v[0]), text(v[1]), text(v[2]))
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

type pageCounts = leaderboard.SplitCounts

type pagePool struct {
	Name       string                      `json:"name"`
	N          int                         `json:"n"`
	Answer     string                      `json:"answer"`
	Baseline   string                      `json:"baseline"`
	Policies   []*pagePolicy               `json:"policies"`
	Notes      []string                    `json:"notes"`
	Older      bool                        `json:"older,omitempty"` // settings were chosen on test
	Metrics    []string                    `json:"metrics"`         // names of the columns
	Hindsight  []string                    `json:"hindsight"`       // those of the columns in hindsight
	Rows       []pageRow                   `json:"rows"`
	Effects    []pageEffect                `json:"effects"`
	EffectOf   []string                    `json:"effect_of"` // what the effects are differences of
	Categories []string                    `json:"categories"`
	Curves     []pageCurve                 `json:"curves"`
	Savings    []store.Saving              `json:"savings"`
	Baselines  []store.Baseline            `json:"baselines"`
	Footprints []footprint.PolicyFootprint `json:"footprints"`
	Said       []string                    `json:"said"` // what the figures of savings are, and what pays them back
	Own        json.RawMessage             `json:"own,omitempty"`
}

// pagePolicy is a policy, a single model or a reference.
type pagePolicy struct {
	Label  string      `json:"label"`
	Family string      `json:"family"`
	Kind   string      `json:"kind"` // policy, single, oracle, zero
	Role   string      `json:"role"` // of [metrics.Role]
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
	Selection  [4]num `json:"v"`           // quality, cost, emissions and latency on the selection prompts
	Chosen     int    `json:"h,omitempty"` // on the hull over them of quality and cost (1), of quality and emissions (2)
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
	Policy    string    `json:"policy"` // marked as in the other tables
	Role      string    `json:"role"`
	N         int       `json:"n"`
	Values    [][3]*num `json:"values"`
	Hindsight [][3]*num `json:"hindsight"`
}

type pageEffect struct {
	Policy string    `json:"policy"`
	Values [][3]*num `json:"values"` // by effect_of
	Clear  []bool    `json:"clear"`  // of chance, corrected
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
	tables, err := leaderboard.Read(run)
	if err != nil {
		return nil, err
	}
	selected, err := leaderboard.ReadSelections(run)
	if err != nil {
		return nil, err
	}
	for i := range tables {
		r.Pools = append(r.Pools, newPagePool(&tables[i], points, selected))
	}
	for _, e := range leaderboard.EffectsOf(tables) {
		p := r.pool(e.Pool)
		p.Baseline = e.Baseline
		for _, c := range e.Columns {
			p.EffectOf = append(p.EffectOf, c.Print)
		}
		for _, row := range e.Rows {
			one := pageEffect{Policy: row.Policy, Clear: row.Clear}
			for _, d := range row.Diff {
				one.Values = append(one.Values, [3]*num{optional(d.Diff), optional(d.DiffLow), optional(d.DiffHigh)})
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
	x := num(leaderboard.Parse(text))
	if math.IsNaN(float64(x)) {
		return nil
	}
	return &x
}

func bounded(p *store.Point, q policy.Quantity, factor float64) [3]num {
	return [3]num{num(p.Figures[q] * factor), num(p.Low[q] * factor), num(p.High[q] * factor)}
}

func newPagePool(t *leaderboard.Table, points []store.Point, selected leaderboard.Selections) *pagePool {
	p := &pagePool{Name: t.Pool, Answer: strings.ReplaceAll(t.Answer(), "`", ""), Notes: t.Notes(), Older: t.Older}
	main, hindsight := t.Columns(leaderboard.MainColumns), t.Columns(leaderboard.HindsightColumns)
	for _, c := range main {
		p.Metrics = append(p.Metrics, c.Print)
	}
	for _, c := range hindsight {
		p.Hindsight = append(p.Hindsight, c.Print)
	}
	for i := range t.Lines {
		l := &t.Lines[i]
		p.Rows = append(p.Rows, pageRow{Policy: l.Name(), Role: string(l.Role), N: l.N, Values: figures(l, main), Hindsight: figures(l, hindsight)})
	}
	of := leaderboard.OverSeeds(leaderboard.InPool(points, t.Pool))
	byCost := selected.ChosenBy(of, policy.Cost)
	byCarbon := selected.ChosenBy(of, policy.Carbon)
	at := map[string]*pagePolicy{}
	for _, x := range of {
		p.N = max(p.N, x.N)
		one := at[x.Policy]
		if one == nil {
			one = &pagePolicy{Label: x.Policy, Family: x.Family, Kind: kindOf(&x)}
			if l := t.Line(x.Policy); l != nil {
				one.Role = string(l.Role)
			}
			at[x.Policy] = one
			p.Policies = append(p.Policies, one)
		}
		pt := pagePoint{
			Preference: x.Preference, Lambda: [3]num{num(x.Lambda[policy.Cost]), num(x.Lambda[policy.Carbon]), num(x.Lambda[policy.Latency])},
			Quality: bounded(&x, policy.Quality, 1), Cost: num(x.Figures[policy.Cost] * leaderboard.PerThousand), Carbon: bounded(&x, policy.Carbon, leaderboard.PerThousand),
			Latency: num(x.Figures[policy.Latency]), Selection: [4]num{num(math.NaN()), num(math.NaN()), num(math.NaN()), num(math.NaN())},
		}
		if s, ok := selected[leaderboard.KeyOf(&x)]; ok {
			pt.Selection = [4]num{num(s.Figures[policy.Quality]), num(s.Figures[policy.Cost] * leaderboard.PerThousand), num(s.Figures[policy.Carbon] * leaderboard.PerThousand), num(s.Figures[policy.Latency])}
		}
		for bit, chosen := range []map[leaderboard.SettingKey]bool{byCost, byCarbon} {
			if chosen[leaderboard.KeyOf(&x)] {
				pt.Chosen |= 1 << bit
			}
		}
		for _, s := range x.Shares {
			pt.Shares = append(pt.Shares, s.Model, num(s.Share))
		}
		one.Points = append(one.Points, pt)
	}
	return p
}

// figures are a line's values by column, each with its bounds.
func figures(l *leaderboard.Line, of []leaderboard.Column) [][3]*num {
	var out [][3]*num
	for _, c := range of {
		v := l.Values[c.Metric]
		out = append(out, [3]*num{optional(v.Value), optional(v.Low), optional(v.High)})
	}
	return out
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
