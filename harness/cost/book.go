package cost

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"sort"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/trilemma-bench/trilemma/harness/textfile"
)

// Book is a price book: what models cost, from when to when, and who says so. Its file is YAML:
//
//	rates:                       # USD that one unit of another currency buys; needed for prices in that currency
//	  - {currency: EUR, usd: 1.08, on: 2024-07-01, source: "ECB reference rate"}
//	models:
//	  - id: gpt-4o-2024-08-06
//	    aliases: [{name: gpt-4o, from: 2024-10-02}]
//	    prices:
//	      - from: 2024-08-06
//	        source: https://…
//	        checked: 2024-11-01  # when somebody last looked; absent: from
//	        input: 2.5           # per million tokens, as output, reasoning and cached_input
//	        output: 10
//	        reasoning: 10        # absent: as output
//	        cached_input: 1.25   # absent: as input
//	        batch_discount: 0.5  # share taken off token prices of batch requests
//	        per_request: 0
//	        currency: USD
//	  - id: llama-3-8b
//	    self_hosted:
//	      - {from: 2024-06-01, source: …, gpus: 1, per_gpu_hour: 2.5, tokens_per_s: 2400, utilisation: 0.6}
//
// A price holds from its date until the next one of the same model begins.
type Book struct {
	models map[string]*entry
	alias  map[string][]dated // by alias, ascending
	names  []string
}

type dated struct {
	from time.Time
	id   string
}

type entry struct {
	id     string
	prices []Rates // ascending by From
}

// ErrNoPrice is wrapped where a book has no price of a model at a date.
var ErrNoPrice = errors.New("the price book has no price")

type bookFile struct {
	Rates []struct {
		Currency string  `yaml:"currency"`
		USD      float64 `yaml:"usd"`
		On       string  `yaml:"on"`
		Source   string  `yaml:"source"`
	} `yaml:"rates"`
	Models []struct {
		ID      string `yaml:"id"`
		Aliases []struct {
			Name string `yaml:"name"`
			From string `yaml:"from"`
		} `yaml:"aliases"`
		Prices []priceEntry `yaml:"prices"`
		Hosted []hostEntry  `yaml:"self_hosted"`
	} `yaml:"models"`
}

type priceEntry struct {
	From     string   `yaml:"from"`
	Checked  string   `yaml:"checked"`
	Source   string   `yaml:"source"`
	Currency string   `yaml:"currency"`
	Input    *float64 `yaml:"input"`
	Output   *float64 `yaml:"output"`
	Reason   *float64 `yaml:"reasoning"`
	Cached   *float64 `yaml:"cached_input"`
	Batch    float64  `yaml:"batch_discount"`
	Request  float64  `yaml:"per_request"`
}

type hostEntry struct {
	From        string   `yaml:"from"`
	Checked     string   `yaml:"checked"`
	Source      string   `yaml:"source"`
	Currency    string   `yaml:"currency"`
	GPUs        float64  `yaml:"gpus"`
	PerGPUHour  *float64 `yaml:"per_gpu_hour"`
	TokensPerS  float64  `yaml:"tokens_per_s"`
	InputPerS   float64  `yaml:"input_tokens_per_s"`
	Utilisation *float64 `yaml:"utilisation"`
}

// LoadBook reads a price book file.
func LoadBook(path string) (*Book, error) {
	src, err := textfile.Read(path)
	if err != nil {
		return nil, fmt.Errorf("reading the price book: %w", err)
	}
	b, err := ParseBook(src)
	if err != nil {
		return nil, fmt.Errorf("price book %s: %w", path, err)
	}
	return b, nil
}

// ParseBook reads the text of a price book. Every mistake is told: a negative price, a currency without a rate, a figure
// without date or source, two prices of one day, an alias of two models at once.
func ParseBook(src []byte) (b *Book, err error) {
	defer func() {
		if r := recover(); r != nil {
			b, err = nil, fmt.Errorf("not valid YAML: %v", r)
		}
	}()
	var f bookFile
	if err := yaml.UnmarshalWithOptions(textfile.Trim(src), &f, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("not a price book: %w; a price has %s; a self-hosted one %s", err, fields(priceEntry{}), fields(hostEntry{}))
	}
	r := &bookReader{rate: map[string]float64{"": 1, "USD": 1}}
	for _, x := range f.Rates {
		switch _, err := day(x.On); {
		case err != nil:
			r.fail("rate of %q: on: %v", x.Currency, err)
		case !(x.USD > 0) || math.IsInf(x.USD, 0):
			r.fail("rate of %q is %v USD, want a positive number", x.Currency, x.USD)
		case x.Source == "":
			r.fail("rate of %q names no source", x.Currency)
		default:
			r.rate[strings.ToUpper(x.Currency)] = x.USD
		}
	}
	b = &Book{models: map[string]*entry{}, alias: map[string][]dated{}}
	for _, m := range f.Models {
		if m.ID == "" {
			r.fail("a model has no id")
			continue
		}
		if b.models[m.ID] != nil {
			r.fail("model %s is listed twice: put all its prices under one entry", m.ID)
			continue
		}
		e := &entry{id: m.ID}
		for i := range m.Prices {
			e.prices = append(e.prices, r.price(m.ID, &m.Prices[i]))
		}
		for i := range m.Hosted {
			e.prices = append(e.prices, r.hosted(m.ID, &m.Hosted[i]))
		}
		sort.SliceStable(e.prices, func(i, j int) bool { return e.prices[i].From.Before(e.prices[j].From) })
		for i := 1; i < len(e.prices); i++ {
			if e.prices[i].From.Equal(e.prices[i-1].From) {
				r.fail("model %s has two prices from %s: give each a date of its own", m.ID, e.prices[i].From.Format(time.DateOnly))
			}
		}
		if len(e.prices) == 0 {
			r.fail("model %s has no price: give prices or self_hosted", m.ID)
		}
		b.models[m.ID] = e
		b.names = append(b.names, m.ID)
		for _, a := range m.Aliases {
			from, err := day(a.From)
			if err != nil {
				r.fail("alias %q of %s: from: %v", a.Name, m.ID, err)
				continue
			}
			b.alias[a.Name] = append(b.alias[a.Name], dated{from, m.ID})
		}
	}
	for name, list := range b.alias {
		if b.models[name] != nil {
			r.fail("%q is both a model and an alias: an alias must resolve to a dated version", name)
		}
		sort.SliceStable(list, func(i, j int) bool { return list[i].from.Before(list[j].from) })
		for i := 1; i < len(list); i++ {
			if list[i].from.Equal(list[i-1].from) {
				r.fail("alias %q means both %s and %s from %s", name, list[i-1].id, list[i].id, list[i].from.Format(time.DateOnly))
			}
		}
	}
	sort.Strings(b.names)
	if len(b.names) == 0 && len(r.errs) == 0 {
		r.fail("lists no models")
	}
	sort.SliceStable(r.errs, func(i, j int) bool { return r.errs[i].Error() < r.errs[j].Error() })
	if err := errors.Join(r.errs...); err != nil {
		return nil, err
	}
	return b, nil
}

// fields lists the keys of an entry.
func fields(entry any) string {
	of := reflect.TypeOf(entry)
	var names []string
	for i := range of.NumField() {
		names = append(names, of.Field(i).Tag.Get("yaml"))
	}
	return strings.Join(names, ", ")
}

type bookReader struct {
	rate map[string]float64
	errs []error
}

func (r *bookReader) fail(format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf(format, args...))
}

func day(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, errors.New("no date: want one such as 2024-07-01")
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return t, fmt.Errorf("%q is not a date: want one such as 2024-07-01", s)
	}
	return t, nil
}

// about reads what every price says of itself, and the USD that one unit of its currency is.
func (r *bookReader) about(id, from, checked, source, currency string) (Rates, float64) {
	out := Rates{Model: id, Source: source}
	var err error
	if out.From, err = day(from); err != nil {
		r.fail("model %s: from: %v", id, err)
	}
	out.Checked = out.From
	if checked != "" {
		if out.Checked, err = day(checked); err != nil {
			r.fail("model %s: checked: %v", id, err)
		}
	}
	if source == "" {
		r.fail("model %s, price from %s: names no source", id, from)
	}
	usd, ok := r.rate[strings.ToUpper(currency)]
	if !ok {
		r.fail("model %s, price from %s: is in %s, for which the book has no rate: add {currency: %s, usd: …, on: …, source: …} under rates", id, from, currency, currency)
	}
	return out, usd
}

// figure is a price in USD; what is absent takes the fallback.
func (r *bookReader) figure(id, from, name string, x *float64, usd, fallback float64) float64 {
	if x == nil {
		return fallback
	}
	if !(*x >= 0) || math.IsInf(*x, 0) {
		r.fail("model %s, price from %s: %s is %v, want a number that is not negative", id, from, name, *x)
	}
	// A figure per token, or in another tool's unit, would be off by a factor of a million.
	if perToken := name == "input" || name == "output" || name == "reasoning"; perToken && *x > 0 && *x < leastPrice {
		r.fail("model %s, price from %s: %s is %v for a million tokens, cheaper than any model: it looks like the price of one token; write %v",
			id, from, name, *x, *x*tokensPerPrice)
	}
	return *x * usd
}

// leastPrice is below every price of a million tokens; the cheapest models cost some hundredths of a dollar.
const leastPrice = 1e-3

func (r *bookReader) price(id string, p *priceEntry) Rates {
	out, usd := r.about(id, p.From, p.Checked, p.Source, p.Currency)
	if p.Input == nil || p.Output == nil {
		r.fail("model %s, price from %s: give both input and output, per million tokens", id, p.From)
	}
	out.InputUSDPerMTok = r.figure(id, p.From, "input", p.Input, usd, math.NaN())
	out.OutputUSDPerMTok = r.figure(id, p.From, "output", p.Output, usd, math.NaN())
	out.ReasoningUSDPerMTok = r.figure(id, p.From, "reasoning", p.Reason, usd, out.OutputUSDPerMTok)
	out.CachedInputUSDPerMTok = r.figure(id, p.From, "cached_input", p.Cached, usd, out.InputUSDPerMTok)
	out.PerRequestUSD = r.figure(id, p.From, "per_request", &p.Request, usd, 0)
	if out.BatchDiscount = p.Batch; !(p.Batch >= 0 && p.Batch <= 1) {
		r.fail("model %s, price from %s: batch_discount is %v, want a share from 0 to 1", id, p.From, p.Batch)
	}
	return out
}

// hosted turns GPU hours into prices of tokens: a second of the deployment costs gpus · per_gpu_hour / 3600, and yields
// tokens_per_s tokens in the share of the time in which it is used. Input tokens are read at input_tokens_per_s, or
// billed as nothing where that is absent, for then tokens_per_s was measured with the reading in it.
func (r *bookReader) hosted(id string, h *hostEntry) Rates {
	out, usd := r.about(id, h.From, h.Checked, h.Source, h.Currency)
	out.SelfHosted = true
	gpuHour := r.figure(id, h.From, "per_gpu_hour", h.PerGPUHour, usd, math.NaN())
	used := 1.0
	if h.Utilisation != nil {
		used = *h.Utilisation
	}
	switch {
	case h.PerGPUHour == nil:
		r.fail("model %s, self-hosted from %s: give per_gpu_hour", id, h.From)
	case !(h.GPUs > 0):
		r.fail("model %s, self-hosted from %s: gpus is %v, want a positive number", id, h.From, h.GPUs)
	case !(h.TokensPerS > 0):
		r.fail("model %s, self-hosted from %s: tokens_per_s is %v, want the positive throughput of the whole deployment", id, h.From, h.TokensPerS)
	case !(h.InputPerS >= 0):
		r.fail("model %s, self-hosted from %s: input_tokens_per_s is %v, want 0 or more", id, h.From, h.InputPerS)
	case !(used > 0 && used <= 1):
		r.fail("model %s, self-hosted from %s: utilisation is %v, want a share above 0, up to 1", id, h.From, used)
	}
	perSecond := h.GPUs * gpuHour / 3600 / used
	out.OutputUSDPerMTok = perSecond / h.TokensPerS * tokensPerPrice
	if h.InputPerS > 0 {
		out.InputUSDPerMTok = perSecond / h.InputPerS * tokensPerPrice
	}
	out.ReasoningUSDPerMTok, out.CachedInputUSDPerMTok = out.OutputUSDPerMTok, out.InputUSDPerMTok
	return out
}
