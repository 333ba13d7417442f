package recommend

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// asks is how many questions an audit asks of a pool.
const asks = 20

// Questions are those of an audit: limits on each known quantity alone, and on quality together with each other one, at levels
// that some of the pool's settings reach by their means on the selection prompts and others do not. They are hard ones: every
// limit lies at what some setting comes to.
func (c *Choices) Questions() []Request {
	var kinds [][]policy.Quantity
	reached := map[policy.Quantity][]float64{}
	for _, k := range Limited {
		for i := range c.List {
			if x := value(&c.List[i].Selection, k); !math.IsNaN(x) {
				reached[k] = append(reached[k], x)
			}
		}
		slices.Sort(reached[k])
		if len(reached[k]) == 0 || reached[k][0] == reached[k][len(reached[k])-1] {
			continue // no limit on it tells settings apart
		}
		kinds = append(kinds, []policy.Quantity{k})
		if k != policy.Quality {
			kinds = append(kinds, []policy.Quantity{policy.Quality, k})
		}
	}
	var out []Request
	for round := range asks {
		for _, kind := range kinds {
			q := Request{Limits: None(), Objective: Auto}
			for _, k := range kind {
				// A level of 1 is the loosest that there is: the largest cost, the least quality.
				level := spread(round + 1)
				if k == policy.Quality {
					level = 1 - level
				}
				q.Limits[k] = twoDigits(reached[k][int(level*float64(len(reached[k])))])
			}
			if len(out) < asks && !slices.ContainsFunc(out, func(o Request) bool { return o.Asked() == q.Asked() }) {
				out = append(out, q)
			}
		}
	}
	return out
}

// spread is the i-th of numbers that fill (0, 1) evenly from the first on: 1/2, 1/4, 3/4, 1/8, … (van der Corput 1935).
func spread(i int) (x float64) {
	for part := 0.5; i > 0; i, part = i/2, part/2 {
		x += part * float64(i%2)
	}
	return x
}

// twoDigits rounds to two digits, as people write limits.
func twoDigits(x float64) float64 {
	out, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 2, 64), 64)
	if err != nil {
		return x
	}
	return out
}

// Answer is what a question of an audit came to.
type Answer struct {
	Recommendation
	Prompts int      // of test
	Verdict Verdict  // of all limits together; "" where nothing was recommended
	Figures []string // what test gave of each limit
}

// Audit asks [Choices.Questions] and holds what is recommended against the test prompts, which took no part.
func (c *Choices) Audit() ([]Answer, error) {
	var out []Answer
	for _, q := range c.Questions() {
		a := Answer{Recommendation: c.Pick(q)}
		if a.Choice != nil {
			test, err := c.Test(a.Choice)
			if err != nil {
				return nil, err
			}
			a.Prompts, a.Verdict = test[policy.Quality].N, Judge(q.Limits, &test)
			for _, x := range a.Claims {
				a.Figures = append(a.Figures, bracket(x.Quantity, interval(x.Quantity, test[x.Quantity])))
			}
		}
		out = append(out, a)
	}
	return out, nil
}

// Tally counts verdicts.
type Tally struct {
	Asked    int
	Answered int // something was recommended
	Kept     int // test keeps every limit by its means
	Within   int // or within its 95 % intervals
}

func (t *Tally) add(recommended bool, v Verdict) {
	t.Asked++
	if !recommended {
		return
	}
	t.Answered++
	switch v {
	case Kept:
		t.Kept++
		t.Within++
	case Within:
		t.Within++
	}
}

// Add adds another tally.
func (t *Tally) Add(o Tally) {
	t.Asked, t.Answered, t.Kept, t.Within = t.Asked+o.Asked, t.Answered+o.Answered, t.Kept+o.Kept, t.Within+o.Within
}

// TallyOf counts the verdicts of answers.
func TallyOf(answers []Answer) (t Tally) {
	for _, a := range answers {
		t.add(a.Choice != nil, a.Verdict)
	}
	return t
}

// String says how often limits were kept.
func (t Tally) String() string {
	return fmt.Sprintf("%d questions, %d answered; test kept every limit by its means in %s, within its 95 %% intervals in %s",
		t.Asked, t.Answered, Share(t.Kept, t.Answered), Share(t.Within, t.Answered))
}

// Rates says the same without intervals, for questions that share their prompts.
func (t Tally) Rates() string {
	percent := func(k int) float64 { return 100 * float64(k) / float64(max(t.Answered, 1)) }
	return fmt.Sprintf("%d questions, %d answered; kept every limit by the judges' means in %.1f %%, within their 95 %% intervals in %.1f %%",
		t.Asked, t.Answered, percent(t.Kept), percent(t.Within))
}

// Share is a share with its exact 95 % interval (Clopper and Pearson 1934), for people.
func Share(k, n int) string {
	if n == 0 {
		return "0 of 0"
	}
	low, high := 0.0, 1.0
	if k > 0 {
		low = distuv.Beta{Alpha: float64(k), Beta: float64(n - k + 1)}.Quantile((1 - level) / 2)
	}
	if k < n {
		high = distuv.Beta{Alpha: float64(k + 1), Beta: float64(n - k)}.Quantile((1 + level) / 2)
	}
	return fmt.Sprintf("%d of %d (%.1f %% [%.1f, %.1f])", k, n, 100*float64(k)/float64(n), 100*low, 100*high)
}

// ErrFewPrompts is wrapped where there are too few test prompts to split them again.
var ErrFewPrompts = errors.New("too few to split again")

// Resplit asks the same questions many times over the test prompts alone, of which no policy had seen anything: each time one
// half of them, drawn anew, chooses as the selection prompts do, and the other half judges. Nothing is trained again. The
// draws share their prompts, so that their number says how exactly the run is known, not how many runs were looked at. naive is
// what comes of taking the best of the settings that keep the limits by their means: what the proof is there for.
func (c *Choices) Resplit(times int, seed uint64) (proved, naive Tally, err error) {
	questions := c.Questions()
	columns, n, err := c.onTest()
	if err != nil {
		return proved, naive, err
	}
	if n < 4*minPrompts {
		return proved, naive, fmt.Errorf("%w: %d test prompts, want %d", ErrFewPrompts, n, 4*minPrompts)
	}
	list := slices.Clone(c.List)
	judges := make([]store.Moments, len(list))
	again := Choices{Run: c.Run, Pool: c.Pool, List: list}
	for k := range times {
		order := policy.Stream(seed, "resplit", strconv.Itoa(k)).Perm(n)
		for i := range list {
			x := &list[i]
			x.Order, x.Check = momentsAt(&columns[i], order[:n/4]), momentsAt(&columns[i], order[n/4:n/2])
			judges[i] = momentsAt(&columns[i], order[n/2:])
			for _, q := range policy.Decisive {
				x.Selection.Figures[q], x.Test.Figures[q] = x.all(q).Mean, judges[i][q].Mean
			}
		}
		for _, q := range questions {
			r := again.Pick(q)
			judge := func(t *Tally, x *Choice) {
				if x == nil {
					t.add(false, untried)
					return
				}
				at := slices.IndexFunc(list, func(o Choice) bool { return o.Ref.ID == x.Ref.ID && o.Test.Preference == x.Test.Preference })
				t.add(true, Judge(q.Limits, &judges[at]))
			}
			judge(&proved, r.Choice)
			judge(&naive, again.byMeans(q))
		}
	}
	return proved, naive, nil
}

// byMeans is the best setting of those whose means on the selection prompts keep the limits, proved or not; nil where none does.
func (c *Choices) byMeans(q Request) *Choice {
	q = q.complete()
	var best *Choice
	for i := range c.List {
		x := &c.List[i]
		if q.all(&x.Selection, Auto) && (best == nil || q.prefer(&x.Selection.Figures, &best.Selection.Figures) < 0) {
			best = x
		}
	}
	return best
}

// onTest are the results of every choice on the same n test prompts.
func (c *Choices) onTest() (columns []policy.Matrix, n int, err error) {
	var prompts []string
	read := map[string]*store.Results{}
	for i := range c.List {
		x := &c.List[i]
		results := read[x.Ref.ID]
		if results == nil {
			if results, err = c.Run.Results(x.Ref.ID); err != nil {
				return nil, 0, fmt.Errorf("%s: %w", x.Ref.Name(), err)
			}
			read[x.Ref.ID] = results
		}
		if prompts == nil {
			prompts = results.Prompts
		}
		at := slices.IndexFunc(results.Lines, func(l store.Line) bool { return l.Preference == x.Test.Preference })
		column := policy.NewMatrix(len(prompts), policy.Decisive...)
		for k, id := range prompts {
			from := -1
			if at >= 0 {
				from = results.Place(id)
			}
			for _, q := range policy.Decisive {
				if column[q][k] = float32(math.NaN()); from >= 0 {
					column[q][k] = results.Lines[at].Figures[q][from]
				}
			}
		}
		columns = append(columns, column)
	}
	return columns, len(prompts), nil
}

// TellAudit writes the questions of an audit with their answers.
func (c *Choices) TellAudit(w io.Writer, answers []Answer) {
	selection := 0
	for i := range c.List {
		selection = max(selection, c.List[i].Covered())
	}
	t := table.NewWriter()
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	t.AppendHeader(table.Row{"asked", "recommended", "test gave", "limits on test"})
	prompts := 0
	for _, a := range answers {
		row := table.Row{a.Asked(), "nothing is certain", "", ""}
		if a.Choice != nil {
			prompts = a.Prompts
			row = table.Row{a.Asked(), a.Choice.Called(), strings.Join(a.Figures, "; "), a.Verdict}
		}
		t.AppendRow(row)
	}
	fmt.Fprintf(w, "%s/%s, pool %s: chosen on %d selection prompts, judged on %d test prompts\n%s\n", c.Run.Experiment, c.Run.ID, c.Pool, selection, prompts, t.Render())
}
