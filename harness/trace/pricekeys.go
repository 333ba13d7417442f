package trace

import (
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

// otherPrices refuses a price in another currency or for other amounts: left out, the model would silently have none.
func (r *modelsReader) otherPrices(keys map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if !isPrice(key) {
			continue
		}
		if key == "price_input_usd_per_mtok" || key == "price_output_usd_per_mtok" {
			continue
		}
		fix := "write price_input_usd_per_mtok and price_output_usd_per_mtok, or keep prices in other currencies with their rate in a price book (accounting.prices)"
		if ours := mtokKey(key); ours != "" {
			fix = "write " + ours
			if x, ok := toFloat(keys[key]); ok {
				fix += ": " + figureText(x*1e6)
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

// rawModels are the models as they stand in the file, with the keys that the format does not know.
type rawModels struct {
	Models []map[string]any `yaml:"models"`
}

// readRaw reads what [parseModels] has found to be valid.
func readRaw(src []byte) (raw rawModels) {
	if yaml.Unmarshal(src, &raw) != nil {
		return rawModels{}
	}
	return raw
}

func (r *rawModels) keys(model int) map[string]any {
	if model < len(r.Models) {
		return r.Models[model]
	}
	return nil
}
