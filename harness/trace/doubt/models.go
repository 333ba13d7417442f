package doubt

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/carbon"
	"github.com/trilemma-bench/trilemma/harness/textfile"
	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
	"github.com/trilemma-bench/trilemma/policies/spelling"
)

// What no model is sold or served at. Prices are USD for a million tokens.
const (
	leastPrice      = 1e-3 // the cheapest models cost some hundredths
	mostPrice       = 1e4  // the dearest cost some hundreds
	swappedPrices   = 10   // input this many times dearer than output: it is the other way round everywhere
	mostTokensPerS  = 2e4
	leastTokensPerS = 0.05
	mostFirstTokenS = 120
	leastParamsB    = 1e-3
)

// models doubts models.yaml.
func (d *doubts) models() error {
	var keys trace.ModelKeys
	if d.t.Dir != "" {
		src, err := textfile.Read(filepath.Join(d.t.Dir, trace.ModelsFile))
		if err != nil {
			return fmt.Errorf("reading %s: %w", trace.ModelsFile, err)
		}
		keys = trace.ReadModelKeys(src)
	}
	say := func(m int, kind, key, value, problem, fix string) {
		x := d.about(kind, func() trace.Violation {
			return trace.Violation{File: trace.ModelsFile, Row: keys.Line(m, key), Column: key, Value: value, Problem: problem, Fix: fix}
		})
		d.model(x, m)
	}
	for i := range d.t.Models {
		m := &d.t.Models[i]
		d.prices(i, m, say)
		for _, s := range []struct {
			key string
			of  policy.Range
		}{{"params_total_b", m.ParamsTotalB}, {"params_active_b", m.ParamsActiveB}} {
			if s.of.Known() && s.of.Low < leastParamsB {
				say(i, "small size", s.key, trace.FigureText(s.of.Low), "billion parameters are less than a million", "write the size in billions")
			}
		}
		if x := m.TokensPerSec; x > mostTokensPerS || x > 0 && x < leastTokensPerS {
			say(i, "throughput", "tokens_per_sec", trace.FigureText(x), "tokens a second are not the speed of one answer", "write how many tokens one answer gains in a second")
		}
		if x := m.TimeToFirstTokenSec; x > mostFirstTokenS {
			say(i, "first token unit", "time_to_first_token_s", trace.FigureText(x), "seconds to the first token look like milliseconds", "divide by 1000: "+trace.FigureText(x/1000))
		}
		if m.Region != "" {
			if _, err := carbon.Intensity(m.Region); err != nil {
				say(i, "region", "region", trace.Clip(m.Region), "is no place whose grid is known: "+err.Error(), "name one, unless an hourly file (accounting.hourly) has it")
			}
		}
		if m.ID != strings.TrimSpace(m.ID) {
			say(i, "spaces in an id", "id", trace.Clip(m.ID), "begins or ends with white space, which is part of the id", "remove it here and in the outcomes")
		}
		for _, key := range keys.Of(i) {
			if !slices.Contains(modelKeys, key) {
				fix := "remove it"
				if near := nearKey(key); near != "" {
					fix = "write " + near + " if that is meant, else " + fix
				}
				say(i, "unknown key "+key, key, "", "is not a key of a trace's models and is left out", fix)
			}
		}
	}
	for _, same := range group(len(d.t.Models), func(i int) string { return fold(d.t.Models[i].ID) }) {
		for _, i := range same[1:] {
			say(i, "ids alike", "id", trace.Clip(d.t.Models[i].ID), "differs from "+trace.Clip(d.t.Models[same[0]].ID)+" only in case, spaces or punctuation: two models or one?",
				"give one model one id, or the two clearer ones")
		}
	}
	return nil
}

func (d *doubts) prices(i int, m *policy.Model, say func(m int, kind, key, value, problem, fix string)) {
	in, out := m.PriceInputUSDPerMTok, m.PriceOutputUSDPerMTok
	for _, p := range []struct {
		key   string
		price float64
	}{{"price_input_usd_per_mtok", in}, {"price_output_usd_per_mtok", out}} {
		switch {
		case p.price > 0 && p.price < leastPrice:
			say(i, "price per token", p.key, trace.FigureText(p.price), "USD for a million tokens is cheaper than any model: it looks like the price of one token",
				"multiply by a million: "+trace.FigureText(p.price*1e6))
		case p.price > mostPrice:
			say(i, "high price", p.key, trace.FigureText(p.price), "USD for a million tokens is dearer than any model: it looks like another unit of money or of tokens",
				"write USD for a million tokens")
		}
	}
	switch {
	case in == in && out != out:
		say(i, "one price", "price_output_usd_per_mtok", "", "is missing beside price_input_usd_per_mtok, so that no cost can be derived", "give both")
	case out == out && in != in:
		say(i, "one price", "price_input_usd_per_mtok", "", "is missing beside price_output_usd_per_mtok, so that no cost can be derived", "give both")
	case out > 0 && in >= swappedPrices*out:
		say(i, "swapped prices", "price_input_usd_per_mtok", trace.FigureText(in), fmt.Sprintf("is %.0f times the price of output, %s: are the two swapped?", in/out, trace.FigureText(out)),
			"output is the dearer everywhere")
	}
}

// modelKeys are the keys of a model that somebody reads; source and aliases are the importers'.
var modelKeys = []string{"id", "provider", "open_weights", "params_total_b", "params_active_b", "price_input_usd_per_mtok", "price_output_usd_per_mtok",
	"hardware", "region", "tokens_per_sec", "throughput_tokens_per_s", "time_to_first_token_s", "time_to_first_token_sec", "source", "aliases"}

// nearKey is the one known key that begins or is spelt almost like another.
func nearKey(key string) string {
	f := fold(key)
	var near []string
	for _, k := range modelKeys {
		if g := fold(k); len(f) >= 4 && (strings.HasPrefix(g, f) || strings.HasPrefix(f, g) || slices.Equal(sorted(f), sorted(g))) || spelling.Distance(f, g) <= 2 {
			near = append(near, k)
		}
	}
	if len(near) == 1 {
		return near[0]
	}
	return ""
}

func sorted(s string) []byte {
	b := []byte(s)
	slices.Sort(b)
	return b
}

// fold is a name without what is easily mistyped: case, spaces, punctuation. A name of nothing else is itself.
func fold(s string) string {
	f := strings.Map(func(r rune) rune {
		switch r {
		case ' ', '\t', '\n', '\r', '\u00a0', '-', '_':
			return -1
		}
		return r
	}, strings.ToLower(s))
	if f == "" {
		return s
	}
	return f
}
