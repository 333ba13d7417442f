package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/coverage"
	"github.com/trilemma-bench/trilemma/harness/dataset"
	"github.com/trilemma-bench/trilemma/harness/replay"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/harness/trace/split"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// feedback tells of how many of some models the outcome of a prompt is logged, whatever it is billed with.
func (p *Plan) feedback(models []int) coverage.Density {
	return p.answers(models, p.data.Tested(), p.logScore).Density()
}

// logScore is the score of an outcome as it was logged.
func (p *Plan) logScore(prompt, model int) float32 {
	o := &p.data.Trace.Outcomes
	if at := o.At(prompt, model); o.Present.Has(at) {
		return o.Logged[policy.Quality][at]
	}
	return float32(math.NaN())
}

// answers are the scores of some models on some prompts. Of copies of a model in several places one counts.
func (p *Plan) answers(models, rows []int, score func(prompt, model int) float32) *coverage.Answers {
	tr := p.data.Trace
	a := &coverage.Answers{Propensity: tr.Outcomes.Propensity != nil}
	seen := map[int]bool{}
	var kept []int
	for _, m := range models {
		if o := p.data.Original(m); !seen[o] {
			seen[o] = true
			kept, a.Models = append(kept, m), append(a.Models, tr.Models[m].ID)
		}
	}
	for _, i := range rows {
		for _, m := range kept {
			a.Score = append(a.Score, score(i, m))
		}
	}
	a.Category = dataset.Pick(tr.Prompts.Category, rows)
	return a
}

// missing finds what comparing the models of a pool on common prompts leaves out, and notes it.
func (p *Plan) missing(pool string, models []int) {
	a := p.answers(models, p.data.Tested(), func(prompt, model int) float32 { return p.data.Table.At(prompt, model).At(policy.Quality) })
	a.Logged = p.answers(models, p.data.Tested(), p.logScore).Score
	found := a.Missing()
	if found.Dropped == 0 {
		return
	}
	p.lacks[pool] = &lacking{found, a.Estimates()}
	test := p.data.Rows(split.Test)
	left := len(test) - len(replay.Of(p.data.Table, models).Complete(test))
	note := fmt.Sprintf("pool %s: %s.", pool, found.Tell())
	if p.Spec.Coverage == "complete" {
		note += fmt.Sprintf(" coverage: complete leaves them out, %d of %d test prompts among them.", left, len(test))
	} else {
		note += fmt.Sprintf(" coverage: available keeps them in the means of points.csv, each over the prompts that its policy covers; metrics are "+
			"on the prompts that all policies and models cover, without %d of %d test prompts.", left, len(test))
	}
	if n := len(found.Without); n > 0 && !found.Random {
		note += fmt.Sprintf(" To compare the pool without them: --set 'pools.%s.%s'.", pool, p.excluding(pool, found.Without[n-1].Models))
	}
	if !found.Random {
		note += " What each model comes to over all prompts, from whatever it answered, is in manifest.json."
	}
	p.Notices = append(p.Notices, note)
}

// excluding is the setting that leaves models out of a pool.
func (p *Plan) excluding(pool string, models []string) string {
	var out []string
	for _, one := range p.Spec.Pools {
		if one.Name == pool {
			out = append(out, one.Exclude...)
		}
	}
	for _, m := range models {
		text, err := json.Marshal(m)
		if err != nil || !strings.ContainsAny(m, " :#,[]{}&*!|>'\"%@`") {
			text = []byte(m)
		}
		out = append(out, string(text))
	}
	return "exclude=[" + strings.Join(out, ", ") + "]"
}

// lacking is what the manifest tells of a pool whose models did not answer the same prompts.
type lacking struct {
	coverage.Missing
	// Estimates are the models' mean scores over all prompts, from whatever each answered.
	Estimates []coverage.Estimate `json:"estimates"`
}

// thinBelow is the number of prompts below which a mean ranks nobody.
const thinBelow = 30

// thin says which policies have too few prompts to be ranked, in a line for each pool where that is all of them.
func thin(points []store.Point) []string {
	most := map[[2]string]int{}
	var names [][2]string
	for _, pt := range points {
		key := [2]string{pt.Pool, pt.Policy}
		if _, ok := most[key]; !ok {
			names = append(names, key)
		}
		most[key] = max(most[key], covers(&pt))
	}
	var pools []string
	all, few := map[string]int{}, map[string][]string{}
	for _, key := range names {
		pool, n := key[0], most[key]
		if all[pool]++; all[pool] == 1 {
			pools = append(pools, pool)
		}
		if n < thinBelow {
			few[pool] = append(few[pool], fmt.Sprintf("%s (%d)", key[1], n))
		}
	}
	var out []string
	for _, pool := range pools {
		switch n := len(few[pool]); {
		case n > 0 && n == all[pool]:
			out = append(out, fmt.Sprintf("pool %s: no policy has results for %d test prompts or more: nobody is given a rank", pool, thinBelow))
		case n > 0:
			out = append(out, fmt.Sprintf("pool %s: fewer than %d test prompts have results of %s: no rank is given", pool, thinBelow, strings.Join(few[pool], ", ")))
		}
	}
	return out
}

// covers is the number of prompts that a point is a mean over.
func covers(pt *store.Point) int { return int(pt.Coverage*float64(pt.N) + 0.5) }

// Feedback tells what kind of feedback the test prompts of a run have: as its manifest says, or, of a run of an older
// version, as its outcomes do. It is empty where neither is there.
func Feedback(run *store.Run) (coverage.Density, error) {
	m, err := run.Manifest()
	if err != nil {
		return coverage.Density{}, err
	}
	var about struct {
		Feedback coverage.Density `json:"feedback"`
	}
	if err := json.Unmarshal(m.Data, &about); err == nil && about.Feedback.Feedback != "" {
		return about.Feedback, nil
	}
	prompts, err := run.Prompts()
	if errors.Is(err, os.ErrNotExist) {
		return coverage.Density{}, nil
	}
	if err != nil {
		return coverage.Density{}, err
	}
	var a coverage.Answers
	at := map[string]int{}
	for _, pr := range prompts {
		for _, o := range pr.Outcomes {
			if _, ok := at[o.Model]; !ok {
				at[o.Model] = len(a.Models)
				a.Models = append(a.Models, o.Model)
			}
		}
	}
	for _, pr := range prompts {
		row := slices.Repeat([]float32{float32(math.NaN())}, len(a.Models))
		for _, o := range pr.Outcomes {
			row[at[o.Model]] = o.Score
		}
		a.Score = append(a.Score, row...)
	}
	return a.Density(), nil
}

// RefuseBandit is an error for a run over a bandit log, of which no figure is an estimate.
func RefuseBandit(run *store.Run) error {
	d, err := Feedback(run)
	if err != nil {
		return fmt.Errorf("run %s: %w", run.Dir, err)
	}
	if d.Check() != nil {
		return fmt.Errorf("run %s: %w: %d of %d prompts have one outcome; means over whatever matches are not estimates, and off-policy "+
			"estimates are not built yet: run the experiment on test prompts that several models answered", run.Dir, coverage.ErrBandit, d.One, d.Prompts)
	}
	return nil
}

// unmeasured says why a finished run has no metrics; "" where it has some.
func (p *Plan) unmeasured(run *store.Run) (string, error) {
	text, err := os.ReadFile(run.Path(MetricsCSV))
	if err != nil {
		return "", fmt.Errorf("looking for metrics: %w", err)
	}
	if strings.Count(string(text), "\n") > 1 {
		return "", nil
	}
	var why []string
	for _, pool := range p.Spec.Pools {
		test := p.test[pool.Name]
		whole := len(replay.Of(p.data.Table, p.pools[pool.Name]).Complete(test))
		why = append(why, fmt.Sprintf("pool %s: all models answered %d of %d test prompts, and no prompt is covered by every policy and model",
			pool.Name, whole, len(test)))
	}
	return strings.Join(why, "; ") + ": leave models out that answered few prompts, or policies that cover few", nil
}
