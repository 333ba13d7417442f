package leaderboard

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// shortRows is how many rows the table at the top of a report has: policies, the best single model, and the mix of models.
const shortRows = 6

// Choice is one row of the question whom to deploy: a policy at one setting, chosen outside of test.
type Choice struct {
	Name    string     `json:"policy"` // marked as in the other tables
	Role    string     `json:"role"`
	Setting string     `json:"setting"` // what 1 point of quality is worth
	Key     string     `json:"key"`     // the preference's label
	Quality [3]float64 `json:"-"`       // with its 95 % interval; NaN where unknown, as all here
	Diff    [3]float64 `json:"-"`       // of quality to the baseline's
	CostUSD float64    `json:"-"`       // per 1,000 prompts, as the next
	CarbonG float64    `json:"-"`
	AIQ     [3]float64 `json:"-"`
	line    *Line
}

// Choices are the rows of a pool.
type Choices struct {
	Pool string
	// Baseline is the model whose quality settings were chosen to keep; "" where none is known.
	Baseline string
	rule, or string // how settings were chosen, and how where none keeps the quality
	Rows     []Choice
	short    []int // rows of the table at the top
	metric   Column
}

// notKept marks a policy without a setting that keeps the baseline's quality.
const notKept = "°"

// ReadChoices finds for every policy of a finished run the setting that one would deploy, by the selection prompts: of those
// that keep the quality of the best single model, the one of least carbon, and of equals the cheapest, as savings.json has
// it; where no setting keeps it, the one of best quality, and of equals the cheapest.
func ReadChoices(run *store.Run, tables []Table) ([]Choices, error) {
	points, err := run.Points()
	if err != nil {
		return nil, err
	}
	selected, err := ReadSelections(run)
	if err != nil {
		return nil, err
	}
	saved, err := run.Savings()
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var out []Choices
	for i := range tables {
		out = append(out, choicesOf(&tables[i], OverSeeds(InPool(points, tables[i].Pool)), selected, &saved))
	}
	return out, nil
}

// bestSingle is the baseline that savings name so.
const bestSingle = "best single"

func choicesOf(t *Table, points []store.Point, selected Selections, saved *store.Savings) Choices {
	c := Choices{Pool: t.Pool, metric: t.headline()}
	for _, b := range saved.Baselines {
		if b.Pool == t.Pool && b.Name == bestSingle {
			c.Baseline = b.What
		}
	}
	for i := range t.Lines {
		row := choiceOf(&t.Lines[i], t, points, selected, saved, c.Baseline != "")
		row.AIQ = numbers(t.Lines[i].Values[c.metric.Metric])
		if c.Baseline != "" && t.Lines[i].policy == metrics.SinglePrefix+c.Baseline {
			row.Diff = [3]float64{}
		}
		c.Rows = append(c.Rows, row)
	}
	c.short = c.pick(t)
	best := "the setting of best quality on the selection prompts, of equals the cheapest"
	if len(selected) == 0 {
		best = "the setting of best quality on the test prompts, in hindsight, of equals the cheapest"
	}
	if c.Baseline == "" {
		c.rule = "Each policy at " + best + "."
		return c
	}
	c.or = " " + notKept + " no setting keeps it: " + best + "."
	c.rule = fmt.Sprintf("Each policy at the setting of least carbon (of equals, or where none is known, the cheapest) that keeps the mean score of %s, the best single model, on the selection prompts. Difference: in quality to %s on the test prompts, paired over prompts.", c.Baseline, c.Baseline)
	return c
}

// Rule says how the settings of some rows were chosen.
func (c *Choices) Rule(rows []Choice) string {
	if slices.ContainsFunc(rows, func(r Choice) bool { return strings.HasSuffix(r.Name, notKept) }) {
		return c.rule + c.or
	}
	return c.rule
}

func numbers(v measured) [3]float64 { return [3]float64{Parse(v.Value), Parse(v.Low), Parse(v.High)} }

func unknown3() [3]float64 { return [3]float64{math.NaN(), math.NaN(), math.NaN()} }

func choiceOf(l *Line, t *Table, points []store.Point, selected Selections, saved *store.Savings, based bool) Choice {
	row := Choice{Name: l.Name(), Role: string(l.Role), Quality: unknown3(), Diff: unknown3(), CostUSD: math.NaN(), CarbonG: math.NaN(), line: l}
	if l.policy == metrics.ZeroRouter {
		row.Name = "zero-router (mix of single models)"
		return row // a curve, of which no point is a setting to be deployed
	}
	own := slices.DeleteFunc(slices.Clone(points), func(p store.Point) bool { return p.Policy != l.policy })
	var saving *store.Saving
	for i := range saved.Savings {
		s := &saved.Savings[i]
		if s.Pool == t.Pool && s.Policy == l.policy && s.Baseline == bestSingle && s.ChosenOn == store.OnSelection && (saving == nil || s.Seeds > saving.Seeds) {
			saving = s
		}
	}
	at := bestOf(own, selected)
	if saving != nil {
		row.Key, row.Setting = saving.Preference, "by seed"
		if k := slices.IndexFunc(own, func(p store.Point) bool { return p.Preference == saving.Preference }); k >= 0 {
			at = k
			row.Setting = own[k].PointWorth()
		} else {
			at = -1 // each seed has a setting of its own
		}
		row.Quality[0] = saving.Quality
		row.Diff = [3]float64{saving.QualityDiff, store.OrNaN(saving.QualityDiffLow), store.OrNaN(saving.QualityDiffHigh)}
		row.CostUSD, row.CarbonG = PerThousand*store.OrNaN(saving.CostUSD), PerThousand*store.OrNaN(saving.CarbonG)
	} else if single := strings.HasPrefix(l.policy, metrics.SinglePrefix); based && !single && l.Role != metrics.RoleOracle && len(own) > 0 {
		row.Name += notKept
	}
	if at < 0 {
		return row
	}
	p := &own[at]
	row.Key = p.Preference
	row.Setting = p.PointWorth()
	row.Quality = [3]float64{p.Figures[policy.Quality], p.Low[policy.Quality], p.High[policy.Quality]}
	if !(p.Low[policy.Quality] < p.High[policy.Quality]) {
		row.Quality[1], row.Quality[2] = math.NaN(), math.NaN()
	}
	row.CostUSD, row.CarbonG = PerThousand*p.Figures[policy.Cost], PerThousand*p.Figures[policy.Carbon]
	if strings.HasPrefix(l.policy, metrics.SinglePrefix) {
		row.Setting = "–"
	}
	return row
}

// bestOf is the setting of best quality on the selection prompts, on test where there are none; of equals the cheapest, then
// the one of least carbon. −1 where nothing is known.
func bestOf(points []store.Point, selected Selections) int {
	best := -1
	by := func(i int) policy.Figures {
		if s, ok := selected[KeyOf(&points[i])]; ok {
			return s.Figures
		}
		return points[i].Figures
	}
	for i := range points {
		if f := by(i); math.IsNaN(f[policy.Quality]) {
			continue
		} else if best < 0 || better(f, by(best)) {
			best = i
		}
	}
	return best
}

// better tells whether figures are of higher quality, of equal quality cheaper, then of less carbon.
func better(a, b policy.Figures) bool {
	return cmp.Or(cmp.Compare(b[policy.Quality], a[policy.Quality]), cmp.Compare(or(a[policy.Cost]), or(b[policy.Cost])), cmp.Compare(or(a[policy.Carbon]), or(b[policy.Carbon]))) < 0
}

// or is a figure, endless where it is unknown.
func or(x float64) float64 {
	if math.IsNaN(x) {
		return math.Inf(1)
	}
	return x
}

// pick chooses the rows of the short table: the two that the selection prompts put first, then the other ranked policies by
// the headline metric, the experiment's baseline among them; then the best single model and the mix of single models.
func (c *Choices) pick(t *Table) []int {
	var ranked, rest []int
	experiment := ""
	for i := range t.Lines {
		l := &t.Lines[i]
		experiment = cmp.Or(experiment, l.Values[c.metric.Metric].baseline)
		switch {
		case l.candidate():
			ranked = append(ranked, i)
		case l.policy == metrics.SinglePrefix+c.Baseline || l.policy == metrics.ZeroRouter && c.Rows[i].AIQ[0] == c.Rows[i].AIQ[0]:
			rest = append(rest, i)
		}
	}
	b := t.best()
	place := func(i int) int {
		switch {
		case b != nil && t.Lines[i].policy == b.Policy:
			return 0
		case b != nil && t.Lines[i].policy == b.Second:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(ranked, func(a, b int) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(c.Rows[b].AIQ[0], c.Rows[a].AIQ[0]))
	})
	if room := shortRows - len(rest); len(ranked) > room {
		at := slices.IndexFunc(ranked, func(i int) bool { return t.Lines[i].policy == experiment })
		if at >= room {
			ranked[room-1] = ranked[at]
		}
		ranked = ranked[:room]
	}
	return append(ranked, rest...)
}

// Short are the rows of the table at the top.
func (c *Choices) Short() []Choice {
	var out []Choice
	for _, i := range c.short {
		out = append(out, c.Rows[i])
	}
	return out
}

// Head names the columns of a table of choices.
func (c *Choices) Head() []string {
	diff := "difference"
	if c.Baseline != "" {
		diff = "− " + c.Baseline
	}
	return []string{"policy", "setting: 1 point of quality is worth", "quality", diff, "USD/1k", "gCO2e/1k", c.metric.Print}
}

// Cells are a row's, as text.
func (r *Choice) Cells() []string {
	return []string{r.Name, cmp.Or(r.Setting, "–"), Bounded(r.Quality), cmp.Or(signedOf(r.Diff), "–"), amount(r.CostUSD), amount(r.CarbonG), Bounded(r.AIQ)}
}

// Writer lays rows out for the terminal and for Markdown. A column of which nothing is known is left out.
func (c *Choices) Writer(rows []Choice) table.Writer {
	w := table.NewWriter()
	w.SetStyle(table.StyleLight)
	w.Style().Format.Header = text.FormatDefault
	head := c.Head()
	var cells [][]string
	for i := range rows {
		cells = append(cells, rows[i].Cells())
	}
	row := func(of []string) table.Row {
		var out table.Row
		for k, x := range of {
			if k == 0 || slices.ContainsFunc(cells, func(r []string) bool { return r[k] != "–" }) {
				out = append(out, x)
			}
		}
		return out
	}
	w.AppendHeader(row(head))
	for _, r := range cells {
		w.AppendRow(row(r))
	}
	var aligned []table.ColumnConfig
	for k := 2; k < len(row(head)); k++ {
		aligned = append(aligned, table.ColumnConfig{Number: k + 1, Align: text.AlignRight})
	}
	w.SetColumnConfigs(aligned)
	return w
}

// Bounded is a figure with its interval; "–" where it is unknown.
func Bounded(v [3]float64) string {
	switch {
	case math.IsNaN(v[0]):
		return "–"
	case math.IsNaN(v[1]) && math.IsNaN(v[2]):
		return fmt.Sprintf("%.3f", v[0])
	}
	return strings.ReplaceAll(fmt.Sprintf("%.3f [%.3f, %.3f]", v[0], v[1], v[2]), "-", "−")
}

// signedOf is a difference with its interval; "" where it is unknown.
func signedOf(v [3]float64) string {
	switch {
	case math.IsNaN(v[0]):
		return ""
	case v == [3]float64{}:
		return "0"
	case math.IsNaN(v[1]) || math.IsNaN(v[2]):
		return strings.ReplaceAll(fmt.Sprintf("%+.3f", v[0]), "-", "−")
	}
	return strings.ReplaceAll(fmt.Sprintf("%+.3f [%+.3f, %+.3f]", v[0], v[1], v[2]), "-", "−")
}

// amount writes an amount with three digits; "–" where it is unknown.
func amount(x float64) string {
	switch {
	case math.IsNaN(x):
		return "–"
	case x >= 1000:
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}
