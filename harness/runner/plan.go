package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/billing"
	"github.com/trilemma-bench/trilemma/harness/carbon"
	"github.com/trilemma-bench/trilemma/harness/coverage"
	"github.com/trilemma-bench/trilemma/harness/dataset"
	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/provenance"
	"github.com/trilemma-bench/trilemma/harness/replay"
	"github.com/trilemma-bench/trilemma/harness/savings"
	"github.com/trilemma-bench/trilemma/harness/trace/split"
	"github.com/trilemma-bench/trilemma/plugins/host"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Plan is an experiment that was checked through and through: its data is loaded and every cell is known.
type Plan struct {
	Spec    *experiment.Spec
	ID      string // of the run
	Cells   []experiment.Cell
	Notices []string

	data      *dataset.Dataset
	acc       billing.Accounting
	vectors   map[string]dataset.Vectors // by label of the encoder
	pools     map[string][]int
	prefs     map[string][]experiment.Labelled
	test      map[string][]int    // test prompts by pool
	lacks     map[string]*lacking // by pool, where models did not answer the same prompts
	sources   map[string]host.Source
	canonical json.RawMessage
	about     json.RawMessage
	saver     *savings.Finder
	inputs    []provenance.File
	plugins   []provenance.File
}

// Prepare loads the data of an experiment and expands it into cells. Everything that is wrong with the input is an error
// here.
func Prepare(ctx context.Context, spec *experiment.Spec, opt Options) (*Plan, error) {
	acc, err := spec.Accounting.Billing()
	if err != nil {
		return nil, fmt.Errorf("accounting: %w", err)
	}
	p := &Plan{
		Spec: spec, acc: acc, vectors: map[string]dataset.Vectors{}, pools: map[string][]int{},
		prefs: map[string][]experiment.Labelled{}, test: map[string][]int{}, sources: map[string]host.Source{}, lacks: map[string]*lacking{},
	}
	if p.data, err = dataset.Load(ctx, spec, acc); err != nil {
		return nil, err
	}
	if err := p.feedback(dataset.UpTo(len(p.data.Trace.Models))).Check(); err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	p.takeNotices()
	if p.saver, err = savings.NewFinder(p.data, acc, spec.Metrics); err != nil {
		return nil, fmt.Errorf("accounting: %w", err)
	}
	catalogue := newCatalogue(opt)
	p.noteYearly()
	fingerprints := map[string]string{}
	if catalogue.anyWants(ctx, spec.Policies, policy.NeedVector) {
		for _, e := range spec.Encoders {
			v, err := p.data.Encode(ctx, e, spec.Backend)
			if err != nil {
				return nil, err
			}
			p.takeNotices()
			p.vectors[e.Label], fingerprints[e.Label] = v, v.About.Fingerprint
		}
	}
	outcomes, split := p.data.Fingerprints()
	accounting, err := json.Marshal(acc)
	if err != nil {
		return nil, fmt.Errorf("accounting: %w", err)
	}
	p.Cells, err = experiment.Expand(spec, experiment.Facts{
		Models: p.data.Trace.Models, Known: catalogue.names(),
		Describe: func(pol experiment.Policy) (experiment.PolicyFacts, bool, error) { return catalogue.describe(ctx, pol) },
		Trace:    outcomes, Split: split, Accounting: provenance.Digest("accounting", accounting), Encoders: fingerprints,
		Preferences: p.preferences,
	})
	if err != nil {
		return nil, err
	}
	p.sources, p.plugins = catalogue.sources, catalogue.files
	if p.ID, err = experiment.RunID(spec, p.Cells, map[string]string{"trace": outcomes, "split": split}); err != nil {
		return nil, err
	}
	return p, p.describe()
}

// takeNotices tells what the data has noted since the last time.
func (p *Plan) takeNotices() {
	p.Notices, p.data.Notices = append(p.Notices, p.data.Notices...), nil
}

// fill computes the vectors that cells need and that are not computed yet.
func (p *Plan) fill(ctx context.Context, cells []*experiment.Cell, opt Options) error {
	for _, c := range cells {
		var progress func(done, total int)
		if opt.Encoding != nil {
			progress = func(done, total int) { opt.Encoding(c.Encoder, done, total) }
		}
		v, known := p.vectors[c.Encoder]
		if !known {
			continue
		}
		if err := p.data.Fill(ctx, &v, progress); err != nil {
			return fmt.Errorf("encoder %s: %w", c.Encoder, err)
		}
		p.vectors[c.Encoder] = v
	}
	p.takeNotices()
	return nil
}

// noteYearly tells which places the hourly file lacks.
func (p *Plan) noteYearly() {
	if p.acc.Hourly == nil {
		return
	}
	if p.data.Trace.Prompts.ArrivedAt == nil {
		p.Notices = append(p.Notices, "hourly intensities are not used: the prompts have no time of arrival; give data.arrivals")
		return
	}
	var lacks, seen []string
	for _, m := range p.data.Trace.Models {
		if m.Region == "" || slices.Contains(seen, m.Region) {
			continue
		}
		seen = append(seen, m.Region)
		switch zone, err := p.acc.Hourly.Zone(m.Region); {
		case err != nil:
			lacks = append(lacks, m.Region)
		case !slices.ContainsFunc(carbon.Zones(m.Region), func(z string) bool { return strings.EqualFold(z, zone) }):
			p.Notices = append(p.Notices, fmt.Sprintf("models in %s take the grid of %s, the only zone of the hourly file that begins so", m.Region, zone))
		}
	}
	if len(lacks) > 0 {
		p.Notices = append(p.Notices, fmt.Sprintf("the hourly file lacks %s: models there keep the yearly average", strings.Join(lacks, ", ")))
	}
	if p.acc.Hourly.Marginal {
		p.Notices = append(p.Notices, "the hourly intensities are marginal rates (WattTime): emissions are what one more answer causes, and cannot be compared with averages")
	}
}

// nobody says why a pool is left without test prompts: models without a single outcome that can be billed are named, with
// what their outcomes lack.
func (p *Plan) nobody(pool string, models []int) error {
	view := replay.Of(p.data.Table, models)
	var free []string
	var which []int
	for m, model := range models {
		some := false
		for prompt := 0; prompt < p.data.Trace.Prompts.Len() && !some; prompt++ {
			some = view.At(prompt, m).Present()
		}
		if !some {
			free, which = append(free, p.data.Trace.Models[model].ID), append(which, model)
		}
	}
	if len(free) == 0 {
		return fmt.Errorf("no test prompt was answered by all %d models: use coverage: available, or leave models out", len(models))
	}
	why := p.data.Table.WhyUnbilled(p.data.ModelIDs(), which)
	if why == "" {
		return fmt.Errorf("%s have no outcomes: add them to the trace, or exclude the models from pool %s", strings.Join(free, ", "), pool)
	}
	return fmt.Errorf("no outcome of %s can be replayed, for they have no known cost: %s; or compare by scores alone with accounting.unknown_cost: quality-only, "+
		"or exclude the models from pool %s", strings.Join(free, ", "), why, pool)
}

// preferences are those of a pool, and on the way its prompts and their scale.
func (p *Plan) preferences(pool string, models []int) ([]experiment.Labelled, error) {
	if err := p.feedback(models).Check(); err != nil {
		return nil, err
	}
	p.pools[pool] = models
	p.missing(pool, models)
	p.test[pool] = p.rows(pool, split.Test)
	if len(p.test[pool]) == 0 {
		return nil, p.nobody(pool, models)
	}
	train := p.rows(pool, split.Train)
	if len(train) == 0 {
		return nil, fmt.Errorf("no training prompt was answered by the pool")
	}
	means, err := replay.SingleMeans(replay.Of(p.data.Table, models), train)
	if err != nil {
		return nil, err
	}
	var scale experiment.Scale
	for _, q := range policy.Weighed {
		scale[q] = spread(means, q)
	}
	sweeps := p.Spec.Preferences
	if p.acc.UnknownCost == billing.QualityOnly {
		sweeps.Lambda[policy.Cost] = nil // what a dollar is worth cannot be asked where no cost is known
	}
	list, err := sweeps.Expand(scale)
	if err != nil {
		return nil, err
	}
	for _, l := range list {
		for _, q := range policy.Weighed {
			if l.Preference[q] != 0 && math.IsNaN(scale[q].Max) {
				return nil, fmt.Errorf("preference %s weighs %v, which is unknown for some model: %s, or leave lambda_%v out", l.Label, q, q.Remedy(), q)
			}
		}
	}
	if math.IsNaN(scale[policy.Carbon].Max) {
		p.Notices = append(p.Notices, fmt.Sprintf("pool %s: the carbon of some model is unknown, so there are no preferences for it: "+
			"give params_active_b and params_total_b in models.yaml", pool))
	}
	p.prefs[pool] = list
	return list, nil
}

// spread is the least and the greatest mean of the models; NaN where one is unknown. A free model is no minimum.
func spread(means []replay.Mean, q policy.Quantity) experiment.MinMax {
	out := experiment.MinMax{Min: math.NaN(), Max: math.NaN()}
	for i := range means {
		if means[i].Covered == 0 {
			continue
		}
		x := means[i].Figures[q]
		if math.IsNaN(x) {
			return experiment.MinMax{Min: math.NaN(), Max: math.NaN()}
		}
		if x > 0 && !(x >= out.Min) {
			out.Min = x
		}
		if !(x <= out.Max) {
			out.Max = x
		}
	}
	return out
}

// rows are the prompts of a part that count for a pool. For learning every prompt counts that some model of the pool
// answered, for testing those that the experiment's coverage says.
func (p *Plan) rows(pool string, part split.Part) []int {
	rows := p.data.Rows(part)
	view := replay.Of(p.data.Table, p.pools[pool])
	if part == split.Test && p.Spec.Coverage == "complete" {
		return view.Complete(rows)
	}
	return slices.DeleteFunc(rows, func(prompt int) bool {
		for m := range view.Pool {
			if view.At(prompt, m).Present() {
				return false
			}
		}
		return true
	})
}

// feedOf is the data of a cell.
func (p *Plan) feedOf(c *experiment.Cell) *dataset.Feed {
	return p.data.Feed(c.Models, p.vectors[c.Encoder], p.prefs[c.Pool])
}

// source is where a cell's policy comes from.
func (p *Plan) source(c *experiment.Cell) host.Source { return p.sources[c.Policy+"\x00"+c.Plugin] }

// describe fills in what the manifest tells of the data.
func (p *Plan) describe() error {
	resolved, err := p.Spec.Resolved()
	if err != nil {
		return err
	}
	p.canonical = resolved
	type poolAbout struct {
		Models      []string              `json:"models"`
		Selection   int                   `json:"selection_prompts"`
		Test        int                   `json:"test_prompts"`
		Missing     *lacking              `json:"missing,omitempty"`
		Preferences map[string][3]float64 `json:"preferences"`
		// Outside are the models' means over the prompts outside of test, by which the best single model is chosen.
		Outside []outsideMeans `json:"outside_test"`
	}
	about := struct {
		Prompts, Train, Validation, Selection, Test int
		Feedback                                    coverage.Density `json:"feedback"`
		Logged                                      billing.Shares
		Accounting                                  billing.Accounting
		Pools                                       map[string]poolAbout
		Encoders                                    map[string]dataset.EncoderAbout
	}{
		Prompts: len(p.data.Part), Train: len(p.data.Rows(split.Train)), Validation: len(p.data.Rows(split.Validation)),
		Selection: len(p.data.Rows(split.Selection)), Test: len(p.data.Rows(split.Test)), Feedback: p.feedback(dataset.UpTo(len(p.data.Trace.Models))), Logged: p.data.Table.Logged, Accounting: p.acc,
		Pools: map[string]poolAbout{}, Encoders: map[string]dataset.EncoderAbout{},
	}
	for name, models := range p.pools {
		a := poolAbout{Selection: len(p.selectionRows(name)), Test: len(p.test[name]), Missing: p.lacks[name], Preferences: map[string][3]float64{}}
		for _, m := range models {
			a.Models = append(a.Models, p.data.Trace.Models[m].ID)
		}
		if a.Outside, err = p.outside(name); err != nil {
			return err
		}
		for _, l := range p.prefs[name] {
			a.Preferences[l.Label] = [3]float64{l.Preference[policy.Cost], l.Preference[policy.Carbon], l.Preference[policy.Latency]}
		}
		about.Pools[name] = a
	}
	for label, v := range p.vectors {
		about.Encoders[label] = v.About
		p.inputs = append(p.inputs, v.Files...)
	}
	p.inputs = append(p.inputs, p.data.Inputs()...)
	slices.SortFunc(p.inputs, func(a, b provenance.File) int {
		if a.Path < b.Path {
			return -1
		}
		return 1
	})
	if p.about, err = json.Marshal(about); err != nil {
		return fmt.Errorf("describing the data: %w", err)
	}
	return nil
}

// Summary is what `trilemma plan` shows.
type Summary struct {
	Run        string         `json:"run"`
	Prompts    map[string]int `json:"prompts"`
	Selection  map[string]int `json:"selection_prompts_by_pool"`
	Pools      map[string]int `json:"test_prompts_by_pool"`
	Cells      int            `json:"cells"`
	Decisions  int            `json:"decisions"`
	DiskBytes  int            `json:"disk_bytes_estimate"`
	Notices    []string       `json:"notices,omitempty"`
	ByPolicy   map[string]int `json:"cells_by_policy"`
	TrainCells int            `json:"cells_that_train"`
}

// bytesPerDecision is about what a stored decision takes, as measured on the quickstart.
const bytesPerDecision = 20

// Summarise counts what the plan will do.
func (p *Plan) Summarise() Summary {
	s := Summary{
		Run: p.ID, Cells: len(p.Cells), Notices: p.Notices, ByPolicy: map[string]int{}, Pools: map[string]int{}, Selection: map[string]int{},
		Prompts: map[string]int{
			"train": len(p.data.Rows(split.Train)), "validation": len(p.data.Rows(split.Validation)),
			"selection": len(p.data.Rows(split.Selection)), "test": len(p.data.Rows(split.Test)),
		},
	}
	for name := range p.pools {
		s.Pools[name], s.Selection[name] = len(p.test[name]), len(p.selectionRows(name))
	}
	for i := range p.Cells {
		c := &p.Cells[i]
		s.ByPolicy[c.Family]++
		s.Decisions += len(p.test[c.Pool]) * len(c.Preferences)
		if c.Facts.Learns {
			s.TrainCells++
		}
	}
	s.DiskBytes = s.Decisions * bytesPerDecision
	return s
}
