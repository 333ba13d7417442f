package recommend

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"sort"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"github.com/trilemma-bench/trilemma/harness/plot"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// steps are the positions of a slider; the first of a maximum and of a minimum asks for nothing.
const steps = 40

// slider moves one limit over the figures that the choices have on the selection prompts.
type slider struct {
	kind   policy.Quantity
	values []float64 // by position, the loosest first
	at     int
}

// sliders is the model of the program: three sliders over the run's points, and the front that is left.
type sliders struct {
	choices  *Choices
	request  Request // but for the limits
	list     []slider
	focus    int
	width    int
	height   int
	accepted bool
	done     bool
}

// Sliders lets a user move the limits of a request on cost, carbon and quality on a terminal while the front is redrawn, and
// returns them; false where they were left without being accepted.
func Sliders(ctx context.Context, c *Choices, q Request, in io.Reader, out io.Writer) (Limits, bool, error) {
	m := newSliders(c, q)
	final, err := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithAltScreen()).Run()
	if err != nil {
		return None(), false, fmt.Errorf("showing the sliders: %w; give limits as flags instead, such as --max-cost 0.30/1k", err)
	}
	end, ok := final.(sliders)
	if !ok {
		return None(), false, nil
	}
	return end.limits(), end.accepted, nil
}

func newSliders(c *Choices, q Request) sliders {
	m := sliders{choices: c, request: q, width: 80, height: 24}
	for _, k := range []policy.Quantity{policy.Cost, policy.Carbon, policy.Quality} {
		m.list = append(m.list, slider{kind: k, values: positions(c, k)})
	}
	return m
}

// positions are quantiles of what the choices have, so that every step of a slider takes about as many of them away.
func positions(c *Choices, k policy.Quantity) []float64 {
	var all []float64
	for i := range c.List {
		if x := value(&c.List[i].Selection, k); !math.IsNaN(x) {
			all = append(all, x)
		}
	}
	sort.Float64s(all)
	if k != policy.Quality { // the loosest limit of a maximum is the largest
		for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
			all[i], all[j] = all[j], all[i]
		}
	}
	out := []float64{math.NaN()}
	for i := range steps {
		if len(all) > 0 {
			x := all[i*(len(all)-1)/(steps-1)]
			if last := out[len(out)-1]; x != last {
				out = append(out, x)
			}
		}
	}
	return out
}

func (m sliders) limits() Limits {
	l := None()
	for _, s := range m.list {
		l[s.kind] = s.values[s.at]
	}
	return l
}

// Init implements tea.Model.
func (m sliders) Init() tea.Cmd { return nil }

// Update implements tea.Model.
func (m sliders) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyMsg:
		m.list = append([]slider(nil), m.list...) // a model is a value: what was shown before stays as it was
		s := &m.list[m.focus]
		switch msg.String() {
		case "up", "k", "shift+tab":
			m.focus = (m.focus + len(m.list) - 1) % len(m.list)
		case "down", "j", "tab":
			m.focus = (m.focus + 1) % len(m.list)
		case "right", "l":
			s.at = min(s.at+1, len(s.values)-1)
		case "left", "h":
			s.at = max(s.at-1, 0)
		case "pgdown", "L":
			s.at = min(s.at+5, len(s.values)-1)
		case "pgup", "H":
			s.at = max(s.at-5, 0)
		case "home":
			s.at = 0
		case "end":
			s.at = len(s.values) - 1
		case "enter":
			m.accepted, m.done = true, true
			return m, tea.Quit
		case "q", "esc", "ctrl+c":
			m.done = true
			return m, tea.Quit
		}
	}
	return m, nil
}

// View implements tea.Model.
func (m sliders) View() string {
	if m.done {
		return ""
	}
	l := m.limits()
	q := m.request
	q.Limits = l
	r := m.choices.Pick(q)
	var b strings.Builder
	fmt.Fprintf(&b, "Pool %s: %d of %d settings keep the limits by their means on the selection prompts\n\n", m.choices.Pool, r.Feasible, r.Total)
	for i, s := range m.list {
		mark := "  "
		if i == m.focus {
			mark = "> "
		}
		track := 30
		at := 0
		if len(s.values) > 1 {
			at = s.at * (track - 1) / (len(s.values) - 1)
		}
		limit := "any"
		if x := s.values[s.at]; !math.IsNaN(x) {
			limit = word(s.kind) + " " + show(s.kind, x)
		}
		fmt.Fprintf(&b, "%s%-8s %s●%s %s\n", mark, s.kind, strings.Repeat("─", at), strings.Repeat("─", track-1-at), limit)
	}
	b.WriteByte('\n')
	b.WriteString(m.front(l, r))
	switch {
	case r.Choice == nil && r.Feasible == 0:
		b.WriteString("\nNothing keeps these limits: move one back.\n")
	case r.Choice == nil:
		fmt.Fprintf(&b, "\nNothing is certain to keep these limits (%.4g %%): move one back.\n", 100*r.Confidence)
	default:
		v := &r.Choice.Selection
		fmt.Fprintf(&b, "\n★ %s, for %s: score %s, %s, %s on selection\n", r.Choice.Called(), goal(r.Objective), show(policy.Quality, v.Figures[policy.Quality]), show(policy.Cost, v.Figures[policy.Cost]), show(policy.Carbon, v.Figures[policy.Carbon]))
	}
	b.WriteString("↑↓ which limit   ←→ move it   enter accept   q leave\n")
	return b.String()
}

// front draws score over cost of every choice: • keeps the limits, · does not, ★ is recommended.
func (m sliders) front(l Limits, r Recommendation) string {
	point := func(c *Choice, as rune) plot.Mark {
		f := &c.Selection.Figures
		return plot.Mark{X: 1000 * f[policy.Cost], Y: f[policy.Quality], As: as}
	}
	var fails, keeps []plot.Mark
	for i := range m.choices.List {
		if c := &m.choices.List[i]; l.all(&c.Selection, Auto) {
			keeps = append(keeps, point(c, '•'))
		} else {
			fails = append(fails, point(c, '·'))
		}
	}
	marks := slices.Concat(fails, keeps)
	if r.Choice != nil {
		marks = append(marks, point(r.Choice, '★'))
	}
	var b strings.Builder
	plot.Scatter(&b, max(30, min(m.width-10, 100)), max(6, min(m.height-13, 24)), "USD/1k", "score", marks)
	return b.String()
}
