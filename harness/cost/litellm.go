package cost

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"sort"
	"strconv"
)

// liteLLMSource is what prices of LiteLLM's list name as their source; the list has neither dates nor sources.
const liteLLMSource = "LiteLLM's price list, undated"

// dearer is a price of one token of requests whose input is longer.
var dearer = regexp.MustCompile(`^(input_cost_per_token|output_cost_per_token|cache_read_input_token_cost)_above_(\d+)k_tokens$`)

// parseLiteLLM reads LiteLLM's model_prices_and_context_window.json: an object of models with USD for one token. Entries
// that are not priced so (images, seconds, characters) are left out. ok is false for a text that is no such list.
func parseLiteLLM(src []byte) (b *Book, ok bool) {
	var list map[string]json.RawMessage
	if json.Unmarshal(src, &list) != nil {
		return nil, false
	}
	b = &Book{models: map[string]*entry{}, alias: map[string][]dated{}}
	for id, text := range list {
		var fields map[string]any
		if json.Unmarshal(text, &fields) != nil {
			continue
		}
		price := func(key string, otherwise float64) float64 {
			if x, ok := fields[key].(float64); ok && x >= 0 {
				return x * tokensPerPrice
			}
			return otherwise
		}
		r := Rates{Model: id, Source: liteLLMSource}
		r.InputUSDPerMTok, r.OutputUSDPerMTok = price("input_cost_per_token", math.NaN()), price("output_cost_per_token", math.NaN())
		if r.InputUSDPerMTok != r.InputUSDPerMTok || r.OutputUSDPerMTok != r.OutputUSDPerMTok {
			continue
		}
		r.CachedInputUSDPerMTok = price("cache_read_input_token_cost", r.InputUSDPerMTok)
		r.ReasoningUSDPerMTok = price("output_cost_per_reasoning_token", r.OutputUSDPerMTok)
		r.Tiers = liteLLMTiers(fields, r, price)
		b.models[id] = &entry{id: id, prices: []Rates{r}}
		b.names = append(b.names, id)
	}
	if len(b.names) == 0 {
		return nil, false
	}
	sort.Strings(b.names)
	return b, true
}

func liteLLMTiers(fields map[string]any, r Rates, price func(string, float64) float64) []Tier {
	above := map[int]bool{}
	for key := range fields {
		if m := dearer.FindStringSubmatch(key); m != nil {
			if k, err := strconv.Atoi(m[2]); err == nil {
				above[k] = true
			}
		}
	}
	var tiers []Tier
	for k := range above {
		suffix := fmt.Sprintf("_above_%dk_tokens", k)
		t := Tier{AboveInputTokens: float64(k) * 1000}
		t.InputUSDPerMTok = price("input_cost_per_token"+suffix, r.InputUSDPerMTok)
		t.OutputUSDPerMTok = price("output_cost_per_token"+suffix, r.OutputUSDPerMTok)
		t.ReasoningUSDPerMTok = t.OutputUSDPerMTok
		t.CachedInputUSDPerMTok = price("cache_read_input_token_cost"+suffix, price("cache_read_input_token_cost", t.InputUSDPerMTok))
		tiers = append(tiers, t)
	}
	sort.Slice(tiers, func(i, j int) bool { return tiers[i].AboveInputTokens < tiers[j].AboveInputTokens })
	return tiers
}
