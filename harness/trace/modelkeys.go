package trace

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// otherPrices refuses a price in another currency or for other amounts: left out, the model would silently have none.
func (r *modelsReader) otherPrices() {
	for _, key := range r.keys.Of(r.at) {
		if !isPrice(key) {
			continue
		}
		if key == "price_input_usd_per_mtok" || key == "price_output_usd_per_mtok" {
			continue
		}
		fix := "write price_input_usd_per_mtok and price_output_usd_per_mtok, or keep prices in other currencies with their rate in a price book (accounting.prices)"
		if ours := mtokKey(key); ours != "" {
			fix = "write " + ours
			if x, ok := toFloat(r.entry[key]); ok {
				fix += ": " + FigureText(x*1e6)
			}
			fix += ", the price of a million tokens"
		}
		r.bad(key, "", "is not a price that a trace has: prices are USD for a million tokens", fix)
	}
}

// isPrice tells whether a key, ours or another tool's, is about money.
func isPrice(key string) bool {
	return strings.HasPrefix(key, "price") || key == "currency" || key == "pricing" || strings.Contains(key, "cost") || strings.HasSuffix(key, "_price") ||
		strings.HasSuffix(key, "_per_token")
}

// mtokKey is our key for another tool's price of one token, "" where it is none.
func mtokKey(key string) string {
	switch key {
	case "input_cost_per_token", "prompt_cost_per_token", "input_price_per_token", "price_input_usd_per_token", "price_input_per_token":
		return "price_input_usd_per_mtok"
	case "output_cost_per_token", "completion_cost_per_token", "output_price_per_token", "price_output_usd_per_token", "price_output_per_token":
		return "price_output_usd_per_mtok"
	}
	return ""
}

// ModelKeys are the models of a models.yaml as they stand there: with the keys that the format does not know, and the line
// of each.
type ModelKeys struct {
	models []map[any]any
	lines  map[string]int // "2.region" → line, "2" → that of the model's first key
}

// ReadModelKeys reads what [ParseModels] has found to be valid.
func ReadModelKeys(src []byte) ModelKeys {
	keys, _ := readModelKeys(src)
	return keys
}

func readModelKeys(src []byte) (ModelKeys, error) {
	var file struct {
		Models []map[any]any `yaml:"models"`
	}
	if err := yaml.Unmarshal(src, &file); err != nil {
		return ModelKeys{}, err
	}
	return ModelKeys{file.Models, modelLines(src)}, nil
}

// Of lists the keys of a model, sorted.
func (k *ModelKeys) Of(model int) (keys []string) {
	if model < len(k.models) {
		for key := range k.models[model] {
			if text, ok := key.(string); ok {
				keys = append(keys, text)
			}
		}
	}
	slices.Sort(keys)
	return keys
}

// Line is where a key of a model stands, or else the model; -1 where neither is known.
func (k *ModelKeys) Line(model int, key string) int64 {
	at := strconv.Itoa(model)
	for _, name := range []string{at + "." + key, at} {
		if n, ok := k.lines[name]; ok {
			return int64(n)
		}
	}
	return -1
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
