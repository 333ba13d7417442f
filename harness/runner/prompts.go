package runner

import (
	"cmp"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/replay"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// promptText bounds what is kept of a prompt's text, in runes: enough to recognise it by.
const promptText = 1200

// prompts keeps the test prompts of all pools with what each model made of them.
func (p *Plan) prompts(run *store.Run) error {
	seen := map[int]bool{}
	var rows, models []int
	for _, pool := range p.Spec.Pools {
		for _, prompt := range p.test[pool.Name] {
			if !seen[prompt] {
				seen[prompt] = true
				rows = append(rows, prompt)
			}
		}
		for _, m := range p.pools[pool.Name] {
			if !slices.Contains(models, m) {
				models = append(models, m)
			}
		}
	}
	tr := p.data.Trace
	slices.SortFunc(rows, func(a, b int) int { return cmp.Compare(tr.Prompts.ID[a], tr.Prompts.ID[b]) })
	slices.Sort(models)
	text := func(column []string, i int) string {
		if column == nil {
			return ""
		}
		return column[i]
	}
	view := replay.Of(p.data.Table, models)
	out := make([]store.Prompt, len(rows))
	for i, prompt := range rows {
		one := store.Prompt{
			ID: tr.Prompts.ID[prompt], Benchmark: text(tr.Prompts.Benchmark, prompt), Category: text(tr.Prompts.Category, prompt),
			Text: begin(text(tr.Prompts.Text, prompt), promptText), Reference: text(tr.Prompts.Reference, prompt),
		}
		for k, m := range models {
			o := view.At(prompt, k)
			if !o.Present() {
				continue
			}
			answer := ""
			if tr.Outcomes.Answer != nil {
				answer = begin(tr.Outcomes.AnswerText[tr.Outcomes.Answer[tr.Outcomes.At(prompt, m)]], 200)
			}
			one.Outcomes = append(one.Outcomes, store.Outcome{
				Model: tr.Models[m].ID, Answer: answer, Score: o.At(policy.Quality), CostUSD: o.At(policy.Cost), CarbonG: o.At(policy.Carbon), LatencySec: o.At(policy.Latency),
			})
		}
		out[i] = one
	}
	return run.WritePrompts(out)
}

// begin is the beginning of a text, so many runes long.
func begin(text string, runes int) string {
	n := 0
	for at := range text {
		if n == runes {
			return text[:at] + "…"
		}
		n++
	}
	return text
}
