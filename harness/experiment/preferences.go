package experiment

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/invopop/jsonschema"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// How many values an automatic sweep has where the experiment does not say.
const (
	autoCost  = 24
	autoOther = 12 // of each other quantity
	// autoDefault is an auto without a number, until it is known of what.
	autoDefault = -1
)

// autoSize is how many values an automatic sweep of a quantity has.
func autoSize(q policy.Quantity) int {
	if q == policy.Cost {
		return autoCost
	}
	return autoOther
}

// Labelled is a preference with the name that points.csv gives it.
type Labelled struct {
	Label string
	policy.Preference
}

// weights are the λs as a cell's identity has them: those of cost, carbon and latency, and of the quantities weighed since
// as far as the last one that is not 0, so that cells from before keep their names.
func (l Labelled) weights() []float64 {
	const always = 3
	var out []float64
	for i, q := range policy.Weighed {
		if l.Preference[q] != 0 || i < always {
			for len(out) < i {
				out = append(out, 0)
			}
			out = append(out, l.Preference[q])
		}
	}
	return out
}

// Scale says between which means per prompt the single models of a pool lie on the training prompts. What is not known
// is NaN or zero.
type Scale [policy.NumQuantities]MinMax

// MinMax is the mean of the least and of the most expensive model. Min is that of the cheapest model that is not free.
type MinMax struct{ Min, Max float64 }

// An automatic sweep begins where the dearest model's whole bill is worth this much score, and ends where the cheapest
// model's bill is worth that much. Below it no decision would change by more than noise; above it, where one bill is
// worth more than the best score, all that is left to choose is the cheapest model.
const (
	autoFrom = 0.01
	autoTo   = 3
)

func (p *Preferences) size() int {
	one, all := 1, 1
	for _, s := range p.Lambda {
		if s == nil {
			continue
		}
		n := len(s.Values) + s.Auto
		for _, span := range []*Span{s.Log, s.Linear} {
			if span != nil {
				n += span.N
			}
		}
		one += n
		if all *= n + 1; all > 1<<30 {
			return all
		}
	}
	if p.Grid {
		return all
	}
	return one
}

// values are the sweep's λ > 0, ascending as written. A quantity that is free or unknown has no automatic sweep.
func (s *Sweep) values(m MinMax) []float64 {
	if s == nil {
		return nil
	}
	var out []float64
	switch {
	case s.Auto > 0:
		if !(m.Min > 0) || !(m.Max >= m.Min) || math.IsInf(m.Max, 0) {
			return nil
		}
		// Four digits: a sweep that differs in the last bit of a mean would be another experiment.
		for _, x := range logSpan(autoFrom/m.Max, autoTo/m.Min, s.Auto) {
			out = append(out, round(x, 4))
		}
	case s.Log != nil:
		for _, x := range logSpan(s.Log.From, s.Log.To, s.Log.N) {
			out = append(out, round(x, 12))
		}
	case s.Linear != nil:
		for i := range s.Linear.N {
			x := s.Linear.From
			if s.Linear.N > 1 {
				x += (s.Linear.To - s.Linear.From) * float64(i) / float64(s.Linear.N-1)
			}
			out = append(out, round(x, 12))
		}
	default:
		out = append(out, s.Values...)
	}
	kept := out[:0]
	for _, x := range out {
		if x > 0 { // zero is always there, as the preference "0"
			kept = append(kept, x)
		}
	}
	return kept
}

func logSpan(from, to float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		t := 0.5
		if n > 1 {
			t = float64(i) / float64(n-1)
		} else if from == to {
			t = 0
		}
		out[i] = math.Exp(math.Log(from) + t*(math.Log(to)-math.Log(from)))
	}
	return out
}

// round keeps some significant digits.
func round(x float64, digits int) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(x, 'e', digits-1, 64), 64)
	if err != nil {
		return x
	}
	return r
}

// Expand lists the preferences of the sweep: first λ = 0, called "0", then those of each quantity by its letter: cost
// ("c01", "c02", …), carbon ("g01", …) and so on; or, with Grid, all combinations ("c01g02"). A preference that occurs twice
// is kept once, under its first name.
func (p Preferences) Expand(scale Scale) ([]Labelled, error) {
	out := []Labelled{{Label: "0"}}
	seen := map[policy.Preference]bool{{}: true}
	add := func(l Labelled) {
		if !seen[l.Preference] {
			seen[l.Preference] = true
			out = append(out, l)
		}
	}
	if !p.Grid {
		for _, q := range policy.Weighed {
			values := p.Lambda[q].values(scale[q])
			for i, x := range values {
				l := Labelled{Label: q.Letter() + ordinal(i+1, len(values))}
				l.Preference[q] = x
				add(l)
			}
		}
		return out, nil
	}
	combined := []Labelled{{}}
	for _, q := range policy.Weighed {
		values := p.Lambda[q].values(scale[q])
		var next []Labelled
		for _, l := range combined {
			next = append(next, l)
			for i, x := range values {
				m := l
				m.Label += q.Letter() + ordinal(i+1, len(values))
				m.Preference[q] = x
				next = append(next, m)
			}
		}
		if combined = next; len(combined) > maxSweep {
			return nil, fmt.Errorf("preferences: more than %d combinations; sweep fewer values, or leave grid out", maxSweep)
		}
	}
	for _, l := range combined {
		add(l)
	}
	return out, nil
}

// ordinal writes i with as many digits as n has, at least two.
func ordinal(i, n int) string { return fmt.Sprintf("%0*d", max(2, len(strconv.Itoa(n))), i) }

// maxSweep bounds the preferences of one sweep.
const maxSweep = 10_000

// lambda is the key of a quantity's sweep.
func lambda(q policy.Quantity) string { return "lambda_" + q.String() }

// UnmarshalJSON reads a sweep for each quantity, and grid.
func (p *Preferences) UnmarshalJSON(b []byte) error {
	type plain Preferences
	sweeps := map[string]json.RawMessage{}
	if err := errors.Join(json.Unmarshal(b, (*plain)(p)), json.Unmarshal(b, &sweeps)); err != nil {
		return err
	}
	for _, q := range policy.Weighed {
		if raw, ok := sweeps[lambda(q)]; ok {
			if err := json.Unmarshal(raw, &p.Lambda[q]); err != nil {
				return err
			}
		}
	}
	return nil
}

// MarshalJSON writes what UnmarshalJSON reads.
func (p Preferences) MarshalJSON() ([]byte, error) {
	out := map[string]any{"grid": p.Grid}
	for q, s := range p.Lambda {
		if s != nil {
			out[lambda(policy.Quantity(q))] = s
		}
	}
	return json.Marshal(out)
}

// JSONSchemaExtend adds a sweep for each quantity that can be weighed.
func (Preferences) JSONSchemaExtend(s *jsonschema.Schema) {
	grid, _ := s.Properties.Get("grid")
	s.Properties = jsonschema.NewProperties()
	for _, q := range policy.Weighed {
		sweep := &jsonschema.Schema{}
		Sweep{}.JSONSchemaExtend(sweep)
		sweep.Description = fmt.Sprintf("Score that one %s of %v is worth.", q.Unit(), q)
		s.Properties.Set(lambda(q), sweep)
	}
	s.Properties.Set("grid", grid)
}

// UnmarshalJSON reads auto, {auto: n}, {log: [from, to, n]}, {linear: [from, to, n]}, a list or one number.
func (s *Sweep) UnmarshalJSON(b []byte) error {
	type plain Sweep
	*s = Sweep{}
	switch b[0] {
	case '"':
		s.Auto = autoDefault
		return nil
	case '{':
		return json.Unmarshal(b, (*plain)(s))
	case '[':
		return json.Unmarshal(b, &s.Values)
	}
	s.Values = make([]float64, 1)
	return json.Unmarshal(b, &s.Values[0])
}

// JSONSchemaExtend lists the ways to write a sweep.
func (Sweep) JSONSchemaExtend(s *jsonschema.Schema) {
	most := fmt.Sprint(maxSweep)
	many := &jsonschema.Schema{Type: "integer", Minimum: number("1"), Maximum: number(most), Description: "how many values"}
	lambda := &jsonschema.Schema{Type: "number", Minimum: number("0")}
	span := &jsonschema.Schema{
		Type: "array", PrefixItems: []*jsonschema.Schema{lambda, lambda, many}, MinItems: count(3), MaxItems: count(3),
		Title: "[from, to, n]", Description: "[from, to, n]",
	}
	section := &jsonschema.Schema{
		Type: "object", Title: "one of auto, log and linear", Properties: jsonschema.NewProperties(), AdditionalProperties: jsonschema.FalseSchema,
		MinProperties: count(1), MaxProperties: count(1),
	}
	section.Properties.Set("auto", many)
	section.Properties.Set("log", span)
	section.Properties.Set("linear", span)
	either(s, "auto, {auto: n}, {log: [from, to, n]}, {linear: [from, to, n]} or a list of numbers",
		&jsonschema.Schema{Const: "auto"}, section, lambda,
		&jsonschema.Schema{Type: "array", Title: "1 to " + most + " numbers of 0 or more", Items: lambda, MinItems: count(1), MaxItems: count(maxSweep)})
}

// UnmarshalJSON reads [from, to, n].
func (s *Span) UnmarshalJSON(b []byte) error {
	var x [3]float64
	err := json.Unmarshal(b, &x)
	*s = Span{x[0], x[1], int(math.Round(x[2]))}
	return err
}

// MarshalJSON writes [from, to, n].
func (s Span) MarshalJSON() ([]byte, error) {
	return json.Marshal([]float64{s.From, s.To, float64(s.N)})
}
