package experiment

import (
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/trilemma-bench/trilemma/harness/carbon"
	"github.com/trilemma-bench/trilemma/harness/encode"
	"github.com/trilemma-bench/trilemma/harness/encode/weights"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// checker checks what the parts of an experiment mean together, fills in what was left out and resolves paths.
type checker struct {
	*findings
	spec    *Spec
	env     func(string) (string, bool)
	dir     string // the experiment file's folder
	notices []Notice
}

var folderName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

func (c *checker) notice(path, format string, args ...any) {
	c.notices = append(c.notices, Notice{path, fmt.Sprintf(format, args...)})
}

func (c *checker) check() {
	s := c.spec
	if len(s.Name) > 128 || s.Name == "latest" {
		c.wrongAt("name", "%q cannot name a folder: use another name than latest, of at most 128 characters", s.Name)
	}
	c.data()
	c.pools()
	c.encoders()
	c.policies()
	c.metrics()
	c.span("timeout", s.Timeout)
	if s.Backend == "" {
		c.wrongAt("backend", "empty; want go, xla:cpu, xla:cuda or a path to a PJRT plugin")
	}
	s.Accounting.Hourly = c.path("accounting.hourly", s.Accounting.Hourly)
	s.Accounting.Prices = c.path("accounting.prices", s.Accounting.Prices)
	s.Accounting.EnergyCard = c.path("accounting.energy_card", s.Accounting.EnergyCard)
	if _, err := s.Accounting.Billing(); err != nil {
		c.wrongErr("accounting", err)
	}
	c.preferences()
}

func (c *checker) preferences() {
	p := &c.spec.Preferences
	if p.Lambda == [policy.NumQuantities]*Sweep{} && !p.Grid {
		p.Lambda[policy.Cost], p.Lambda[policy.Carbon] = &Sweep{Auto: autoDefault}, &Sweep{Auto: autoDefault}
	}
	for q, s := range p.Lambda {
		if s == nil {
			continue
		}
		c.sweep("preferences."+lambda(policy.Quantity(q)), s)
		if s.Auto == autoDefault {
			s.Auto = autoSize(policy.Quantity(q))
		}
	}
	if n := p.size(); n > maxSweep {
		c.wrongAt("preferences", "%d preferences are too many, want at most %d", n, maxSweep)
	}
}

func (c *checker) sweep(at string, s *Sweep) {
	for _, x := range []*Span{s.Log, s.Linear} {
		switch {
		case x == nil:
		case x.To < x.From || x.N > 1 && x.To == x.From:
			c.wrongAt(at, "from %v to %v: want the smaller one first", x.From, x.To)
		case x == s.Log && x.From == 0:
			c.wrongAt(at+".log", "a logarithmic sweep cannot begin at 0; λ = 0 is always swept, so begin above it")
		}
	}
}

// span checks a time span that the experiment gives: "0s" and what does not fit into 64 bits are none.
func (c *checker) span(at string, x Duration) {
	if n, _, given := c.root.find(at); given && x <= 0 {
		c.wrongAt(at, "got %s, want "+wantSpan, describe(n.plain()))
	}
}

func (c *checker) data() {
	d, before := &c.spec.Data, len(c.problems)
	d.Trace, d.Train, d.Test = c.path("data.trace", d.Trace), c.path("data.train", d.Train), c.path("data.test", d.Test)
	var forms []string
	if d.Set != "" {
		forms = append(forms, "set")
	}
	if d.Trace != "" {
		forms = append(forms, "trace")
	}
	if d.Train != "" || d.Test != "" {
		forms = append(forms, "train and test")
	}
	if d.Synth != nil {
		forms = append(forms, "synth")
		c.wrongErr("data.synth", d.Synth.Check())
	}
	pair := d.Train != "" && d.Test != ""
	switch {
	case len(c.problems) > before:
		return // a path that could not be resolved
	case len(forms) == 0:
		c.wrongAt("data", "names no data: give trace, or train and test, or set, or synth")
	case len(forms) > 1:
		c.wrongAt("data", "has %s: give only one of them", strings.Join(forms, ", and "))
	case (d.Train != "") != (d.Test != ""):
		c.wrongAt("data", "train and test go together: give both, or one trace to be split")
	case pair && d.Train == d.Test:
		c.wrongAt("data", "train and test are the same folder: give trace, and a split of it")
	case d.Set != "":
		c.findSet()
	}
	c.arrivals()
	c.regions()
	c.split(pair)
}

func (c *checker) arrivals() {
	a := c.spec.Data.Arrivals
	if a == nil {
		return
	}
	if _, err := time.Parse(time.RFC3339, a.From); err != nil {
		c.wrongAt("data.arrivals.from", "%q is not a time: want one such as 2024-06-01T00:00:00Z", a.From)
	}
	if a.Span.Std() < time.Second {
		c.wrongAt("data.arrivals.span", "is too short: want how long prompts arrive, such as 48h")
	}
}

func (c *checker) regions() {
	for i, r := range c.spec.Data.Regions {
		at := fmt.Sprintf("data.regions[%d]", i)
		for k, z := range r.Zones {
			if _, err := carbon.Intensity(z); err != nil {
				c.wrongAt(fmt.Sprintf("%s.zones[%d]", at, k), "%v", err)
			}
		}
	}
}

// split completes the shares: those left out are what the others leave, in the ratio 60 : 20 : 20 of train, validation and
// test. Selection, where it is left out, is half of validation.
func (c *checker) split(pair bool) {
	s := &c.spec.Data.Split
	const at = "data.split"
	apart := s.Selection == notGiven
	if apart {
		s.Selection = 0
	}
	shares := []*float64{&s.Train, &s.Validation, &s.Test}
	usual := []float64{0.6, 0.2, 0.2}
	// A test trace of its own leaves the shares of the train trace. A split that was written for one trace has test too: what
	// it says of the others is kept in proportion.
	drop := pair && (s.Test != notGiven || s.Train != notGiven && s.Validation != notGiven && s.Train+s.Validation+s.Selection < 1-1e-9)
	if pair && !drop {
		s.Test = 0
		shares, usual = shares[:2], []float64{0.75, 0.25}
	}
	given, open := s.Selection, 0.0
	for i, x := range shares {
		if *x == notGiven {
			open += usual[i]
		} else {
			given += *x
		}
	}
	if given > 1+1e-9 || open == 0 && given < 1-1e-9 {
		c.wrongAt(at, "the shares sum to %v, want 1", tidy(given))
		return
	}
	for i, x := range shares {
		if *x == notGiven {
			*x = tidy(max(0, 1-given) * usual[i] / open)
		}
	}
	if apart {
		s.Selection = tidy(s.Validation / 2)
		s.Validation = tidy(s.Validation - s.Selection)
	}
	if sum := s.Train + s.Validation + s.Selection; drop && sum > 0 {
		c.notice(at, "the share of test is left out, for data.test is the test set: data.train is divided into train, validation and selection as %v : %v : %v",
			s.Train, s.Validation, s.Selection)
		s.Train, s.Validation, s.Selection, s.Test = tidy(s.Train/sum), tidy(s.Validation/sum), tidy(s.Selection/sum), 0
	}
	if s.Method == "column" {
		return // the trace's column decides
	}
	if s.Train == 0 {
		c.wrongAt(at+".train", "no prompt is left to learn from")
	}
	if !pair && s.Test == 0 {
		c.wrongAt(at+".test", "no prompt is left to be judged on")
	}
}

// tidy takes rounding noise off a share.
func tidy(x float64) float64 { return math.Round(x*1e12) / 1e12 }

func (c *checker) pools() {
	s := c.spec
	if len(s.Pools) == 0 {
		s.Pools = Pools{{Name: "all"}}
	}
	seen := map[string]string{}
	for i, p := range s.Pools {
		at := fmt.Sprintf("pools[%d]", i)
		if !c.given(at) {
			at = "pools." + p.Name
		}
		switch {
		case p.Name == "":
			c.wrongAt(at, "the pool needs a name")
		case !folderName.MatchString(p.Name) || len(p.Name) > 64:
			c.wrongAt(at, "pool %q cannot name plots: use letters, digits, '.', '_' and '-'", p.Name)
		case seen[fileKey(p.Name)] == p.Name:
			c.wrongAt(at, "a second pool is called %q", p.Name)
		case seen[fileKey(p.Name)] != "":
			c.wrongAt(at, "files of pool %q would be those of %q: give one of them another name", p.Name, seen[fileKey(p.Name)])
		}
		seen[fileKey(p.Name)] = p.Name
		for _, g := range slices.Concat(p.Models, p.Exclude) {
			if strings.TrimPrefix(g, "!") == "" {
				c.wrongAt(at, "an empty model name; write an id, a glob such as llama-*, or leave models out for all")
			}
		}
	}
}

func (c *checker) encoders() {
	s := c.spec
	if len(s.Encoders) == 0 {
		p := encode.DefaultHash()
		s.Encoders = Encoders{{Name: "hash", Hash: &p}}
	}
	for i := range s.Encoders {
		c.encoder(&s.Encoders[i], fmt.Sprintf("encoder[%d]", i))
	}
	labels := map[string]string{}
	for i := range s.Encoders {
		e, at := &s.Encoders[i], fmt.Sprintf("encoder[%d]", i)
		if e.Label == "" {
			e.Label = e.Name
		}
		key := fileKey(e.Label)
		switch other, taken := labels[key]; {
		case taken && other == e.Label:
			c.wrongAt(at, "a second encoder is called %q: give it a label of its own", e.Label)
		case taken:
			c.wrongAt(at, "files of encoder %q would be those of %q: give one of them another label", e.Label, other)
		case e.Label != "":
			if wrong := wrongLabel(e.Label); wrong != "" {
				c.wrongAt(at, "label %s", wrong)
			}
		}
		labels[key] = e.Label
		if e.Kind() == NoVectors && len(s.Encoders) > 1 {
			c.wrongAt(at, "none cannot stand beside other encoders")
		}
	}
}

func (c *checker) encoder(e *Encoder, at string) {
	if !c.given(at) {
		at = "encoder" // written without a list
	}
	if e.Precomputed != "" {
		if filepath.IsAbs(e.Precomputed) || strings.Contains(e.Precomputed, "$") || strings.HasPrefix(e.Precomputed, "~/") {
			e.Precomputed = c.path(at+".precomputed", e.Precomputed)
		}
		e.beside = c.base(at + ".precomputed")
		if e.Name == "" {
			e.Name = strings.TrimSuffix(filepath.Base(e.Precomputed), filepath.Ext(e.Precomputed))
		}
	}
	c.model(e, at)
	builtIn := e.Name == "hash" || e.Name == "none" || e.Name == "embedding"
	switch {
	case e.Name == "":
		c.wrongAt(at, "the encoder needs a name: hash, minilm, embedding, none, or a name with precomputed: FILE or model: FOLDER")
	case e.Precomputed != "" && e.Model != "":
		c.wrongAt(at, "precomputed vectors need no model: leave one of the two out")
	case builtIn && (e.Precomputed != "" || e.Model != ""):
		c.wrongAt(at, "%q is built in: give precomputed vectors and models another name", e.Name)
	case e.Kind() == "":
		c.wrongAt(at, "unknown encoder %q, %s; or add precomputed: FILE or model: FOLDER", e.Name, suggest(e.Name, append([]string{"hash", "embedding", "none"}, weights.Names()...)))
	case e.Kind() != ModelVectors && e.ModelParams() != encode.ModelParams{}:
		c.wrongAt(at, "pooling, normalise and max_tokens belong to models, %q is none", e.Name)
	case e.Kind() == ModelVectors:
		c.wrongErr(at, e.ModelParams().Check())
	case e.Hash != nil:
		c.wrongErr(at, e.Hash.Check())
	}
}

// model resolves the folder of an encoder's model. A name that can be installed is a model by itself.
func (c *checker) model(e *Encoder, at string) {
	if _, known := weights.Find(e.Name); known && e.Precomputed == "" && e.Model == "" {
		e.Model = e.Name
	}
	if e.Model == "" {
		return
	}
	if e.Name == "" {
		e.Name = filepath.Base(e.Model)
	}
	// A word is the name of an installed model, all else a path.
	if strings.ContainsAny(e.Model, `/\$`) || strings.HasPrefix(e.Model, ".") {
		e.Model = c.path(at+".model", e.Model)
		if !strings.ContainsAny(e.Model, `/\`) {
			e.Model = "." + string(filepath.Separator) + e.Model
		}
	}
}

func (c *checker) policies() {
	s := c.spec
	labels := map[string]bool{}
	for i := range s.Policies {
		p, at := &s.Policies[i], fmt.Sprintf("policies[%d]", i)
		if p.Name == "" {
			c.wrongAt(at, "the policy needs a name; `trilemma policy list` shows them")
			continue
		}
		if p.Label != "" && labels[p.Label] {
			c.wrongAt(at+".label", "a second policy is labelled %q", p.Label)
		}
		if wrong := wrongLabel(p.Label); p.Label != "" && wrong != "" {
			c.wrongAt(at+".label", "%s", wrong)
		}
		labels[p.Label] = true
		p.Plugin = c.path(at+".plugin", p.Plugin)
		p.SHA256 = strings.ToLower(p.SHA256)
		c.span(at+".timeout", p.Timeout)
		for _, axis := range p.Grid {
			if c.given(at + ".params." + axis.Name) {
				c.wrongAt(at+".grid."+axis.Name, "is among the params too: give it once")
			}
		}
		if n := p.Grid.size(); n > maxSweep {
			c.wrongAt(at+".grid", "%d combinations are too many, want at most %d", n, maxSweep)
		}
	}
}

func (c *checker) metrics() {
	m := &c.spec.Metrics
	if m.Baseline == "" {
		m.Baseline = "best-single"
		for _, p := range c.spec.Policies {
			if p.Label == "static" || p.Label == "" && p.Name == "static" && len(p.Grid) == 0 {
				m.Baseline = "static"
			}
		}
	}
}
