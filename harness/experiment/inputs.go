package experiment

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/trilemma-bench/trilemma/harness/billing"
	"github.com/trilemma-bench/trilemma/harness/carbon"
	"github.com/trilemma-bench/trilemma/harness/cost"
	"github.com/trilemma-bench/trilemma/harness/encode"
	"github.com/trilemma-bench/trilemma/harness/energy"
	"github.com/trilemma-bench/trilemma/harness/importer"
	"github.com/trilemma-bench/trilemma/harness/provenance"
	"github.com/trilemma-bench/trilemma/harness/trace/split"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Billing is the accounting as package billing takes it.
func (a Accounting) Billing() (billing.Accounting, error) {
	out := billing.Accounting{Energy: energy.Default(), IgnoreRegions: a.IgnoreRegions, WaterLPerKWh: a.WaterLPerKWh}
	out.Energy.PUE, out.Energy.BatchSize, out.Energy.QuantisationBits = a.PUE, a.BatchSize, a.QuantisationBits
	out.Energy.Prefill.On, out.Energy.Prefill.Utilisation = a.Prefill, a.PrefillUtilisation
	out.Method = a.method()
	// The defaults are the zero values, so that they are named in no cell's identity.
	if a.UnknownCost != "exclude" {
		out.UnknownCost = billing.UnknownCost(a.UnknownCost)
	}
	if a.Usage != "inclusive" {
		out.Usage = billing.Usage(a.Usage)
	}
	if a.Tokens == "estimate" {
		out.Tokens = importer.Estimate{}.Name()
	}
	if err := a.files(&out); err != nil {
		return out, err
	}
	if err := out.Method.Check(); err != nil {
		return out, err
	}
	if err := out.Energy.Check(); err != nil {
		return out, err
	}
	switch {
	case a.GridGPerKWh != nil && a.Zone != "":
		return out, errors.New("grid_g_per_kwh and zone say the same thing: give one of them")
	case a.GridGPerKWh != nil:
		if !(*a.GridGPerKWh >= 0) {
			return out, fmt.Errorf("grid_g_per_kwh is %v, want 0 or more", *a.GridGPerKWh)
		}
		out.GridGPerKWh = *a.GridGPerKWh
	case a.Zone != "":
		g, err := carbon.Intensity(a.Zone)
		if err != nil {
			return out, fmt.Errorf("zone: %w", err)
		}
		out.GridGPerKWh = g.GPerKWh
	default:
		out.GridGPerKWh = carbon.WorldGPerKWh
	}
	return out, nil
}

// method is the estimate of energy; the published one is the zero method, so that it is named in no cell's identity.
func (a Accounting) method() energy.Method {
	m := energy.Method{Name: energy.Name(a.Energy)}
	orElse := func(x, otherwise float64) float64 {
		if x == 0 {
			return otherwise
		}
		return x
	}
	switch m.Name {
	case energy.Regression:
		return energy.Method{}
	case energy.Roofline:
		m.Hardware, m.ComputeUtilisation, m.BandwidthUtilisation = a.Hardware, orElse(a.Utilisation, 0.4), orElse(a.BandwidthUtilisation, 0.6)
		if m.Hardware == "" {
			m.Hardware = "H100"
		}
	case energy.Calibrated:
		m.Hardware = a.Hardware
		if m.Hardware == "" {
			m.Hardware = "H100"
		}
	case energy.Constant:
		m.WhPer1kOutput, m.WhPer1kInput = a.WhPer1kOutput, a.WhPer1kInput
	}
	return m
}

// files reads the hourly intensities, the price book and the card of a calibration.
func (a Accounting) files(out *billing.Accounting) error {
	var errs []error
	if a.Hourly != "" {
		sum, err := provenance.HashFile(a.Hourly)
		if err == nil {
			out.HourlySHA256 = sum.SHA256
			out.Hourly, err = carbon.LoadHourly(a.Hourly)
		}
		errs = append(errs, err)
	}
	if a.EnergyCard != "" {
		var err error
		if out.Method.Name != energy.Calibrated {
			err = fmt.Errorf("energy_card is there for energy: calibrated, not for energy: %s", cmp.Or(out.Method.Name, energy.Regression))
		} else {
			out.Method.Card, err = energy.LoadCard(a.EnergyCard)
		}
		errs = append(errs, err)
	}
	if a.PricesOn != "" {
		on, err := time.Parse(time.DateOnly, a.PricesOn)
		if err != nil {
			errs = append(errs, fmt.Errorf("prices_on: %q is not a date: want one such as 2024-07-01", a.PricesOn))
		}
		out.PricesOn = on
	}
	if a.Prices != "" {
		if a.PricesOn == "" {
			errs = append(errs, errors.New("prices needs prices_on: the date whose prices count for prompts without a time of arrival"))
		}
		sum, err := provenance.HashFile(a.Prices)
		if err == nil {
			out.PricesSHA256 = sum.SHA256
			out.Prices, err = cost.LoadBook(a.Prices)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// EncoderKind is one way to get vectors.
type EncoderKind string

// The ways to get vectors.
const (
	HashVectors   EncoderKind = "hash"        // from the texts
	FileVectors   EncoderKind = "precomputed" // from a Parquet file
	ColumnVectors EncoderKind = "embedding"   // from the trace
	ModelVectors  EncoderKind = "model"       // from the texts, by a BERT model
	NoVectors     EncoderKind = "none"
)

// Kind says where the encoder's vectors come from, "" where it is none of the known ways.
func (e Encoder) Kind() EncoderKind {
	switch {
	case e.Precomputed != "":
		return FileVectors
	case e.Model != "":
		return ModelVectors
	case e.Name == "hash", e.Name == "embedding", e.Name == "none":
		return EncoderKind(e.Name)
	}
	return ""
}

// ModelParams are the parameters of a model.
func (e Encoder) ModelParams() encode.ModelParams {
	return encode.ModelParams{Pooling: e.Pooling, Normalise: e.Normalise, MaxTokens: e.MaxTokens}
}

// Locate finds the precomputed vectors for a trace: in its own folder, else beside the experiment.
func (e Encoder) Locate(traceDir string) (string, error) {
	if filepath.IsAbs(e.Precomputed) {
		if _, err := os.Stat(e.Precomputed); err != nil {
			return "", fmt.Errorf("encoder %s: %w; give the file of precomputed vectors, or use encoder: hash", e.Label, err)
		}
		return e.Precomputed, nil
	}
	tried := []string{filepath.Join(traceDir, e.Precomputed), filepath.Join(e.beside, e.Precomputed)}
	if traceDir == "" {
		tried = tried[1:]
	}
	for _, path := range tried {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("encoder %s: no file %s; write it with `trilemma data encode %s`, or use --set encoder=hash", e.Label, strings.Join(tried, " or "), cmp.Or(traceDir, "TRACE"))
}

// Trace is the split as package trace takes it.
func (s Split) Trace() split.Spec {
	out := split.Spec{
		Method: split.Method(s.Method), Train: s.Train, Validation: s.Validation, Selection: s.Selection, Test: s.Test,
		Seed: s.Seed, NearDuplicates: float64(s.NearDuplicates),
	}
	if s.NearDuplicates.Off() {
		out.NearDuplicates = -1
	}
	return out
}

// Resolve lists the models of the pool as indexes into models, in their order. A name or glob that matches nothing is a
// mistake, and so is a pool without models.
func (p Pool) Resolve(models []policy.Model) ([]int, error) {
	ids := make([]string, len(models))
	providers := map[string]bool{}
	for i, m := range models {
		ids[i] = m.ID
		providers[m.Provider] = true
	}
	in := make([]bool, len(models))
	takes := false
	for _, g := range p.Models {
		takes = takes || !strings.HasPrefix(g, "!")
	}
	if !takes {
		for i := range in {
			in[i] = true
		}
	}
	apply := func(glob string, value bool) error {
		match := matcher(glob)
		found := false
		for i, id := range ids {
			if match(id) {
				in[i], found = value, true
			}
		}
		if !found {
			return fmt.Errorf("pool %s: no model of the trace matches %q, %s", p.Name, glob, suggest(glob, ids))
		}
		return nil
	}
	// In the order written, so that [*, "!llama-*", llama-3-70b] means what it says.
	for _, g := range p.Models {
		name, away := strings.CutPrefix(g, "!")
		if err := apply(name, !away); err != nil {
			return nil, err
		}
	}
	for _, g := range p.Exclude {
		if err := apply(strings.TrimPrefix(g, "!"), false); err != nil {
			return nil, err
		}
	}
	for _, name := range p.Providers {
		if !providers[name] {
			return nil, fmt.Errorf("pool %s: no model of the trace has provider %q, %s", p.Name, name, suggest(name, slices.Sorted(maps.Keys(providers))))
		}
	}
	var out []int
	for i, m := range models {
		if in[i] && (p.OpenWeights == nil || m.OpenWeights == *p.OpenWeights) && (len(p.Providers) == 0 || slices.Contains(p.Providers, m.Provider)) {
			out = append(out, i)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("pool %s is empty: none of the trace's %d models has all that it asks for", p.Name, len(models))
	}
	return out, nil
}

// Matches lists the models that the deployment is about, as indexes into models.
func (d Deployment) Matches(models []policy.Model) ([]int, error) {
	return Pool{Name: "of data.regions", Models: d.Models}.Resolve(models)
}

// matcher tells whether a model id is meant: by the whole id, or by a glob in which * stands for any text, a slash too,
// and ? for one character.
func matcher(glob string) func(string) bool {
	if !strings.ContainsAny(glob, "*?") {
		return func(id string) bool { return id == glob }
	}
	var b strings.Builder
	b.WriteString(`^(?s:`)
	for _, r := range glob {
		switch r {
		case '*':
			b.WriteString(".*")
		case '?':
			b.WriteString(".")
		default:
			b.WriteString(regexp.QuoteMeta(string(r)))
		}
	}
	b.WriteString(`)$`)
	re, err := regexp.Compile(b.String())
	if err != nil {
		// A glob of invalid UTF-8 matches nothing.
		return func(string) bool { return false }
	}
	return re.MatchString
}
