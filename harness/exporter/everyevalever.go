package exporter

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/trilemma-bench/trilemma/harness/trace"
)

// everyEvalEver writes instance records of Every Eval Ever 0.3 as JSON lines, an outcome each. Figures that the schema has no field
// for, such as cost, stand in metadata under the names of the trace's columns. The schema demands a score; outcomes without one
// are left out and counted.
type everyEvalEver struct{}

const everyEvalEverVersion = "0.3.0"

type instance struct {
	SchemaVersion   string            `json:"schema_version"`
	EvaluationID    string            `json:"evaluation_id"`
	ModelID         string            `json:"model_id"`
	EvaluationName  string            `json:"evaluation_name"`
	SampleID        string            `json:"sample_id"`
	SampleHash      string            `json:"sample_hash"`
	InteractionType string            `json:"interaction_type"`
	Input           instanceInput     `json:"input"`
	Output          instanceOutput    `json:"output"`
	Attribution     []attribution     `json:"answer_attribution"`
	Evaluation      evaluation        `json:"evaluation"`
	TokenUsage      *tokenUsage       `json:"token_usage,omitempty"`
	Performance     *performance      `json:"performance,omitempty"`
	Metadata        map[string]string `json:"metadata"`
}

type instanceInput struct {
	Raw       string   `json:"raw"`
	Reference []string `json:"reference"`
}

type instanceOutput struct {
	Raw []string `json:"raw"`
}

type attribution struct {
	TurnIdx  int    `json:"turn_idx"`
	Source   string `json:"source"`
	Value    string `json:"extracted_value"`
	Method   string `json:"extraction_method"`
	Terminal bool   `json:"is_terminal"`
}

type evaluation struct {
	Score   float32 `json:"score"`
	Correct bool    `json:"is_correct"`
}

type tokenUsage struct {
	Input     int  `json:"input_tokens"`
	Output    int  `json:"output_tokens"`
	Total     int  `json:"total_tokens"`
	CacheRead *int `json:"input_tokens_cache_read,omitempty"`
	Reasoning *int `json:"reasoning_tokens,omitempty"`
}

type performance struct {
	LatencyMS float64 `json:"latency_ms"`
}

func (everyEvalEver) begin(io.Writer, *trace.Trace) error { return nil }

func (everyEvalEver) write(w io.Writer, b *block, left *Left) error {
	to := json.NewEncoder(w)
	to.SetEscapeHTML(false)
	for p := b.from; p < b.to; p++ {
		for m := range b.Models {
			at := b.Outcomes.At(p, m)
			if !b.Outcomes.Present.Has(at) {
				continue
			}
			record, ok := b.instance(p, m)
			if !ok {
				left.NoScore++
				continue
			}
			left.Outcomes++
			if err := to.Encode(record); err != nil {
				return err
			}
		}
	}
	return nil
}

// instance is the record of an outcome; false where it has no score.
func (b *block) instance(p, m int) (*instance, bool) {
	at, ps := b.Outcomes.At(p, m), &b.Prompts
	figures := map[string]float32{}
	for q := range trace.Figures {
		if x, ok := figure(*trace.Figures[q].Matrix(&b.Outcomes), at); ok {
			figures[trace.Figures[q].Name] = x
		}
	}
	score, ok := figures[trace.Figures[trace.ScoreFigure].Name]
	if !ok {
		return nil, false
	}
	delete(figures, trace.Figures[trace.ScoreFigure].Name)
	name := column(ps.Benchmark, p)
	if name == "" {
		name = "trace"
	}
	text, reference := column(ps.Text, p), column(ps.Reference, p)
	hash := sha256.Sum256([]byte(text + reference))
	r := &instance{
		SchemaVersion: everyEvalEverVersion, EvaluationID: "trilemma/" + strings.ReplaceAll(b.Models[m].ID, "/", "_") + "/" + name,
		ModelID: b.Models[m].ID, EvaluationName: name, SampleID: ps.ID[p], SampleHash: hex.EncodeToString(hash[:]), InteractionType: "single_turn",
		Input: instanceInput{Raw: text, Reference: list(reference)}, Output: instanceOutput{Raw: list(b.responses(p, m))},
		Attribution: []attribution{}, Evaluation: evaluation{Score: score, Correct: score == 1}, Metadata: map[string]string{},
	}
	if o := &b.Outcomes; o.Answer != nil && o.Answer[at] != 0 {
		r.Attribution = append(r.Attribution, attribution{Source: "output.raw", Value: o.AnswerText[o.Answer[at]], Method: "unknown", Terminal: true})
	}
	// The schema has tokens all together or not at all, and counts whole ones.
	if in, ok := whole(figures, "input_tokens"); ok {
		if out, ok := whole(figures, "output_tokens"); ok {
			r.TokenUsage = &tokenUsage{Input: in, Output: out, Total: in + out}
			delete(figures, "input_tokens")
			delete(figures, "output_tokens")
			if cached, ok := whole(figures, "cached_input_tokens"); ok {
				r.TokenUsage.CacheRead = &cached
				delete(figures, "cached_input_tokens")
			}
			if reasoning, ok := whole(figures, "reasoning_tokens"); ok {
				r.TokenUsage.Reasoning = &reasoning
				delete(figures, "reasoning_tokens")
			}
		}
	}
	if latency, ok := figures["latency_s"]; ok {
		r.Performance = &performance{LatencyMS: float64(latency) * 1000}
		delete(figures, "latency_s")
	}
	for name, x := range figures {
		r.Metadata[name] = decimal(x)
	}
	r.Metadata["prompt_id"] = ps.ID[p]
	for _, c := range trace.Texts {
		if c.Name == "benchmark" || c.Name == "category" || c.Name == "source" || c.Name == "split" {
			if text := column(*c.Column(ps), p); text != "" {
				r.Metadata[c.Name] = text
			}
		}
	}
	if ps.ArrivedAt != nil && !ps.ArrivedAt[p].IsZero() {
		r.Metadata["arrived_at"] = ps.ArrivedAt[p].UTC().Format(time.RFC3339Nano)
	}
	return r, true
}

func list(s string) []string {
	if s == "" {
		return []string{}
	}
	return []string{s}
}

func whole(figures map[string]float32, name string) (int, bool) {
	x, ok := figures[name]
	return int(x), ok && x == float32(int(x))
}
