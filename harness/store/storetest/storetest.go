// Package storetest writes small finished runs, for tests of what reads runs. The world of a [Run]: two models, a cheap one
// that is right on every other prompt and a dear one that is wrong on every fifth, and one policy "router" with two settings,
// "q" (any price) and "c1". What the policy asks is the test's to say.
package storetest

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Prompts of the test split.
const Prompts = 60

// The models, and what an answer costs.
var (
	Models  = []string{"cheap", "dear"}
	CostUSD = []float32{0.001, 0.004}
)

// Score of a model's answer.
func Score(prompt, model int) float32 {
	if model == 0 && prompt%2 == 0 || model == 1 && prompt%5 != 0 {
		return 1
	}
	return 0
}

// Run is what a test says of its run.
type Run struct {
	Experiment, ID string
	Config         string // JSON; "" for none
	// Choose is the model that the policy takes under a preference.
	Choose func(preference string, prompt int) int
	// Pool and Label rename the pool and the policy: "" for "all" and "router".
	Pool, Label string
	// Others are policies beside it that decide as it does.
	Others []string
	// First is the number of the first prompt: a world of other prompts, or of prompts whose ids now name others.
	First int
	// Failed is why the policy's cell failed; "" where it did not.
	Failed string
	// Older leaves out what older versions did not write: selection points, and all but the first eleven columns of
	// metrics.csv with no metric but AIQ.
	Older bool
	// Unfinished leaves out the manifest's end, metrics and one cell.
	Unfinished bool
}

// Write writes the run into a folder of results and opens it to be read.
func Write(t testing.TB, results string, r Run) *store.Run {
	t.Helper()
	run, err := store.Open(results, r.Experiment, r.ID)
	must(t, err)
	config := json.RawMessage(`{"description":"a small one"}`)
	if r.Config != "" {
		config = json.RawMessage(r.Config)
	}
	m := store.Manifest{
		Config: config, Data: json.RawMessage(fmt.Sprintf(`{"Prompts":%d,"Train":100,"Validation":20,"Selection":20,"Test":%d}`, 140+Prompts, Prompts)),
		Seeds: []uint64{1}, Backend: "go", Started: time.Unix(1_700_000_000, 0).UTC(),
	}
	pool, label := cmp.Or(r.Pool, "all"), cmp.Or(r.Label, "router")
	cells := []cell{
		{store.Ref{ID: fmt.Sprintf("%064x", 1), Pool: pool, Policy: "single:cheap", Family: "single"}, []string{"any"}, func(string, int) int { return 0 }},
		{store.Ref{ID: fmt.Sprintf("%064x", 2), Pool: pool, Policy: "single:dear", Family: "single"}, []string{"any"}, func(string, int) int { return 1 }},
		{store.Ref{ID: fmt.Sprintf("%064x", 3), Pool: pool, Policy: label, Family: "router", Seed: 1}, []string{"q", "c1"}, r.Choose},
	}
	for i, other := range r.Others {
		cells = append(cells, cell{store.Ref{ID: fmt.Sprintf("%064x", 10+i), Pool: pool, Policy: other, Family: other, Seed: 1}, []string{"q", "c1"}, r.Choose})
	}
	var refs []store.Ref
	for i := range cells {
		refs = append(refs, cells[i].ref)
	}
	must(t, run.WritePlan(refs))
	var points []store.Point
	for i := range cells {
		if r.Unfinished && i == len(cells)-1 {
			break
		}
		if cells[i].ref.Policy == label && r.Failed != "" {
			must(t, run.FailCell(cells[i].ref, time.Second, errors.New(r.Failed)))
			continue
		}
		points = append(points, cells[i].save(t, run, &r)...)
	}
	if !r.Unfinished {
		ended := m.Started.Add(time.Minute)
		m.Finished = &ended
		must(t, run.WritePoints(points))
		table := &metrics.Table{Rows: rows(points)}
		table.Headlines = []metrics.Headline{{Pool: "all", Metric: "aiq_pool", Best: "router", Value: 0.7, Low: 0.6, High: 0.8, Second: "other", Diff: 0.1, DiffLow: 0.05, DiffHigh: 0.15, HolmP: 0.01, Clear: true}}
		if r.Older {
			table.Headlines = nil
		}
		var text, detail bytes.Buffer
		must(t, metrics.WriteCSV(&text, table.Rows))
		must(t, metrics.WriteJSON(&detail, table))
		must(t, run.WriteFile("metrics.csv", older(text.String(), r.Older)))
		must(t, run.WriteFile("metrics.json", detail.Bytes()))
	}
	must(t, run.WriteManifest(m))
	must(t, run.Close())
	read, err := store.Read(run.Dir)
	must(t, err)
	return read
}

type cell struct {
	ref         store.Ref
	preferences []string
	choose      func(preference string, prompt int) int
}

// save stores the cell's decisions and points; on selection every setting does as on test.
func (c *cell) save(t testing.TB, run *store.Run, r *Run) []store.Point {
	t.Helper()
	result := store.CellResult{Ref: c.ref, Wall: 2 * time.Second, Params: json.RawMessage(`{"k":3,"name":"a|b"}`), Curves: []store.Curve{
		{Stage: "fit", Metric: "train_loss", Steps: []int{1, 2}, Values: []float64{0.5, 0.25}},
	}}
	for i, preference := range c.preferences {
		p := store.Point{
			Pool: c.ref.Pool, Policy: c.ref.Policy, Family: c.ref.Family, Seed: c.ref.Seed, Preference: preference, Cell: c.ref.ID,
			Lambda: policy.Preference{policy.Cost: 100 * float64(i)}, N: Prompts, Coverage: 1, Figures: policy.Figures{policy.Latency: 1},
		}
		for prompt := range Prompts {
			m := c.choose(preference, prompt)
			p.Figures[policy.Quality] += float64(Score(prompt, m)) / Prompts
			p.Figures[policy.Cost] += float64(CostUSD[m]) / Prompts
			p.Figures[policy.Carbon] += 1000 * float64(CostUSD[m]) / Prompts
		}
		result.Points = append(result.Points, p)
		if !r.Older {
			result.Selection = append(result.Selection, p)
		}
	}
	result.Decisions = func(yield func(store.Decision) bool) {
		for _, preference := range c.preferences {
			for prompt := range Prompts {
				m := c.choose(preference, prompt)
				d := store.Decision{
					PromptID: fmt.Sprintf("p%03d", r.First+prompt), Preference: preference, Use: "select", Model: Models[m], Probability: 1,
					Models: []string{Models[m]}, Weights: []float32{1},
				}
				usd := float64(CostUSD[m])
				d.SetFigures(policy.Figures{policy.Quality: float64(Score(prompt, m)), policy.Cost: usd, policy.Carbon: 1000 * usd, policy.Latency: 1})
				if !yield(d) {
					return
				}
			}
		}
	}
	must(t, run.SaveCell(result))
	return result.Points
}

// rows are metrics that a test can tell apart; they are not worked out.
func rows(points []store.Point) []metrics.Row {
	var out []metrics.Row
	seen := map[string]bool{}
	for _, p := range points {
		if seen[p.Policy] {
			continue
		}
		seen[p.Policy] = true
		for i, name := range []string{"aiq_pool", "aiq"} {
			v := 0.7 + 0.01*float64(i)
			role := metrics.RolePolicy
			if strings.HasPrefix(p.Policy, metrics.SinglePrefix) {
				v, role = 0.5, metrics.RoleControl
			}
			out = append(out, metrics.Row{
				Pool: "all", Policy: p.Policy, Metric: name, Role: role, Value: v, Low: v - 0.1, High: v + 0.1, Prompts: Prompts, Seeds: 1, PerSeed: []float64{v},
				MaxCostUSD: 0.004,
			})
		}
	}
	return out
}

// older takes away what older versions did not write.
func older(text string, old bool) []byte {
	if !old {
		return []byte(text)
	}
	var out strings.Builder
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.TrimSpace(line), ",")
		if cells[2] != "aiq_pool" {
			out.WriteString(strings.Join(cells[:11], ",") + "\n")
		}
	}
	return []byte(out.String())
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
