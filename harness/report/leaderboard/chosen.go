package leaderboard

import (
	"slices"

	"github.com/trilemma-bench/trilemma/harness/pareto"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// SettingKey names one preference of a policy in a pool.
type SettingKey struct{ pool, policy, encoder, preference string }

// KeyOf is the setting of a point.
func KeyOf(p *store.Point) SettingKey { return SettingKey{p.Pool, p.Policy, p.Encoder, p.Preference} }

// Selections are the figures of every setting on the prompts that settings are chosen by, seeds averaged.
type Selections map[SettingKey]store.Point

// ReadSelections reads them from the cells; a run of an older version has none.
func ReadSelections(run *store.Run) (Selections, error) {
	refs, err := run.Plan()
	if err != nil {
		return nil, err
	}
	var points []store.Point
	for _, ref := range refs {
		st, ok := run.Cell(ref.ID)
		if !ok || st.State != store.Done {
			continue
		}
		for _, p := range st.Selection {
			if p.Coverage > 0 {
				p.Pool, p.Policy, p.Encoder = ref.Pool, ref.Policy, ref.Encoder
				points = append(points, p)
			}
		}
	}
	out := Selections{}
	for _, pool := range Pools(points) {
		for _, p := range OverSeeds(InPool(points, pool)) {
			out[KeyOf(&p)] = p
		}
	}
	return out, nil
}

// ChosenBy are the settings that each policy's curve of quality over a price runs through: the vertices of the hull over
// the selection prompts (pareto.Vertices). points are of one pool, seeds averaged. A policy of which there is nothing to
// choose by has none. The single models count as the settings of one policy, which mixes them.
func (s Selections) ChosenBy(points []store.Point, price policy.Quantity) map[SettingKey]bool {
	return s.ChosenByLine(points, price, func(p *store.Point) string { return p.Policy })
}

// ChosenByLine does so where several policies are on one line, the many settings of a grid say, which a name stands for.
func (s Selections) ChosenByLine(points []store.Point, price policy.Quantity, line func(*store.Point) string) map[SettingKey]bool {
	type curve struct{ name, encoder string }
	keys, means := map[curve][]SettingKey{}, map[curve][]policy.Figures{}
	for i := range points {
		p, ok := s[KeyOf(&points[i])]
		if !ok {
			continue
		}
		of := curve{line(&points[i]), p.Encoder}
		if points[i].Family == FamilySingle {
			of = curve{name: FamilySingle}
		}
		keys[of] = append(keys[of], KeyOf(&points[i]))
		means[of] = append(means[of], policy.Figures{policy.Quality: p.Figures[policy.Quality], policy.Cost: p.Figures[price]})
	}
	out := map[SettingKey]bool{}
	for of := range keys {
		for _, at := range pareto.Vertices(means[of], policy.Unknown()) {
			out[keys[of][at]] = true
		}
	}
	return out
}

// FamilySingle is the family of single models.
const FamilySingle = "single"

// InPool are the points of a pool.
func InPool(points []store.Point, pool string) []store.Point {
	var out []store.Point
	for i := range points {
		if points[i].Pool == pool {
			out = append(out, points[i])
		}
	}
	return out
}

// Pools are the names of the pools of the points, in their order.
func Pools(points []store.Point) []string {
	var out []string
	for _, p := range points {
		if !slices.Contains(out, p.Pool) {
			out = append(out, p.Pool)
		}
	}
	return out
}

// OverSeeds takes the mean of the seeds of each policy, encoder and preference, in the order of the first.
func OverSeeds(points []store.Point) []store.Point {
	type key struct{ policy, encoder, preference string }
	at := map[key]int{}
	var out []store.Point
	var count []float64
	for _, p := range points {
		k := key{p.Policy, p.Encoder, p.Preference}
		i, ok := at[k]
		if !ok {
			at[k] = len(out)
			out, count = append(out, p), append(count, 1)
			continue
		}
		count[i]++
		into := &out[i]
		for q := range p.Figures {
			into.Figures[q] += (p.Figures[q] - into.Figures[q]) / count[i]
			into.Low[q] += (p.Low[q] - into.Low[q]) / count[i]
			into.High[q] += (p.High[q] - into.High[q]) / count[i]
		}
	}
	return out
}
