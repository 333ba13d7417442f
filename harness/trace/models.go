package trace

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

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

// modelEntry is one model of models.yaml. Every value is taken as it comes, so that a wrong one is told with its line.
type modelEntry struct {
	ID             any `yaml:"id"`
	Provider       any `yaml:"provider"`
	OpenWeights    any `yaml:"open_weights"`
	ParamsTotalB   any `yaml:"params_total_b"`
	ParamsActiveB  any `yaml:"params_active_b"`
	PriceInput     any `yaml:"price_input_usd_per_mtok"`
	PriceOutput    any `yaml:"price_output_usd_per_mtok"`
	Hardware       any `yaml:"hardware"`
	Region         any `yaml:"region"`
	TokensPerSec   any `yaml:"tokens_per_sec"`
	Throughput     any `yaml:"throughput_tokens_per_s"`
	FirstTokenSec  any `yaml:"time_to_first_token_s"`
	FirstTokenSec2 any `yaml:"time_to_first_token_sec"`
}

// readModels reads models.yaml. What is wrong with it goes to found; err is for what is not the file's fault.
func readModels(dir string, found *findings) (models []policy.Model, err error) {
	path := filepath.Join(dir, ModelsFile)
	src, err := textfile.Read(path)
	if errors.Is(err, os.ErrNotExist) {
		found.add(Violation{File: ModelsFile, Row: -1, Problem: "is missing", Fix: "a trace is a folder with models.yaml, " +
			"prompts.parquet and outcomes.parquet; check the path " + dir})
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return parseModels(src, found), nil
}

// ParseModels reads the text of a models.yaml. The error is the first [Violation].
func ParseModels(src []byte) ([]policy.Model, error) {
	found := &findings{limit: 1}
	models := parseModels(src, found)
	if found.total > 0 {
		return nil, &found.list[0].Violation
	}
	return models, nil
}

// modelsReader holds what is needed to name the line of a violation.
type modelsReader struct {
	found *findings
	lines map[string]int // "2.region" → line
	at    int            // model
}

func parseModels(src []byte, found *findings) (models []policy.Model) {
	invalid := func(why any) {
		problem := fmt.Sprintf("is not valid YAML: %v", why)
		v := Violation{File: ModelsFile, Row: -1, Problem: problem, Fix: "write a list of models under the key models"}
		if e, ok := why.(yaml.Error); ok {
			v.Problem = "is not valid YAML: " + e.GetMessage()
			if tok := e.GetToken(); tok != nil && tok.Position != nil {
				v.Row = int64(tok.Position.Line)
			}
		}
		found.add(v)
		models = nil
	}
	defer func() {
		if r := recover(); r != nil {
			invalid(r)
		}
	}()
	src = textfile.Trim(src)
	var file struct {
		Models []modelEntry `yaml:"models"`
	}
	// Not strict: keys that a later version or another tool writes are no error.
	if err := yaml.Unmarshal(src, &file); err != nil {
		invalid(err)
		return nil
	}
	r := &modelsReader{found: found, lines: modelLines(src)}
	raw := readRaw(src)
	seen := map[string]int64{}
	for i := range file.Models {
		e := &file.Models[i]
		r.at = i
		m := policy.NewModel(r.text("id", e.ID))
		if m.ID == "" {
			if e.ID == nil || e.ID == "" {
				r.bad("id", "", "a model has no id", "give every model an id, the model_id of its outcomes")
			}
		} else if line, twice := seen[m.ID]; twice {
			r.bad("id", clip(m.ID), fmt.Sprintf("is the id of the model in line %d already", line), "remove one of the two")
		} else {
			seen[m.ID] = r.line("id")
		}
		r.otherPrices(raw.keys(i))
		m.Provider = r.text("provider", e.Provider)
		m.Hardware = r.text("hardware", e.Hardware)
		m.Region = r.text("region", e.Region)
		switch open := e.OpenWeights.(type) {
		case nil:
		case bool:
			m.OpenWeights = open
		default:
			r.bad("open_weights", fmt.Sprint(open), "is not a truth value", "write true or false")
		}
		m.ParamsTotalB = r.span("params_total_b", e.ParamsTotalB)
		m.ParamsActiveB = r.span("params_active_b", e.ParamsActiveB)
		r.sizes(m.ParamsTotalB, m.ParamsActiveB)
		m.PriceInputUSDPerMTok = r.number("price_input_usd_per_mtok", e.PriceInput, false)
		m.PriceOutputUSDPerMTok = r.number("price_output_usd_per_mtok", e.PriceOutput, false)
		m.TokensPerSec = r.either("tokens_per_sec", e.TokensPerSec, "throughput_tokens_per_s", e.Throughput, true)
		m.TimeToFirstTokenSec = r.either("time_to_first_token_s", e.FirstTokenSec, "time_to_first_token_sec", e.FirstTokenSec2, false)
		models = append(models, m)
	}
	if len(models) == 0 {
		found.add(Violation{File: ModelsFile, Row: -1, Column: "models", Problem: "names no models",
			Fix: "list the models under the key models, each with at least an id"})
	}
	return models
}

func (r *modelsReader) line(key string) int64 {
	if n, ok := r.lines[strconv.Itoa(r.at)+"."+key]; ok {
		return int64(n)
	}
	if n, ok := r.lines[strconv.Itoa(r.at)]; ok {
		return int64(n)
	}
	return -1
}

func (r *modelsReader) bad(key, value, problem, fix string) {
	r.found.add(Violation{File: ModelsFile, Row: r.line(key), Column: key, Value: value, Problem: problem, Fix: fix})
}

func (r *modelsReader) text(key string, v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	}
	r.bad(key, fmt.Sprint(v), "is not a text", "put it in quotes")
	return ""
}

// number reads a figure that must not be negative, nor zero where positive is asked for. nil is NaN: unknown.
func (r *modelsReader) number(key string, v any, positive bool) float64 {
	x, ok := toFloat(v)
	switch {
	case v == nil:
		return math.NaN()
	case !ok:
		r.bad(key, clip(fmt.Sprint(v)), "is not a number", "write a plain number, or leave the key out where it is unknown")
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

func (r *modelsReader) either(key string, v any, other string, w any, positive bool) float64 {
	if v == nil {
		return r.number(other, w, positive)
	}
	return r.number(key, v, positive)
}

// span reads a number or a pair [low, high] of them.
func (r *modelsReader) span(key string, v any) policy.Range {
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
			r.bad(s.key, figureText(s.of.High), "billion parameters are more than any model has",
				"write the size in billions: "+figureText(s.of.High/1e9)+" for "+figureText(s.of.High)+" parameters")
			return
		}
	}
	if total.Known() && active.Known() && active.Low > total.High {
		r.bad("params_active_b", figureText(active.Low), "is above params_total_b, "+figureText(total.High)+", of which it is a part",
			"swap the two, or write the same figure where all parameters are active")
	}
}

func figureText(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }

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

// modelLines finds the lines of the models and of their keys.
func modelLines(src []byte) map[string]int {
	lines := map[string]int{}
	path, err := yaml.PathString("$.models")
	if err != nil {
		return lines
	}
	node, err := path.ReadNode(bytes.NewReader(src))
	if err != nil {
		return lines
	}
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		return lines
	}
	for i, item := range list.Values {
		at := strconv.Itoa(i)
		var entries []*ast.MappingValueNode
		switch item := item.(type) {
		case *ast.MappingNode:
			entries = item.Values
		case *ast.MappingValueNode:
			entries = []*ast.MappingValueNode{item}
		}
		for _, e := range entries {
			tok := e.Key.GetToken()
			if tok == nil || tok.Position == nil {
				continue
			}
			if _, ok := lines[at]; !ok {
				lines[at] = tok.Position.Line
			}
			lines[at+"."+strings.Trim(tok.Value, `"'`)] = tok.Position.Line
		}
	}
	return lines
}

// formatModels writes models.yaml: the keys that readModels reads, unknown figures left out.
func formatModels(models []policy.Model) ([]byte, error) {
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
