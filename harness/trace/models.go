package trace

import (
	"fmt"
	"math"
	"strconv"

	"github.com/goccy/go-yaml"

	"github.com/trilemma-bench/trilemma/harness/textfile"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Names of the files of a trace.
const (
	ModelsFile   = "models.yaml"
	PromptsFile  = "prompts.parquet"
	OutcomesFile = "outcomes.parquet" // or:
	OutcomesDir  = "outcomes"         // with one Parquet file a shard
)

// ParseModels reads the text of a models.yaml. The error is the first [Violation].
func ParseModels(src []byte) ([]policy.Model, error) {
	found := &Findings{Limit: 1}
	models := CheckModels(src, found)
	return models, found.First(nil)
}

// modelsReader holds what is needed to name the line of a violation.
type modelsReader struct {
	found *Findings
	keys  ModelKeys
	at    int         // model
	entry map[any]any // its values, taken as they come so that a wrong one is told with its line
}

// CheckModels reads the text of a models.yaml. What is wrong with it goes to found.
func CheckModels(src []byte, found *Findings) (models []policy.Model) {
	invalid := func(why any) {
		problem := fmt.Sprintf("is not valid YAML: %v", why)
		v := Violation{File: ModelsFile, Row: -1, Problem: problem, Fix: "write a list of models under the key models"}
		if e, ok := why.(yaml.Error); ok {
			v.Problem = "is not valid YAML: " + e.GetMessage()
			if tok := e.GetToken(); tok != nil && tok.Position != nil {
				v.Row = int64(tok.Position.Line)
			}
		}
		found.Add(v)
		models = nil
	}
	defer func() {
		if r := recover(); r != nil {
			invalid(r)
		}
	}()
	src = textfile.Trim(src)
	// Not strict: keys that a later version or another tool writes are no error.
	keys, err := readModelKeys(src)
	if err != nil {
		invalid(err)
		return nil
	}
	r := &modelsReader{found: found, keys: keys}
	seen := map[string]int64{}
	for i, e := range keys.models {
		r.at, r.entry = i, e
		m := policy.NewModel(r.text("id"))
		if m.ID == "" {
			if e["id"] == nil || e["id"] == "" {
				r.bad("id", "", "a model has no id", "give every model an id, the model_id of its outcomes")
			}
		} else if line, twice := seen[m.ID]; twice {
			r.bad("id", Clip(m.ID), fmt.Sprintf("is the id of the model in line %d already", line), "remove one of the two")
		} else {
			seen[m.ID] = keys.Line(i, "id")
		}
		r.otherPrices()
		m.Provider = r.text("provider")
		m.Hardware = r.text("hardware")
		m.Region = r.text("region")
		switch open := e["open_weights"].(type) {
		case nil:
		case bool:
			m.OpenWeights = open
		default:
			r.bad("open_weights", fmt.Sprint(open), "is not a truth value", "write true or false")
		}
		m.ParamsTotalB = r.span("params_total_b")
		m.ParamsActiveB = r.span("params_active_b")
		r.sizes(m.ParamsTotalB, m.ParamsActiveB)
		m.PriceInputUSDPerMTok = r.number("price_input_usd_per_mtok", r.entry["price_input_usd_per_mtok"], false)
		m.PriceOutputUSDPerMTok = r.number("price_output_usd_per_mtok", r.entry["price_output_usd_per_mtok"], false)
		m.TokensPerSec = r.either("tokens_per_sec", "throughput_tokens_per_s", true)
		m.TimeToFirstTokenSec = r.either("time_to_first_token_s", "time_to_first_token_sec", false)
		models = append(models, m)
	}
	if len(models) == 0 {
		found.Add(Violation{File: ModelsFile, Row: -1, Column: "models", Problem: "names no models",
			Fix: "list the models under the key models, each with at least an id"})
	}
	return models
}

func (r *modelsReader) bad(key, value, problem, fix string) {
	r.found.Add(Violation{File: ModelsFile, Row: r.keys.Line(r.at, key), Column: key, Value: value, Problem: problem, Fix: fix})
}

func (r *modelsReader) text(key string) string {
	switch v := r.entry[key].(type) {
	case nil:
		return ""
	case string:
		return v
	}
	r.bad(key, fmt.Sprint(r.entry[key]), "is not a text", "put it in quotes")
	return ""
}

// number reads a figure that must not be negative, nor zero where positive is asked for. nil is NaN: unknown.
func (r *modelsReader) number(key string, v any, positive bool) float64 {
	x, ok := toFloat(v)
	switch {
	case v == nil:
		return math.NaN()
	case !ok:
		r.bad(key, Clip(fmt.Sprint(v)), "is not a number", "write a plain number, or leave the key out where it is unknown")
	case math.IsNaN(x) || math.IsInf(x, 0):
		r.bad(key, fmt.Sprint(x), "is not a finite number", "leave the key out where it is unknown")
	case x < 0:
		r.bad(key, fmt.Sprint(x), "is negative", "leave the key out where it is unknown")
	case positive && x == 0:
		r.bad(key, "0", "is not positive", "leave the key out where it is unknown")
	default:
		return x
	}
	return math.NaN()
}

// either reads the figure of a key, or of its other spelling.
func (r *modelsReader) either(key, other string, positive bool) float64 {
	if r.entry[key] == nil {
		key = other
	}
	return r.number(key, r.entry[key], positive)
}

// span reads a number or a pair [low, high] of them.
func (r *modelsReader) span(key string) policy.Range {
	v := r.entry[key]
	if v == nil {
		return policy.Range{}
	}
	if pair, ok := v.([]any); ok {
		if len(pair) != 2 || pair[0] == nil || pair[1] == nil {
			r.bad(key, fmt.Sprint(v), "is not a pair", "write a number or [low, high]")
			return policy.Range{}
		}
		low, high := r.number(key, pair[0], true), r.number(key, pair[1], true)
		if low > high {
			r.bad(key, fmt.Sprint(v), "has its low end above its high end", "write [low, high]")
		}
		if !(low <= high) {
			return policy.Range{}
		}
		return policy.Range{Low: low, High: high}
	}
	x := r.number(key, v, true)
	if math.IsNaN(x) {
		return policy.Range{}
	}
	return policy.Exactly(x)
}

// mostParamsB is above every model there is by a factor of some thousands: 100,000 billion parameters.
const mostParamsB = 1e5

// sizes refuses sizes that no model has.
func (r *modelsReader) sizes(total, active policy.Range) {
	for _, s := range []struct {
		key string
		of  policy.Range
	}{{"params_total_b", total}, {"params_active_b", active}} {
		if s.of.High > mostParamsB {
			r.bad(s.key, FigureText(s.of.High), "billion parameters are more than any model has",
				"write the size in billions: "+FigureText(s.of.High/1e9)+" for "+FigureText(s.of.High)+" parameters")
			return
		}
	}
	if total.Known() && active.Known() && active.Low > total.High {
		r.bad("params_active_b", FigureText(active.Low), "is above params_total_b, "+FigureText(total.High)+", of which it is a part",
			"swap the two, or write the same figure where all parameters are active")
	}
}

// FigureText is a figure as messages show it.
func FigureText(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }

func toFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// FormatModels writes models.yaml: the keys that [ParseModels] reads, unknown figures left out.
func FormatModels(models []policy.Model) ([]byte, error) {
	var list []yaml.MapSlice
	for _, m := range models {
		entry := yaml.MapSlice{{Key: "id", Value: m.ID}}
		put := func(key string, v any) { entry = append(entry, yaml.MapItem{Key: key, Value: v}) }
		if m.Provider != "" {
			put("provider", m.Provider)
		}
		put("open_weights", m.OpenWeights)
		for _, r := range []struct {
			key string
			r   policy.Range
		}{{"params_total_b", m.ParamsTotalB}, {"params_active_b", m.ParamsActiveB}} {
			switch {
			case !r.r.Known():
			case r.r.Low == r.r.High:
				put(r.key, figure(r.r.Low))
			default:
				put(r.key, []figure{figure(r.r.Low), figure(r.r.High)})
			}
		}
		for _, f := range []struct {
			key string
			x   float64
		}{
			{"price_input_usd_per_mtok", m.PriceInputUSDPerMTok},
			{"price_output_usd_per_mtok", m.PriceOutputUSDPerMTok},
			{"tokens_per_sec", m.TokensPerSec},
			{"time_to_first_token_s", m.TimeToFirstTokenSec},
		} {
			// A model made without policy.NewModel has zeros where nothing is known; nothing generates 0 tokens a second.
			if !math.IsNaN(f.x) && !(f.key == "tokens_per_sec" && f.x <= 0) {
				put(f.key, figure(f.x))
			}
		}
		if m.Hardware != "" {
			put("hardware", m.Hardware)
		}
		if m.Region != "" {
			put("region", m.Region)
		}
		list = append(list, entry)
	}
	return yaml.Marshal(yaml.MapSlice{{Key: "models", Value: list}})
}

// figure is written as a person would: 0.14, 236.
type figure float64

// MarshalYAML implements yaml.BytesMarshaler.
func (f figure) MarshalYAML() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(f), 'f', -1, 64), nil
}
