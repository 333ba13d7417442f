package host

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Revealed is what a row sees of an outcome that it asked for. Its quality is never sent. Unknown figures are NaN.
type Revealed struct {
	Answer       string // sent on only to a policy that declared that it needs answers
	Response     string // likewise responses
	InputTokens  float32
	OutputTokens float32
	Figures      policy.Figures
}

var nan = float32(math.NaN())

// nothing is what is revealed where the trace holds no outcome.
var nothing = Revealed{InputTokens: nan, OutputTokens: nan, Figures: policy.Unknown()}

// Reveal looks the outcome of a prompt, by its index in what RouteAll was given, and a model up; false where the trace
// holds none.
type Reveal func(prompt, model int) (Revealed, bool)

// Routed are the decisions for all prompts under one preference: row r is prompt r.
type Routed struct {
	// Final holds Select and Combine rows only.
	Final *policy.Decisions
	// Row r asked the models AskedModel[AskedOffset[r]:AskedOffset[r+1]], in the order of asking, and is to be charged
	// for each, whatever it ended with. AskedOffset is nil where no row asked. A model without an outcome is listed too:
	// the row learned that there is none.
	AskedOffset []int32
	AskedModel  []int32
	AskedRound  []int32
}

// callBytes bounds the texts, vectors and revealed responses that one call sends.
const callBytes = 32 << 20

// RouteAll routes every prompt under every preference, in calls of about [Options.BatchRows] rows. The decisions do not
// depend on how many: a policy decides each row by itself.
//
// Rows that ask are routed again, round by round, with the outcomes asked for revealed, until each has ended. reveal may
// be nil for a policy that does not ask.
func (i *Instance) RouteAll(ctx context.Context, prompts *policy.Prompts, preferences []policy.Preference, reveal Reveal) ([]Routed, error) {
	if len(preferences) == 0 {
		return nil, i.refuse("route", "there are no preferences to route under; want at least one")
	}
	if i.about.Sequential && reveal == nil {
		return nil, i.refuse("route", "the policy looks at answers, and nothing reveals any")
	}
	// Checked once for all, so that a message counts the prompts of the split and not those of a call.
	clean, err := i.cleanPrompts(prompts)
	if err != nil {
		return nil, i.refuse("route", "%w", err)
	}
	n := clean.Len()
	out := make([]Routed, len(preferences))
	for j := range out {
		out[j].Final = policy.NewDecisions(n)
	}
	for lo := 0; lo < n; {
		hi := callEnd(clean, lo, max(1, i.opt.BatchRows/len(preferences)))
		c := newChunk(clean.Slice(lo, hi), preferences, i.models)
		if err := c.route(ctx, i, func(p, m int) (Revealed, bool) { return reveal(lo+p, m) }); err != nil {
			return nil, err
		}
		c.append(out, lo)
		lo = hi
	}
	return out, nil
}

// callEnd is the end of a run of prompts from lo that one call takes.
func callEnd(p *policy.Prompts, lo, most int) int {
	bytes := 0
	for hi := lo; ; hi++ {
		if hi == p.Len() || hi-lo == most {
			return hi
		}
		bytes += len(p.ID[hi]) + 4*p.Dim
		if p.Text != nil {
			bytes += len(p.Text[hi])
		}
		if bytes > callBytes && hi > lo {
			return hi
		}
	}
}

// ask is one outcome that a row asked for.
type ask struct {
	model, round int32
	missing      bool
	Revealed
}

// chunk are the prompts of one call under every preference, until all of their rows have ended. Row r is prompt r % n
// under preference r / n.
type chunk struct {
	prompts     *policy.Prompts
	preferences []policy.Preference
	models      int
	// What each row ended with: a view of the decisions of the round in which it did.
	use    []policy.Use
	model  [][]int32
	weight [][]float32
	asked  [][]ask // nil until a row asks
}

func newChunk(p *policy.Prompts, preferences []policy.Preference, models int) *chunk {
	rows := p.Len() * len(preferences)
	return &chunk{
		prompts: p, preferences: preferences, models: models,
		use: make([]policy.Use, rows), model: make([][]int32, rows), weight: make([][]float32, rows),
	}
}

// route asks the policy until every row has ended. A row that asks names at least one model, and none twice, so it ends
// after as many rounds as there are models, and one.
func (c *chunk) route(ctx context.Context, i *Instance, reveal Reveal) error {
	open := make([]int, len(c.use))
	for r := range open {
		open[r] = r
	}
	for round := 0; len(open) > 0; round++ {
		var again []int
		for len(open) > 0 {
			group := c.group(open)
			d, err := i.Route(ctx, c.batch(group, round))
			if err == nil {
				err = c.take(group, d, round, reveal, &again)
				if err != nil {
					err = &Error{Policy: i.name, Op: "route", Kind: KindInvalid, Err: fmt.Errorf("round %d: %w", round, err)}
				}
			}
			if err != nil {
				return err
			}
			open = open[len(group):]
		}
		open = again
	}
	return nil
}

// group is the beginning of open that one call takes: all of it, unless much was revealed to them.
func (c *chunk) group(open []int) []int {
	if c.asked == nil {
		return open
	}
	bytes := 0
	for k, r := range open {
		for _, a := range c.asked[r] {
			bytes += 40 + len(a.Answer) + len(a.Response)
		}
		if bytes > callBytes && k > 0 {
			return open[:k]
		}
	}
	return open
}

// take looks at the answers of the rows of one call, and reveals what they ask for.
func (c *chunk) take(rows []int, d *policy.Decisions, round int, reveal Reveal, open *[]int) error {
	n := c.prompts.Len()
	for k, r := range rows {
		use, models, weights := d.Row(k)
		if use != policy.Ask {
			c.use[r], c.model[r], c.weight[r] = use, models, weights
			continue
		}
		if c.asked == nil {
			c.asked = make([][]ask, len(c.use))
		}
		for _, m := range models {
			if slices.ContainsFunc(c.asked[r], func(a ask) bool { return a.model == m }) {
				return fmt.Errorf("prompt %q asks model %d again, whose answer it has: a row ends with select or combine "+
					"after at most %d rounds", c.prompts.ID[r%n], m, c.models+1)
			}
			a := ask{model: m, round: int32(round)}
			var ok bool
			if a.Revealed, ok = reveal(r%n, int(m)); !ok {
				a.Revealed, a.missing = nothing, true
			}
			c.asked[r] = append(c.asked[r], a)
		}
		*open = append(*open, r)
	}
	if round > c.models && len(*open) > 0 {
		return errors.New("it still asks after it has asked every model")
	}
	return nil
}

// batch is what a call of some rows sends: their prompts, each once.
func (c *chunk) batch(rows []int, round int) *policy.Batch {
	n := c.prompts.Len()
	b := &policy.Batch{
		Prompts: c.prompts, Preferences: c.preferences, Round: round,
		Prompt: make([]int32, len(rows)), Preference: make([]int32, len(rows)),
	}
	for k, r := range rows {
		b.Prompt[k], b.Preference[k] = int32(r%n), int32(r/n)
	}
	if round == 0 {
		return b
	}
	b.Prompts = c.keep(b.Prompt)
	b.Asked = c.reveal(rows)
	return b
}

// keep gathers the prompts that rows name, each once, and renumbers the rows.
func (c *chunk) keep(rows []int32) *policy.Prompts {
	var kept []int32
	to := make([]int32, c.prompts.Len()) // counted from 1
	for k, from := range rows {
		if to[from] == 0 {
			kept = append(kept, from)
			to[from] = int32(len(kept))
		}
		rows[k] = to[from] - 1
	}
	return c.prompts.Gather(kept)
}

// reveal lists what the rows asked for so far.
func (c *chunk) reveal(rows []int) *policy.Asked {
	total := 0
	for _, r := range rows {
		total += len(c.asked[r])
	}
	a := &policy.Asked{
		Offset: make([]int32, 1, len(rows)+1), Model: make([]int32, 0, total), Round: make([]int32, 0, total),
		Missing: make([]bool, 0, total), Answer: make([]string, 0, total), Response: make([]string, 0, total),
		InputTokens: make([]float32, 0, total), OutputTokens: make([]float32, 0, total), Figures: policy.NewMatrix(total, policy.Spent...),
	}
	for _, r := range rows {
		for _, x := range c.asked[r] {
			for _, q := range policy.Spent {
				a.Figures[q][len(a.Model)] = float32(x.Figures[q])
			}
			a.Model, a.Round, a.Missing = append(a.Model, x.model), append(a.Round, x.round), append(a.Missing, x.missing)
			a.Answer, a.Response = append(a.Answer, x.Answer), append(a.Response, x.Response)
			a.InputTokens, a.OutputTokens = append(a.InputTokens, x.InputTokens), append(a.OutputTokens, x.OutputTokens)
		}
		a.Offset = append(a.Offset, int32(len(a.Model)))
	}
	return a
}

// append adds the chunk's decisions to those of each preference. first is the index of the chunk's first prompt.
func (c *chunk) append(out []Routed, first int) {
	n := c.prompts.Len()
	for r := range c.use {
		to := &out[r/n]
		to.Final.Append(c.use[r], c.model[r], c.weight[r])
		if c.asked != nil && len(c.asked[r]) > 0 && to.AskedOffset == nil {
			to.AskedOffset = make([]int32, first+r%n+1) // nobody before asked anything
		}
		if to.AskedOffset == nil {
			continue
		}
		if c.asked != nil {
			for _, a := range c.asked[r] {
				to.AskedModel, to.AskedRound = append(to.AskedModel, a.model), append(to.AskedRound, a.round)
			}
		}
		to.AskedOffset = append(to.AskedOffset, int32(len(to.AskedModel)))
	}
}
