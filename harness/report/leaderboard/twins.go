package leaderboard

import (
	"encoding/json"
	"fmt"
	"hash/maphash"
	"os"
	"slices"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/harness/textfile"
)

// Twin is a policy that decides as another does.
type Twin struct {
	Policy string `json:"policy"`
	As     string `json:"as"`   // "single:" and a model's id where it always takes that
	Same   int    `json:"same"` // test prompts × preferences that both decided alike
	Of     int    `json:"of"`
}

// twinFrom is the part of decisions from which on two policies are said to decide alike: what is left can hardly be seen in
// any metric.
const twinFrom = 0.99

// twinsFile keeps what was found, for reading every decision takes longer than all else in a report.
const twinsFile = "twins.json"

// foundTwins is what the file holds: twins by pool, and the finished cells that they were found among.
type foundTwins struct {
	Cells []string          `json:"cells"`
	Twins map[string][]Twin `json:"twins"`
}

// Twins are the ranked policies of each pool that decide as another does: read where they were found among the same cells before.
func Twins(run *store.Run, tables []Table) (map[string][]Twin, error) {
	refs, err := run.Plan()
	if err != nil {
		return nil, err
	}
	now := foundTwins{}
	for _, ref := range refs {
		if st, ok := run.Cell(ref.ID); ok && st.State == store.Done {
			now.Cells = append(now.Cells, ref.ID)
		}
	}
	var before foundTwins
	if text, err := os.ReadFile(run.Path(twinsFile)); err == nil && json.Unmarshal(text, &before) == nil && slices.Equal(before.Cells, now.Cells) {
		return before.Twins, nil
	}
	if now.Twins, err = findTwins(run, refs, tables); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(&now, "", " ")
	if err != nil {
		return nil, fmt.Errorf("keeping which policies decide alike: %w", err)
	}
	_ = run.WriteFile(twinsFile, append(text, '\n')) // of a run that may only be read it is found again each time
	return now.Twins, nil
}

// findTwins finds in each pool the ranked policies of which the stored decisions are those of another policy or of one model,
// first seeds compared. A policy is named once, beside the first that it decides as.
func findTwins(run *store.Run, refs []store.Ref, tables []Table) (map[string][]Twin, error) {
	seed, hash := map[[2]string]uint64{}, maphash.MakeSeed()
	decided := map[[2]string]map[string]map[string]uint64{} // pool and policy → preference → prompt → what was decided
	for _, ref := range refs {
		st, ok := run.Cell(ref.ID)
		key := [2]string{ref.Pool, ref.Policy}
		if !ok || st.State != store.Done || !comparable(tables, ref.Pool, ref.Policy) {
			continue
		}
		if first, known := seed[key]; known && first != ref.Seed {
			continue
		}
		seed[key] = ref.Seed
		by := decided[key]
		if by == nil {
			by = map[string]map[string]uint64{}
			decided[key] = by
		}
		for d, err := range run.Decisions(ref.ID) {
			if err != nil {
				return nil, err
			}
			if by[d.Preference] == nil {
				by[d.Preference] = map[string]uint64{}
			}
			by[d.Preference][d.PromptID] = decisionHash(hash, &d)
		}
	}
	out := map[string][]Twin{}
	for i := range tables {
		t := &tables[i]
		for k := range t.Lines {
			l := &t.Lines[k]
			if own := decided[[2]string{t.Pool, l.policy}]; l.candidate() && own != nil {
				if twin, found := t.twinOf(l.policy, own, decided); found {
					out[t.Pool] = append(out[t.Pool], twin)
				}
			}
		}
	}
	return out, nil
}

// comparable tells whether a policy's decisions are looked at: those of policies with a rank, of what has none for reading
// the label, and of single models.
func comparable(tables []Table, pool, policy string) bool {
	for i := range tables {
		if l := tables[i].Line(policy); tables[i].Pool == pool && l != nil {
			return l.candidate() || l.Role == metrics.RoleLabelled || strings.HasPrefix(policy, metrics.SinglePrefix)
		}
	}
	return false
}

// twinOf is what one policy decides as: a single model, else the first of the policies above it and of those without a rank.
func (t *Table) twinOf(name string, own map[string]map[string]uint64, decided map[[2]string]map[string]map[string]uint64) (Twin, bool) {
	var others []*Line
	below := false
	for i := range t.Lines {
		l := &t.Lines[i]
		below = below || l.policy == name
		switch {
		case strings.HasPrefix(l.policy, metrics.SinglePrefix):
			others = slices.Insert(others, 0, l)
		case !l.candidate() || !below:
			others = append(others, l)
		}
	}
	for _, l := range others {
		other := decided[[2]string{t.Pool, l.policy}]
		if other == nil {
			continue
		}
		twin := Twin{Policy: name, As: l.policy}
		for preference, prompts := range own {
			theirs := other[preference]
			if theirs == nil {
				theirs = other[store.AnyPreference]
			}
			for prompt, what := range prompts {
				if that, known := theirs[prompt]; known {
					twin.Of++
					if that == what {
						twin.Same++
					}
				}
			}
		}
		if twin.Of > 0 && float64(twin.Same) >= twinFrom*float64(twin.Of) {
			return twin, true
		}
	}
	return Twin{}, false
}

// decisionHash tells decisions apart by the models that are asked and whose answer counts.
func decisionHash(seed maphash.Seed, d *store.Decision) uint64 {
	models := slices.Clone(d.Models)
	slices.Sort(models)
	return maphash.String(seed, d.Use+"\x00"+d.Model+"\x00"+strings.Join(models, "\x00")+"\x01"+strings.Join(d.Asked, "\x00"))
}

// String says it in a sentence.
func (t Twin) String() string {
	cases := fmt.Sprintf("in all %s cases", textfile.Thousands(t.Of))
	if t.Same < t.Of {
		cases = fmt.Sprintf("in %s of %s cases", textfile.Thousands(t.Same), textfile.Thousands(t.Of))
	}
	if model, single := strings.CutPrefix(t.As, metrics.SinglePrefix); single {
		return fmt.Sprintf("`%s` takes `%s` %s (test prompts × settings): it does not route.", t.Policy, model, cases)
	}
	return fmt.Sprintf("`%s` decides as `%s` does %s (test prompts × settings).", t.Policy, t.As, cases)
}
