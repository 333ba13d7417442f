package store

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/trilemma-bench/trilemma/harness/trace/file"
)

// PromptsParquet holds the test prompts with what every model answered, so that a report can show them from the results
// alone.
const PromptsParquet = "prompts.parquet"

// Prompt is one test prompt.
type Prompt struct {
	ID        string    `parquet:"prompt_id"`
	Benchmark string    `parquet:"benchmark,dict"`
	Category  string    `parquet:"category,dict"`
	Text      string    `parquet:"text"` // its beginning
	Reference string    `parquet:"reference"`
	Outcomes  []Outcome `parquet:"outcomes,list"`
}

// Outcome is what one model made of a prompt; models without an outcome are left out.
type Outcome struct {
	Model      string  `parquet:"model,dict"`
	Answer     string  `parquet:"answer,dict"`
	Score      float32 `parquet:"score"`
	CostUSD    float32 `parquet:"cost_usd"`
	CarbonG    float32 `parquet:"carbon_g"` // NaN where unknown, as is the next
	LatencySec float32 `parquet:"latency_s"`
}

// WritePrompts writes [PromptsParquet].
func (r *Run) WritePrompts(prompts []Prompt) error {
	path := r.Path(PromptsParquet)
	err := r.write(path, func(w io.Writer) error {
		pw := parquet.NewGenericWriter[Prompt](w, options()...)
		for i := 0; i < len(prompts); i += chunk {
			if _, err := pw.Write(prompts[i:min(i+chunk, len(prompts))]); err != nil {
				return err
			}
		}
		return pw.Close()
	})
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// Prompts reads [PromptsParquet]. The error wraps os.ErrNotExist for a run of an older version.
func (r *Run) Prompts() ([]Prompt, error) {
	path := r.Path(PromptsParquet)
	var out []Prompt
	err := file.Rows(path, func(p *Prompt) bool {
		one := *p
		one.Outcomes = append([]Outcome(nil), p.Outcomes...)
		out = append(out, one)
		return true
	})
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return out, nil
}
