package page

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
	"github.com/trilemma-bench/trilemma/harness/plot"
	"github.com/trilemma-bench/trilemma/harness/report/footprint"
	"github.com/trilemma-bench/trilemma/harness/report/leaderboard"
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
	Name     string          `json:"name"`
	ID       string          `json:"id"`
	About    string          `json:"about"`
	Command  string          `json:"command"`
	Notices  []string        `json:"notices"`
	Manifest json.RawMessage `json:"manifest"`
	Pools    []*pagePool     `json:"pools"`
	Models   []pageModel     `json:"models"` // cheap to dear
	Looks    []pageLook      `json:"looks"`
	Prompts  *pagePrompts    `json:"prompts"`
	Counts   pageCounts      `json:"counts"`
}

// pageModel is a model and its look.
type pageModel struct {
	ID   string `json:"id"`
	Look int    `json:"look"`
}

type pageCounts = leaderboard.SplitCounts

type pagePool struct {
	Name       string             `json:"name"`
	N          int                `json:"n"`
	Lead       []string           `json:"lead"` // the answer, and what must be said before it
	More       []string           `json:"more"`
	Head       []string           `json:"head"`  // of the tables of whom to deploy
	Short      []pageChoice       `json:"short"` // the rows for the top
	All        []pageChoice       `json:"all"`
	Rule       string             `json:"rule"`  // how their settings were chosen
	Words      map[string]string  `json:"words"` // what a preference means, for tables
	Means      map[string]string  `json:"means"` // and in a clause of its own
	Baseline   string             `json:"baseline"`
	Policies   []*pagePolicy      `json:"policies"`
	Notes      []string           `json:"notes"`
	Older      bool               `json:"older,omitempty"` // settings were chosen on test
	Metrics    []string           `json:"metrics"`         // names of the columns
	Hindsight  []string           `json:"hindsight"`       // those of the columns in hindsight
	Rows       []pageRow          `json:"rows"`
	Effects    []pageEffect       `json:"effects"`
	EffectOf   []string           `json:"effect_of"` // what the effects are differences of
	Categories []string           `json:"categories"`
	Curves     []pageCurve        `json:"curves"`
	Savings    []store.Saving     `json:"savings"`
	Baselines  []store.Baseline   `json:"baselines"`
	Footprints []footprint.Policy `json:"footprints"`
	Said       []string           `json:"said"` // what the figures of savings are, and what pays them back
	Own        json.RawMessage    `json:"own,omitempty"`
}

// pageChoice is a row of whom to deploy.
type pageChoice struct {
	Cells []string `json:"cells"`
	Role  string   `json:"role"`
}

// pagePolicy is a policy, a single model or a reference.
type pagePolicy struct {
	Label  string      `json:"label"`
	Family string      `json:"family"`
	Kind   string      `json:"kind"` // policy, single, oracle, zero
	Look   int         `json:"look"` // of the run's looks
	Role   string      `json:"role"` // of [metrics.Role]
	Points []pagePoint `json:"points"`
	Chosen []*pageCell `json:"chosen,omitempty"` // what it chose under some preferences
}

// pageLook is what tells a policy or a model from others, as in the run's plots.
type pageLook struct {
	Colour string `json:"c"` // on white
	OnDark string `json:"d"` // on a dark page
	Ink    string `json:"i"` // of text on white
	Marker string `json:"m"` // a path about the origin
	Hollow bool   `json:"h,omitempty"`
}

// look is the place of a look in the page's list.
func (r *pageRun) look(l plot.Look) int {
	one := pageLook{l.CSS(), l.CSSOnDark(), l.CSSInk(), l.Marker.SVG(), l.Marker.Hollow}
	if i := slices.Index(r.Looks, one); i >= 0 {
		return i
	}
	r.Looks = append(r.Looks, one)
	return len(r.Looks) - 1
}

type pagePoint struct {
	Preference string `json:"p"`
	Lambda     [4]num `json:"l"` // cost, carbon, latency, water
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
	Carbon     []num  `json:"g,omitempty"` // where the preference weighs it, as the next
	Latency    []num  `json:"t,omitempty"`
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
	Carbon    []num    `json:"g,omitempty"` // where a preference of the run weighs it, as the next
	Latency   []num    `json:"t,omitempty"`
}

func newPageRun(run *store.Run) (*pageRun, error) {
	m, err := run.Manifest()
	if err != nil {
		return nil, err
	}
	about, err := m.About()
	if err != nil {
		return nil, err
	}
	r := &pageRun{Name: m.Experiment, ID: m.Run, About: strings.ReplaceAll(about, "`", ""), Notices: m.Notices, Command: m.Command()}
	if err := json.Unmarshal(m.Data, &r.Counts); err != nil {
		return nil, fmt.Errorf("reading %s: %w", store.ManifestFile, err)
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
	points, err := run.Points()
	if err != nil {
		return nil, err
	}
	weighed := func(q policy.Quantity) bool {
		return slices.ContainsFunc(points, func(p store.Point) bool { return p.Lambda[q] != 0 })
	}
	r.Prompts = layPrompts(prompts, weighed(policy.Carbon), weighed(policy.Latency))
	tables, err := leaderboard.Read(run)
	if err != nil {
		return nil, err
	}
	selected, err := leaderboard.ReadSelections(run)
	if err != nil {
		return nil, err
	}
	choices, err := leaderboard.ReadChoices(run, tables)
	if err != nil {
		return nil, err
	}
	twins, err := leaderboard.Twins(run, tables)
	if err != nil {
		return nil, err
	}
	looks, err := leaderboard.LooksOf(run)
	if err != nil {
		return nil, err
	}
	for _, id := range looks.Models() {
		r.Models = append(r.Models, pageModel{id, r.look(looks.Model(id))})
	}
	for i := range tables {
		p := r.newPool(&tables[i], points, selected, looks)
		p.say(&tables[i], &choices[i], twins[tables[i].Pool])
		r.Pools = append(r.Pools, p)
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

// say adds what the pool came to, and whom to deploy.
func (p *pagePool) say(t *leaderboard.Table, c *leaderboard.Choices, twins []leaderboard.Twin) {
	p.Lead, p.More = t.Sentences(twins)
	for _, list := range [][]string{p.Lead, p.More} {
		for i := range list {
			list[i] = strings.ReplaceAll(list[i], "`", "")
		}
	}
	rows := func(of []leaderboard.Choice) (out []pageChoice) {
		for i := range of {
			out = append(out, pageChoice{of[i].Cells(), of[i].Role})
		}
		return out
	}
	short := c.Short()
	p.Head, p.Rule, p.Short, p.All = c.Head(), c.Rule(short), rows(short), rows(c.Rows)
}

func (r *pageRun) newPool(t *leaderboard.Table, points []store.Point, selected leaderboard.Selections, looks *plot.Looks) *pagePool {
	p := &pagePool{Name: t.Pool, Notes: t.Notes(), Older: t.Older, Words: map[string]string{}, Means: map[string]string{}}
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
		p.Words[x.Preference], p.Means[x.Preference] = x.PointWorth(), x.Setting()
		one := at[x.Policy]
		if one == nil {
			one = &pagePolicy{Label: x.Policy, Family: x.Family, Kind: kindOf(&x)}
			if l := t.Line(x.Policy); l != nil {
				one.Role = string(l.Role)
			}
			if one.Look = r.look(looks.Policy(x.Policy)); one.Kind == "single" {
				one.Look = r.look(looks.Model(strings.TrimPrefix(x.Policy, metrics.SinglePrefix)))
			}
			at[x.Policy] = one
			p.Policies = append(p.Policies, one)
		}
		pt := pagePoint{
			Preference: x.Preference, Lambda: [4]num{num(x.Lambda[policy.Cost]), num(x.Lambda[policy.Carbon]), num(x.Lambda[policy.Latency]), num(x.Lambda[policy.Water])},
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

func layPrompts(list []store.Prompt, carbon, latency bool) *pagePrompts {
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
			if carbon {
				out.Carbon = append(out.Carbon, num(math.NaN()))
			}
			if latency {
				out.Latency = append(out.Latency, num(math.NaN()))
			}
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
			if carbon {
				out.Carbon[m] = num(o.CarbonG)
			}
			if latency {
				out.Latency[m] = num(o.LatencySec)
			}
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
