package page

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"slices"

	"github.com/trilemma-bench/trilemma/harness/report/footprint"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// maxChosen is the number of preferences under which the page shows what a policy chose for every prompt: at any price, at
// the end of the sweep, and between.
const maxChosen = 3

// maxCategories bounds the categories that are told apart: beyond it they are identifiers.
const maxCategories = 64

// cells reads what each policy chose, how it did by category, and how it trained. Of several seeds the first is shown.
func (r *pageRun) cells(run *store.Run) error {
	refs, err := run.Plan()
	if err != nil {
		return err
	}
	row, model := map[string]int{}, map[string]int{}
	for i, id := range r.Prompts.ID {
		row[id] = i
	}
	for i, m := range r.Prompts.Models {
		model[m] = i
	}
	categories := slices.Compact(slices.Sorted(slices.Values(r.Prompts.Category)))
	if len(categories) > maxCategories || len(categories) < 2 {
		categories = nil
	}
	done := map[[2]string]bool{}
	for _, ref := range refs {
		st, ok := run.Cell(ref.ID)
		pool := r.pool(ref.Pool)
		if !ok || st.State != store.Done || pool == nil {
			continue
		}
		for _, c := range st.Curves {
			if len(c.Steps) > 1 {
				pool.Curves = append(pool.Curves, pageCurve{ref.Policy, ref.Seed, c.Stage, c.Metric, c.Steps, c.Values})
			}
		}
		policy := pool.policy(ref.Policy)
		if policy == nil {
			continue
		}
		// A cell may serve one preference of several: each is read, of the first seed.
		key := [2]string{ref.Pool + "/" + ref.Policy, ref.Preference}
		if done[key] || len(r.Prompts.ID) == 0 {
			continue
		}
		done[key] = true
		pool.Categories = categories
		if err := r.choices(run, ref.ID, policy, categories, row, model); err != nil {
			return err
		}
	}
	return nil
}

func (p *pagePool) policy(label string) *pagePolicy {
	for _, x := range p.Policies {
		if x.Label == label {
			return x
		}
	}
	return nil
}

func (p *pagePolicy) point(preference string) *pagePoint {
	for i := range p.Points {
		if p.Points[i].Preference == preference {
			return &p.Points[i]
		}
	}
	return nil
}

// choices reads the decisions of a cell.
func (r *pageRun) choices(run *store.Run, id string, of *pagePolicy, categories []string, row, model map[string]int) error {
	type sum struct{ score, n float64 }
	by := map[string][]sum{}
	cells := map[string]*pageCell{}
	for _, at := range []int{0, len(of.Points) / 2, len(of.Points) - 1} {
		name := of.Points[at].Preference
		if cells[name] == nil && of.Kind == "policy" && len(cells) < maxChosen {
			c, lambda := &pageCell{Preference: name}, of.Points[at].Lambda
			for range r.Prompts.ID {
				if lambda[1] != 0 {
					c.Carbon = append(c.Carbon, num(math.NaN()))
				}
				if lambda[2] != 0 {
					c.Latency = append(c.Latency, num(math.NaN()))
				}
				c.Model, c.Score, c.Cost, c.Asked = append(c.Model, -1), append(c.Score, -1), append(c.Cost, num(math.NaN())), append(c.Asked, 0)
			}
			cells[name] = c
		}
	}
	used := map[string]bool{}
	for d, err := range run.Decisions(id) {
		if err != nil {
			return err
		}
		i, known := row[d.PromptID]
		if !known {
			continue
		}
		f := d.Figures()
		score, cost := float32(f[policy.Quality]), f[policy.Cost]
		if categories != nil && score == score {
			if by[d.Preference] == nil {
				by[d.Preference] = make([]sum, len(categories))
			}
			k, _ := slices.BinarySearch(categories, r.Prompts.Category[i])
			by[d.Preference][k].score += float64(score)
			by[d.Preference][k].n++
		}
		if c := cells[d.Preference]; c != nil {
			used[d.Preference] = true
			if m, known := model[d.Model]; known {
				c.Model[i] = m
			}
			c.Score[i], c.Cost[i] = thousandths(score), num(cost)
			if c.Carbon != nil {
				c.Carbon[i] = num(f[policy.Carbon])
			}
			if c.Latency != nil {
				c.Latency[i] = num(f[policy.Latency])
			}
			c.Asked[i] = max(len(d.Asked), 1)
			if d.Use == "combine" {
				c.Asked[i] = max(len(d.Asked), len(d.Models))
			}
		}
	}
	for name, sums := range by {
		p := of.point(name)
		if p == nil {
			continue
		}
		p.ByCategory = make([]num, len(sums))
		for k, s := range sums {
			p.ByCategory[k] = num(s.score / s.n) // NaN where there is none
		}
	}
	for i := range of.Points {
		name := of.Points[i].Preference
		c := cells[name]
		if c == nil || !used[name] {
			continue
		}
		if slices.Max(c.Asked) <= 1 {
			c.Asked = nil
		}
		of.Chosen = append(of.Chosen, c)
		delete(cells, name)
	}
	return nil
}

// footprint adds savings and footprints; a run of an older version has none.
func (r *pageRun) footprint(run *store.Run) error {
	f, err := footprint.Of(run)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	own, err := json.Marshal(f.Own)
	if err != nil {
		return err
	}
	for _, p := range r.Pools {
		p.Own = own
		p.Said = append(f.Statements(), f.Notices...)
		for i := range f.PayBack {
			if f.PayBack[i].Pool == p.Name {
				p.Said = append(p.Said, f.PayBack[i].Sentence())
			}
		}
		for i := range f.Baselines {
			if f.Baselines[i].Pool == p.Name {
				p.Baselines = append(p.Baselines, f.Baselines[i])
				for _, s := range f.Deployed(&f.Baselines[i]) {
					p.Savings = append(p.Savings, *s)
				}
			}
		}
		for i := range f.Policies {
			if f.Policies[i].Pool == p.Name && !f.Policies[i].Single {
				one := f.Policies[i]
				one.Slices, one.HourlyShares = nil, nil
				p.Footprints = append(p.Footprints, one)
			}
		}
	}
	return nil
}
