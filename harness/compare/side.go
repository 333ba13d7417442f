package compare

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// side is one run's results.
type side struct {
	run    *store.Run
	called string // in sentences
	plan   []store.Ref
	refs   []store.Ref // done cells of the plan
	// encoders are the labels of policies that a run has on several encoders: they are called by both.
	encoders map[string]bool
	lambda   map[[2]string]policy.Preference
	cells    map[string]*store.Results
	chosen   map[string]map[string]policy.Figures // cell → preference, on the selection prompts
	pool     map[string]poolAbout
}

// poolAbout is what the manifest tells of a pool.
type poolAbout struct {
	Outside []struct {
		Model   string
		Quality *float64
		CostUSD *float64 `json:"cost_usd"`
		CarbonG *float64 `json:"carbon_g"`
	} `json:"outside_test"`
}

func read(run *store.Run, m *store.Manifest) (side, error) {
	s := side{
		run: run, encoders: map[string]bool{}, lambda: map[[2]string]policy.Preference{}, cells: map[string]*store.Results{},
		chosen: map[string]map[string]policy.Figures{},
	}
	var data struct{ Pools map[string]poolAbout }
	if len(m.Data) > 0 {
		if err := json.Unmarshal(m.Data, &data); err != nil {
			return s, fmt.Errorf("reading what the manifest tells of the data: %w", err)
		}
	}
	s.pool = data.Pools
	refs, err := run.Plan()
	if err != nil {
		return s, err
	}
	s.plan = refs
	on := map[string]string{}
	for _, r := range refs {
		if other, twice := on[r.Policy]; twice && other != r.Encoder {
			s.encoders[r.Policy] = true
		}
		on[r.Policy] = r.Encoder
	}
	points, err := run.Points()
	if err != nil {
		return s, err
	}
	for i := range points {
		s.lambda[[2]string{points[i].Pool, points[i].Preference}] = points[i].Lambda
	}
	for _, ref := range refs {
		st, ok := run.Cell(ref.ID)
		if !ok || st.State != store.Done {
			continue
		}
		s.refs = append(s.refs, ref)
		if s.cells[ref.ID] != nil {
			continue // the same cell in another pool
		}
		s.chosen[ref.ID] = map[string]policy.Figures{}
		for _, p := range st.Selection {
			if p.Coverage > 0 {
				s.chosen[ref.ID][p.Preference] = p.Figures
			}
		}
		if s.cells[ref.ID], err = run.Results(ref.ID); err != nil {
			return s, fmt.Errorf("%s: %w", ref.Name(), err)
		}
	}
	return s, nil
}

// selects tells whether any cell has figures on selection prompts.
func (s *side) selects() bool {
	for _, c := range s.chosen {
		if len(c) > 0 {
			return true
		}
	}
	return false
}

func (s *side) pools() (out []string) {
	for _, r := range s.refs {
		if !slices.Contains(out, r.Pool) {
			out = append(out, r.Pool)
		}
	}
	return out
}

// nameAlike has two runs call their policies alike: with the encoder where one of them ran a policy on several.
func nameAlike(a, b *side) {
	maps.Copy(a.encoders, b.encoders)
	maps.Copy(b.encoders, a.encoders)
}

// name is what a cell's policy is compared under: with its encoder where it ran on several.
func (s *side) name(ref *store.Ref) string {
	if s.encoders[ref.Policy] {
		return ref.Policy + "@" + ref.Encoder
	}
	return ref.Policy
}

// policies are those of a pool, in the order of the plan; single models are what the others are measured by.
func (s *side) policies(pool string) (out []string) {
	for i := range s.refs {
		r := &s.refs[i]
		if name := s.name(r); r.Pool == pool && !isSingle(r) && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func isSingle(r *store.Ref) bool { return r.Family == "single" }

// models are the pool's, by id.
func (s *side) models(pool string) (out []string) {
	for i := range s.refs {
		if r := &s.refs[i]; r.Pool == pool && isSingle(r) {
			out = append(out, r.Policy[min(len(r.Policy), len(metrics.SinglePrefix)):])
		}
	}
	return out
}

// covered are the prompts that a policy has a result for under every seed and preference, sorted.
func (s *side) covered(pool, name string) []string {
	count, of := map[string]int{}, 0
	for i := range s.refs {
		r := &s.refs[i]
		if r.Pool != pool || s.name(r) != name {
			continue
		}
		results := s.cells[r.ID]
		for _, line := range results.Lines {
			of++
			for i, id := range results.Prompts {
				if x := line.Figures[policy.Quality][i] + line.Figures[policy.Cost][i]; x == x {
					count[id]++
				}
			}
		}
	}
	return whole(count, of)
}

// answered are the prompts that every model answered, sorted.
func (s *side) answered(pool string, models []string) []string {
	count := map[string]int{}
	for _, m := range models {
		for _, id := range s.covered(pool, metrics.SinglePrefix+m) {
			count[id]++
		}
	}
	return whole(count, len(models))
}

func whole(count map[string]int, of int) (out []string) {
	for id, n := range count {
		if n == of {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

// known are the models' means outside of test; nil where the manifest does not have them all.
func (s *side) known(pool string, models []string) []policy.Figures {
	out := make([]policy.Figures, len(models))
	found := 0
	for _, m := range s.pool[pool].Outside {
		if i := slices.Index(models, m.Model); i >= 0 {
			out[i] = policy.Figures{policy.Quality: store.OrNaN(m.Quality), policy.Cost: store.OrNaN(m.CostUSD), policy.Carbon: store.OrNaN(m.CarbonG)}
			found++
		}
	}
	if found < len(models) {
		return nil
	}
	return out
}

// selection are the models' means on the selection prompts; nil where a model has none.
func (s *side) selection(pool string, models []string) []policy.Figures {
	out := make([]policy.Figures, len(models))
	found := 0
	for i := range s.refs {
		r := &s.refs[i]
		m := slices.Index(models, r.Policy[min(len(r.Policy), len(metrics.SinglePrefix)):])
		if r.Pool != pool || !isSingle(r) || m < 0 {
			continue
		}
		for _, means := range s.chosen[r.ID] {
			out[m] = means
			found++
		}
	}
	if found < len(models) {
		return nil
	}
	return out
}

func (s *side) outcomes(pool string, models, prompts []string) metrics.Outcomes {
	o := metrics.Outcomes{Models: len(models), Figures: policy.NewMatrix(len(models)*len(prompts), compared...)}
	for i := range s.refs {
		r := &s.refs[i]
		m := slices.Index(models, r.Policy[min(len(r.Policy), len(metrics.SinglePrefix)):])
		if r.Pool != pool || !isSingle(r) || m < 0 {
			continue
		}
		results := s.cells[r.ID]
		for _, line := range results.Lines {
			for k, id := range prompts {
				for _, q := range compared {
					o.Figures[q][k*len(models)+m] = line.Figures[q][results.Place(id)]
				}
			}
		}
	}
	return o
}

// compared are the quantities that metrics are of.
var compared = []policy.Quantity{policy.Quality, policy.Cost, policy.Carbon}

// curves are a policy's results by seed. The cells of a policy that takes no preference make one curve together.
func (s *side) curves(pool, name string, models, prompts []string) []metrics.Curve {
	var curves []metrics.Curve
	for i := range s.refs {
		r := &s.refs[i]
		if r.Pool != pool || s.name(r) != name {
			continue
		}
		at := slices.IndexFunc(curves, func(c metrics.Curve) bool { return c.Seed == r.Seed })
		if at < 0 {
			at = len(curves)
			curves = append(curves, metrics.Curve{Seed: r.Seed})
		}
		results := s.cells[r.ID]
		lines := slices.Clone(results.Lines)
		slices.SortFunc(lines, func(a, b store.Line) int { return strings.Compare(a.Preference, b.Preference) })
		for _, line := range lines {
			p := metrics.PromptPoint{
				Figures: policy.NewMatrix(len(prompts), compared...), Choice: make([]int32, len(prompts)),
				Free: s.lambda[[2]string{pool, line.Preference}] == policy.Preference{},
			}
			if means, ok := s.chosen[r.ID][line.Preference]; ok {
				p.Selection = &means
			}
			for k, id := range prompts {
				from := results.Place(id)
				for _, q := range compared {
					p.Figures[q][k] = line.Figures[q][from]
				}
				p.Choice[k] = int32(slices.Index(models, line.Model[from]))
			}
			curves[at].Points = append(curves[at].Points, p)
		}
	}
	return curves
}
