package store

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/trilemma-bench/trilemma/harness/trace/file"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// options are what makes two writers of the same rows agree byte for byte: one codec, fixed page and group sizes.
func options() []parquet.WriterOption {
	return []parquet.WriterOption{
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest, Concurrency: 1}),
		parquet.CreatedBy("trilemma", "1", ""),
		parquet.PageBufferSize(256 << 10),
		parquet.MaxRowsPerRowGroup(1 << 18),
	}
}

func writePointsParquet(w io.Writer, points []Point) error {
	rows := make([]pointRow, len(points))
	for i := range points {
		rows[i] = points[i].row()
	}
	pw := parquet.NewGenericWriter[pointRow](w, options()...)
	if _, err := pw.Write(rows); err != nil {
		return err
	}
	return pw.Close()
}

// Points reads points.parquet of a finished run.
func (r *Run) Points() ([]Point, error) {
	var points []Point
	err := file.Rows(r.Path(PointsParquet), func(w *pointRow) bool {
		points = append(points, w.point())
		return true
	})
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("reading %s: %w; the run has not finished: run its experiment again to go on", r.Path(PointsParquet), err)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", r.Path(PointsParquet), err)
	}
	return points, nil
}

// Decision is what a cell chose for one prompt under one preference, and what that led to: a row of decisions/<id>.parquet.
type Decision struct {
	PromptID    string    `parquet:"prompt_id,dict"`
	Preference  string    `parquet:"preference,dict"`
	Use         string    `parquet:"use,dict"`   // "select" or "combine"
	Model       string    `parquet:"model,dict"` // the most probable of Models, or the one of most weight
	Probability float32   `parquet:"probability"`
	Models      []string  `parquet:"models,list,dict"` // all that the decision names
	Weights     []float32 `parquet:"weights,list"`     // beside Models
	Asked       []string  `parquet:"asked,list,dict"`  // models asked on the way, in the order of asking
	AskedRound  []int32   `parquet:"asked_round,list"` // beside Asked
	// Figures, null where the decision has no result or nothing is known.
	Score      *float32 `parquet:"score"`
	CostUSD    *float32 `parquet:"cost_usd"`
	EnergyWh   *float32 `parquet:"energy_wh"`
	CarbonG    *float32 `parquet:"carbon_g"`
	LatencySec *float32 `parquet:"latency_s"`
	WaterML    *float32 `parquet:"water_ml"`
}

var decisionFields = fieldsOf[Decision](policy.Quantity.Column)

// Figures are NaN where the decision has no result, or nothing is known.
func (d *Decision) Figures() policy.Figures { return decisionFields.get(d) }

// SetFigures says what the decision led to.
func (d *Decision) SetFigures(f policy.Figures) { decisionFields.set(d, f) }

// chunk is how many rows are handed to or taken from the Parquet library at a time.
const chunk = 4096

// writeDecisions streams rows out and returns how many there were. The sequence may reuse what its rows point to.
func writeDecisions(w io.Writer, seq iter.Seq[Decision]) (int, error) {
	pw := parquet.NewGenericWriter[Decision](w, options()...)
	rows, n := make([]Decision, 0, chunk), 0
	flush := func() error {
		_, err := pw.Write(rows)
		n += len(rows)
		rows = rows[:0]
		return err
	}
	for d := range seq {
		// Copies, because rows are held until the chunk is full.
		d.Models, d.Weights = slices.Clone(d.Models), slices.Clone(d.Weights)
		d.Asked, d.AskedRound = slices.Clone(d.Asked), slices.Clone(d.AskedRound)
		rows = append(rows, d)
		if len(rows) == chunk {
			if err := flush(); err != nil {
				return n, err
			}
		}
	}
	if err := flush(); err != nil {
		return n, err
	}
	return n, pw.Close()
}

// Decisions streams the decisions of a cell in the order in which they were saved. It stops after an error.
func (r *Run) Decisions(id string) iter.Seq2[Decision, error] {
	return func(yield func(Decision, error) bool) {
		path := r.Path(decisionsDir, id+".parquet")
		if err := file.Rows(path, func(d *Decision) bool { return yield(*d, nil) }); err != nil {
			yield(Decision{}, fmt.Errorf("reading %s: %w", path, err))
		}
	}
}

// Results are what the decisions of a cell led to, without how they were made: a line of columns a preference, all over the
// same prompts.
type Results struct {
	Prompts []string // ids
	Lines   []Line
	place   map[string]int
}

// Line is what a cell's decisions under one preference led to, a prompt after the other. Figures are NaN where a decision has
// no result.
type Line struct {
	Preference string
	Model      []string // the most probable
	Figures    policy.Matrix
}

// result is a [Decision] narrowed to the columns of [Results]: the others are not read from disk.
type result struct {
	PromptID   string   `parquet:"prompt_id,dict"`
	Preference string   `parquet:"preference,dict"`
	Model      string   `parquet:"model,dict"`
	Score      *float32 `parquet:"score"`
	CostUSD    *float32 `parquet:"cost_usd"`
	EnergyWh   *float32 `parquet:"energy_wh"`
	CarbonG    *float32 `parquet:"carbon_g"`
	LatencySec *float32 `parquet:"latency_s"`
	WaterML    *float32 `parquet:"water_ml"`
}

var resultFields = fieldsOf[result](policy.Quantity.Column)

// Results reads them: several times as fast as Decisions.
func (r *Run) Results(id string) (*Results, error) {
	out := &Results{place: map[string]int{}}
	path := r.Path(decisionsDir, id+".parquet")
	var wrong error
	err := file.Rows(path, func(w *result) bool {
		if n := len(out.Lines); n == 0 || out.Lines[n-1].Preference != w.Preference {
			out.Lines = append(out.Lines, Line{Preference: w.Preference})
		}
		line := &out.Lines[len(out.Lines)-1]
		at := len(line.Model)
		if len(out.Lines) == 1 {
			out.place[w.PromptID] = at
			out.Prompts = append(out.Prompts, w.PromptID)
		} else if at >= len(out.Prompts) || out.Prompts[at] != w.PromptID {
			wrong = fmt.Errorf("row %d of preference %s is of prompt %q, unlike that of preference %s: run with --fresh", at, w.Preference, w.PromptID, out.Lines[0].Preference)
			return false
		}
		line.Model = append(line.Model, w.Model)
		figures := resultFields.get(w)
		for q := range line.Figures {
			line.Figures[q] = append(line.Figures[q], float32(figures[q]))
		}
		return true
	})
	for i := range out.Lines {
		if n := len(out.Lines[i].Model); n < len(out.Prompts) && wrong == nil {
			wrong = fmt.Errorf("preference %s has %d of %d prompts: run with --fresh", out.Lines[i].Preference, n, len(out.Prompts))
		}
	}
	if err = errors.Join(err, wrong); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return out, nil
}

// Place is where a prompt is in every line, −1 where it is in none.
func (r *Results) Place(prompt string) int {
	if at, ok := r.place[prompt]; ok {
		return at
	}
	return -1
}
