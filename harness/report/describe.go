package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/trilemma-bench/trilemma/harness/billing"
	"github.com/trilemma-bench/trilemma/harness/coverage"
	"github.com/trilemma-bench/trilemma/harness/pareto"
	"github.com/trilemma-bench/trilemma/harness/plot"
	"github.com/trilemma-bench/trilemma/harness/replay"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/harness/textfile"
	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// ModelSummary is one model over the prompts that it answered: answers are those with a score, whatever is known of their
// cost. The other means are over the answers whose figure is known, null in JSON where none is.
type ModelSummary struct {
	ID       string   `json:"model"`
	Answers  int      `json:"answers"`
	Coverage float64  `json:"coverage"`
	Score    *float64 `json:"score"`
	OverAll  *float64 `json:"score_over_all"` // what it comes to over all prompts, from those that it answered
	// Costed is how many answers have a known cost.
	Costed     int      `json:"answers_with_cost"`
	CostUSD    *float64 `json:"cost_usd"`
	EnergyWh   *float64 `json:"energy_wh"`
	CarbonG    *float64 `json:"carbon_g"`
	LatencySec *float64 `json:"latency_s"`
	OnFront    bool     `json:"on_front"` // of quality over all prompts and cost among single models
}

// TraceSummary is what `trilemma data describe` shows.
type TraceSummary struct {
	Prompts    int                                 `json:"prompts"`
	Models     int                                 `json:"models"`
	Outcomes   int                                 `json:"outcomes"`
	Complete   int                                 `json:"complete_prompts"`
	Feedback   coverage.Density                    `json:"feedback"`
	Missing    *coverage.Missing                   `json:"missing,omitempty"` // where models answered different prompts
	Logged     billing.Shares                      `json:"logged"`
	Unbilled   []string                            `json:"unbilled,omitempty"` // what outcomes without a known cost lack
	ByModel    []ModelSummary                      `json:"by_model"`
	ByCategory map[string]map[string]*CategoryMean `json:"by_category"` // category → model
	// Unscored says that no answer has a score: then answers are the logged ones, and only what they took is told.
	Unscored bool `json:"unscored,omitempty"`
}

// CategoryMean is one model in one category.
type CategoryMean struct {
	Answers  int      `json:"answers"`
	Score    float64  `json:"score"`
	CostUSD  *float64 `json:"cost_usd"`
	EnergyWh *float64 `json:"energy_wh"`

	cost, energy mean
}

// mean is a mean over what is known.
type mean struct {
	sum float64
	n   int
}

func (m *mean) add(x float32) {
	if x == x {
		m.sum, m.n = m.sum+float64(x), m.n+1
	}
}

func (m *mean) known() *float64 {
	if m.n == 0 {
		return nil
	}
	return store.Known(m.sum / float64(m.n))
}

// Summarise bills a trace and counts. An answer counts by its score, whatever is known of its cost.
func Summarise(t *trace.Trace, acc billing.Accounting) (*TraceSummary, error) {
	if !t.Outcomes.Scored() {
		return summariseLog(t, acc)
	}
	acc.UnknownCost = billing.Keep
	models := make([]int, len(t.Models))
	names := make([]string, len(t.Models))
	for i := range models {
		models[i], names[i] = i, t.Models[i].ID
	}
	tab, err := billing.NewTable(t, models, acc)
	if err != nil {
		return nil, err
	}
	view := replay.Of(tab, models)
	prompts := make([]int, t.Prompts.Len())
	for i := range prompts {
		prompts[i] = i
	}
	s := &TraceSummary{
		Prompts: len(prompts), Models: len(models), Logged: tab.Logged, Complete: len(view.Complete(prompts)),
		ByCategory: map[string]map[string]*CategoryMean{},
	}
	given := answers(t)
	s.Feedback = given.Density()
	if missing := given.Missing(); missing.Dropped > 0 && s.Feedback.Feedback != coverage.Bandit {
		s.Missing = &missing
	}
	estimates := given.Estimates()
	points := make([]pareto.Point, len(models))
	for m := range models {
		var of [policy.NumQuantities]mean
		for p := range prompts {
			if o := view.At(p, m); o.Present() {
				for q := range policy.NumQuantities {
					of[q].add(o.At(q))
				}
			}
		}
		score, cost := &of[policy.Quality], &of[policy.Cost]
		// Models that answered different prompts are compared by what they come to over all.
		points[m] = pareto.Point{CostUSD: math.NaN(), Quality: store.OrNaN(estimates[m].All)}
		if cost.n == score.n {
			points[m].CostUSD = cost.sum / float64(cost.n)
		}
		s.Outcomes += score.n
		s.ByModel = append(s.ByModel, ModelSummary{
			ID: names[m], Answers: score.n, Coverage: float64(score.n) / float64(len(prompts)), Score: score.known(), OverAll: estimates[m].All, Costed: cost.n,
			CostUSD: cost.known(), EnergyWh: of[policy.Energy].known(), CarbonG: of[policy.Carbon].known(), LatencySec: of[policy.Latency].known(),
		})
		if u := &tab.Unbilled[m]; u.Outcomes > 0 {
			text := fmt.Sprintf("%s: the cost of %d of %d answers is unknown", names[m], u.Outcomes, u.Answered)
			if u.Kept() > 0 {
				text += ": " + u.Beside()
			}
			if u.Selective() {
				text += ", so it is not missing at random"
			}
			s.Unbilled = append(s.Unbilled, text)
		}
	}
	if why := tab.WhyUnbilled(names, models); why != "" {
		s.Unbilled = append(s.Unbilled, why)
	}
	front := pareto.Front(points)
	for m := range points {
		s.ByModel[m].OnFront = slices.Contains(front, points[m])
	}
	if t.Prompts.Category == nil {
		return s, nil
	}
	for p, category := range t.Prompts.Category {
		of := s.ByCategory[category]
		if of == nil {
			of = map[string]*CategoryMean{}
			s.ByCategory[category] = of
		}
		for m := range t.Models {
			o := view.At(p, m)
			if !o.Present() {
				continue
			}
			c := of[t.Models[m].ID]
			if c == nil {
				c = &CategoryMean{}
				of[t.Models[m].ID] = c
			}
			c.Answers++
			n := float64(c.Answers)
			c.Score += (float64(o.At(policy.Quality)) - c.Score) / n
			c.cost.add(o.At(policy.Cost))
			c.energy.add(o.At(policy.Energy))
		}
	}
	for _, of := range s.ByCategory {
		for _, c := range of {
			c.CostUSD, c.EnergyWh = c.cost.known(), c.energy.known()
		}
	}
	return s, nil
}

// summariseLog is the summary of a log without scores: what answers took.
func summariseLog(t *trace.Trace, acc billing.Accounting) (*TraceSummary, error) {
	log := *t
	score := trace.NewMatrix(len(t.Outcomes.InputTokens))
	for at := range score {
		if t.Outcomes.Present.Has(at) {
			score[at] = 0 // billing takes what has a score for an answer
		}
	}
	log.Outcomes.Logged[policy.Quality] = score
	if !log.Outcomes.Scored() {
		return nil, errors.New("the trace has no outcome")
	}
	s, err := Summarise(&log, acc)
	if err != nil {
		return nil, err
	}
	s.Unscored, s.Missing, s.ByCategory = true, nil, nil
	for i := range s.ByModel {
		m := &s.ByModel[i]
		m.Score, m.OverAll, m.OnFront = nil, nil, false
	}
	return s, nil
}

func addKnown(m *mean, x *float64) {
	if x != nil {
		m.sum, m.n = m.sum+*x, m.n+1
	}
}

// answers are the scores of all outcomes of a trace, whatever is known of their cost.
func answers(t *trace.Trace) *coverage.Answers {
	a := &coverage.Answers{Score: t.Outcomes.Logged[policy.Quality], Category: t.Prompts.Category, Propensity: t.Outcomes.Propensity != nil}
	for _, m := range t.Models {
		a.Models = append(a.Models, m.ID)
	}
	return a
}

// Feedback says of how many models the outcome of a prompt is logged.
func Feedback(t *trace.Trace) coverage.Density { return answers(t).Density() }

// DescribeJSON writes the summary of a trace as JSON.
func DescribeJSON(w io.Writer, t *trace.Trace, acc billing.Accounting) error {
	s, err := Summarise(t, acc)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(s)
}

// Describe writes the summary of a trace as tables.
func Describe(w io.Writer, t *trace.Trace, acc billing.Accounting) error {
	s, err := Summarise(t, acc)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "%s prompts × %d models, %s outcomes; %s prompts were answered by all models\n",
		textfile.Thousands(s.Prompts), s.Models, textfile.Thousands(s.Outcomes), textfile.Thousands(s.Complete))
	if s.Unscored {
		fmt.Fprintln(w, "no answer has a score: what follows is what they took, and no policy can be compared on them")
	}
	fmt.Fprintf(w, "feedback: %s\n", s.Feedback)
	if s.Missing != nil {
		fmt.Fprintf(w, "missing: %s.\n", s.Missing.Tell())
	}
	var logged []string
	for _, q := range policy.Spent {
		logged = append(logged, fmt.Sprintf("%v %.0f %%", q, 100*s.Logged.Logged[q]))
	}
	fmt.Fprintf(w, "logged: %s; the rest is derived or unknown\n", strings.Join(logged, ", "))
	if s.Logged.EstimatedTokens > 0 {
		fmt.Fprintf(w, "estimated from the texts: tokens of %.0f %% of the outcomes\n", 100*s.Logged.EstimatedTokens)
	}
	for _, text := range s.Unbilled {
		fmt.Fprintln(w, text)
	}
	fmt.Fprintln(w)
	t1 := table.NewWriter()
	t1.SetOutputMirror(w)
	t1.SetStyle(table.StyleLight)
	t1.Style().Format.Header = text.FormatDefault
	t1.AppendHeader(table.Row{"model", "answers", "coverage", "score", "over all", "USD/1k", "Wh/1k", "gCO2e/1k", "s", "front"})
	per := func(x *float64, factor float64, format string) string {
		if x == nil {
			return "-"
		}
		return fmt.Sprintf(format, *x*factor)
	}
	sorted := slices.Clone(s.ByModel)
	slices.SortStableFunc(sorted, func(a, b ModelSummary) int {
		x, y := math.Inf(1), math.Inf(1)
		if a.CostUSD != nil {
			x = *a.CostUSD
		}
		if b.CostUSD != nil {
			y = *b.CostUSD
		}
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	var others, front []plot.Mark
	for _, m := range sorted {
		letter := ""
		cost := per(m.CostUSD, 1000, "%.4g")
		if m.Costed > 0 && m.Costed < m.Answers {
			cost += fmt.Sprintf(" (of %d)", m.Costed)
		}
		if m.Score != nil && m.CostUSD != nil && m.Costed == m.Answers {
			at := plot.Mark{X: 1000 * *m.CostUSD, Y: *m.Score, As: '·'}
			if m.OnFront {
				at.As = 'A' + rune(len(front)%26)
				letter = string(at.As)
				front = append(front, at)
			} else {
				others = append(others, at)
			}
		}
		t1.AppendRow(table.Row{m.ID, m.Answers, fmt.Sprintf("%.1f %%", 100*m.Coverage), per(m.Score, 1, "%.3f"), per(m.OverAll, 1, "%.3f"),
			cost, per(m.EnergyWh, 1000, "%.4g"), per(m.CarbonG, 1000, "%.4g"), per(m.LatencySec, 1, "%.2f"), letter})
	}
	if s.Missing == nil {
		t1.SetColumnConfigs([]table.ColumnConfig{{Name: "over all", Hidden: true}})
	}
	t1.Render()
	if s.Missing != nil {
		fmt.Fprintln(w, "score: over the prompts that the model answered; over all: what that comes to on all prompts, each being as hard as the others found it")
	}
	if s.Unscored {
		return nil
	}
	fmt.Fprintln(w, "\nThe pool's front: models by letter, those that another beats on both axes as dots")
	plot.Scatter(w, plot.TerminalWidth, plot.TerminalHeight, "USD/1k prompts", "mean score", append(others, front...))
	if len(s.ByCategory) == 0 {
		return nil
	}
	fmt.Fprintln(w, "\nBy category: the best model, and the mean over models")
	t2 := table.NewWriter()
	t2.SetOutputMirror(w)
	t2.SetStyle(table.StyleLight)
	t2.Style().Format.Header = text.FormatDefault
	t2.AppendHeader(table.Row{"category", "best model", "its answers", "its score", "USD/1k", "Wh/1k", "mean score", "mean USD/1k", "mean Wh/1k"})
	categories := make([]string, 0, len(s.ByCategory))
	for c := range s.ByCategory {
		categories = append(categories, c)
	}
	slices.Sort(categories)
	for _, c := range categories {
		var best *CategoryMean
		var name string
		var sum, n float64
		var cost, energy mean
		for _, m := range t.Models {
			x := s.ByCategory[c][m.ID]
			if x == nil {
				continue
			}
			sum, n = sum+x.Score, n+1
			addKnown(&cost, x.CostUSD)
			addKnown(&energy, x.EnergyWh)
			if best == nil || x.Score > best.Score || x.Score == best.Score && x.CostUSD != nil && best.CostUSD != nil && *x.CostUSD < *best.CostUSD {
				best, name = x, m.ID
			}
		}
		if best == nil {
			continue
		}
		t2.AppendRow(table.Row{c, name, best.Answers, fmt.Sprintf("%.3f", best.Score), per(best.CostUSD, 1000, "%.4g"), per(best.EnergyWh, 1000, "%.4g"),
			fmt.Sprintf("%.3f", sum/n), per(cost.known(), 1000, "%.4g"), per(energy.known(), 1000, "%.4g")})
	}
	t2.Render()
	return nil
}
