package policytest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// setup is how the checks configure the policy.
func (s *suite) setup(w *world) policy.Setup {
	params := map[string]any{}
	if s.about.EachModel {
		params["model"] = w.models[0].ID
	}
	for name, value := range s.opt.Params {
		params[name] = value
	}
	raw, err := json.Marshal(params)
	if err != nil {
		raw = []byte("{}")
	}
	return policy.Setup{Models: w.models, Params: raw, Seed: seed}
}

// prepare configures a subject and fits it where it learns.
func (s *suite) prepare(to Subject, w *world, setup policy.Setup) error {
	if err := to.Configure(s.ctx, setup); err != nil {
		return fmt.Errorf("configuring: %w", err)
	}
	if !s.about.Learns {
		return nil
	}
	if err := to.Fit(s.ctx, w.task(&s.about), func(policy.Progress) {}); err != nil {
		return fmt.Errorf("fitting: %w", err)
	}
	return nil
}

// row is one thing to decide: a test prompt under a preference.
type row struct{ prompt, preference int }

// everyRow is each test prompt under each preference.
func (s *suite) everyRow() []row {
	var rows []row
	for q := range sweep(&s.about) {
		for p := range testRows {
			rows = append(rows, row{p, q})
		}
	}
	return rows
}

// decided is what became of rows: one line each, equal where the decisions are.
type decided map[row]string

// routed routes rows in calls of batch rows, each call's prompts being those of its rows in order of appearance.
func (s *suite) routed(to Subject, w *world, rows []row, batch int) (decided, error) {
	out := decided{}
	for len(rows) > 0 {
		n := min(batch, len(rows))
		if err := s.call(to, w, rows[:n], out); err != nil {
			return nil, err
		}
		rows = rows[n:]
	}
	return out, nil
}

// call routes rows, which are open until they end, round by round.
func (s *suite) call(to Subject, w *world, open []row, out decided) error {
	asked := map[row][]entry{}
	for round := 0; len(open) > 0; round++ {
		if round > len(w.models) {
			return fmt.Errorf("it still asks in round %d, with %d models to ask", round, len(w.models))
		}
		b := s.batch(w, open, round, asked)
		d, err := to.Route(s.ctx, b)
		if err != nil {
			return fmt.Errorf("routing %d rows: %w", len(open), err)
		}
		if err := s.wellFormed(d, len(open), len(w.models)); err != nil {
			return err
		}
		var again []row
		for r, at := range open {
			use, models, weights := d.Row(r)
			if use != policy.Ask {
				out[at] = line(use, models, weights, asked[at])
				continue
			}
			for _, m := range models {
				if slices.ContainsFunc(asked[at], func(e entry) bool { return e.model == m }) {
					return fmt.Errorf("%s asks model %d twice", b.Prompts.ID[b.Prompt[r]], m)
				}
				asked[at] = append(asked[at], entry{m, int32(round)})
			}
			again = append(again, at)
		}
		open = again
	}
	return nil
}

// wellFormed is the contract on decisions.
func (s *suite) wellFormed(d *policy.Decisions, rows, models int) error {
	if d == nil {
		return errors.New("Route returned neither decisions nor an error")
	}
	if err := d.Check(rows, models); err != nil {
		return err
	}
	for r, use := range d.Use {
		if use == policy.Combine && !s.about.Combines || use == policy.Ask && !s.about.Sequential {
			return fmt.Errorf("row %d: answers %v, which its description does not announce", r, use)
		}
	}
	return nil
}

type entry struct{ model, round int32 }

func line(use policy.Use, models []int32, weights []float32, asked []entry) string {
	var b strings.Builder
	for _, a := range asked {
		fmt.Fprintf(&b, "ask %d in round %d, ", a.model, a.round)
	}
	fmt.Fprintf(&b, "%v", use)
	for k, m := range models {
		fmt.Fprintf(&b, " %d:%v", m, weights[k])
	}
	return b.String()
}

// batch is what one call sends.
func (s *suite) batch(w *world, rows []row, round int, asked map[row][]entry) *policy.Batch {
	var list []int32
	number := map[int]int32{}
	b := &policy.Batch{Preferences: sweep(&s.about), Round: round, Prompt: []int32{}, Preference: []int32{}}
	for _, r := range rows {
		if _, ok := number[r.prompt]; !ok {
			number[r.prompt] = int32(len(list))
			list = append(list, int32(r.prompt))
		}
		b.Prompt, b.Preference = append(b.Prompt, number[r.prompt]), append(b.Preference, int32(r.preference))
	}
	prompts := given(&s.about, *w.test.Prompts.Gather(list), policy.NeedLiveCategory)
	b.Prompts = &prompts
	if round > 0 {
		b.Asked = s.reveal(w, rows, asked)
	}
	return b
}

func (s *suite) reveal(w *world, rows []row, asked map[row][]entry) *policy.Asked {
	a, o := &policy.Asked{Offset: []int32{0}}, &w.test.Outcomes
	for _, r := range rows {
		for _, e := range asked[r] {
			at := r.prompt*o.Models + int(e.model)
			a.Model, a.Round, a.Missing = append(a.Model, e.model), append(a.Round, e.round), append(a.Missing, !o.Present[at])
			if s.about.Wants(policy.NeedAnswer) {
				a.Answer = append(a.Answer, o.Answer[at])
			}
			if s.about.Wants(policy.NeedResponse) {
				a.Response = append(a.Response, o.Response[at])
			}
			a.InputTokens, a.OutputTokens = append(a.InputTokens, o.InputTokens[at]), append(a.OutputTokens, o.OutputTokens[at])
			a.Figures[policy.Cost], a.Figures[policy.Energy] = append(a.Figures[policy.Cost], o.Figures[policy.Cost][at]), append(a.Figures[policy.Energy], o.Figures[policy.Energy][at])
			a.Figures[policy.Carbon], a.Figures[policy.Latency] = append(a.Figures[policy.Carbon], o.Figures[policy.Carbon][at]), append(a.Figures[policy.Latency], o.Figures[policy.Latency][at])
		}
		a.Offset = append(a.Offset, int32(len(a.Model)))
	}
	return a
}

// same tells where two ways of deciding the same rows differ.
func same(w *world, want, got decided, how string) error {
	differ, first := 0, row{-1, -1}
	for at, x := range want {
		if got[at] == x {
			continue
		}
		differ++
		if first.prompt < 0 || at.preference < first.preference || at.preference == first.preference && at.prompt < first.prompt {
			first = at
		}
	}
	if differ == 0 {
		return nil
	}
	return fmt.Errorf("%s, %d of %d rows are decided otherwise, such as prompt %s under preference %d: %q, before %q",
		how, differ, len(want), w.test.Prompts.ID[first.prompt], first.preference, got[first], want[first])
}
