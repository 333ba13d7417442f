package synth

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/parquet-go/parquet-go"

	"github.com/trilemma-bench/trilemma/harness/trace/file"
	"github.com/trilemma-bench/trilemma/harness/wholefile"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Files that lie beside a simulated trace.
const (
	TruthTable   = "truth.parquet" // a row per prompt × model
	TruthSummary = "truth.json"    // parameters and [Summary]
)

// truthRow is a row of truth.parquet. All models of a prompt follow one another, prompts in the trace's order.
type truthRow struct {
	PromptID           string  `parquet:"prompt_id,dict"`
	ModelID            string  `parquet:"model_id,dict"`
	PCorrect           float32 `parquet:"p_correct"`
	PCorrectSeen       float32 `parquet:"p_correct_seen"`
	Best               bool    `parquet:"best"`
	ExpectedCostUSD    float32 `parquet:"expected_cost_usd"`
	ExpectedLatencySec float32 `parquet:"expected_latency_s"`
	ExpectedEnergyWh   float32 `parquet:"expected_energy_wh"`
	ExpectedCarbonG    float32 `parquet:"expected_carbon_g"`
}

// truthFile is truth.json.
type truthFile struct {
	Params  Params  `json:"params"`
	Summary Summary `json:"summary"`
}

// Write stores the trace in dir and the truth beside it. The folder must be empty or absent.
func (s *Simulated) Write(dir string) error {
	return write(dir, s.Params, func(part func(*Simulated) error) error { return part(s) })
}

// Create simulates a trace and stores it in dir as [Simulated.Write] does, part by part: memory is bounded whatever its
// length.
func Create(ctx context.Context, dir string, p Params) error {
	return write(dir, p, func(part func(*Simulated) error) error { return Stream(ctx, p, 32*block, part) })
}

// write stores the parts that each hands on.
func write(dir string, p Params, each func(part func(*Simulated) error) error) (err error) {
	var w *file.Writer
	var truth *truthWriter
	defer func() {
		if w != nil {
			err = errors.Join(err, w.Abort())
		}
		if truth != nil {
			err = errors.Join(err, truth.discard())
		}
	}()
	err = each(func(s *Simulated) (err error) {
		if w == nil {
			if w, err = file.NewWriter(dir, s.Trace.Models); err != nil {
				return err
			}
			if truth, err = newTruthWriter(dir); err != nil {
				return err
			}
		}
		response := s.Response
		if p.Responses == "none" {
			response = nil
		}
		if err := w.Append(s.Trace, response); err != nil {
			return err
		}
		return truth.append(s)
	})
	if err != nil {
		return err
	}
	if err := truth.close(); err != nil {
		return err
	}
	if err := w.Commit(); err != nil {
		return err
	}
	return truth.commit(dir, p)
}

// truthWriter writes truth.parquet to a temporary file beside the trace's folder, which does not exist yet.
type truthWriter struct {
	file  *os.File
	buf   *bufio.Writer
	table *parquet.GenericWriter[truthRow]
	rows  []truthRow
	tally tally
}

func newTruthWriter(dir string) (*truthWriter, error) {
	f, err := os.CreateTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".truth-")
	if err != nil {
		return nil, fmt.Errorf("writing the truth of %s: %w", dir, err)
	}
	t := &truthWriter{file: f, buf: bufio.NewWriterSize(f, 1<<20), rows: make([]truthRow, 0, 8192)}
	t.table = parquet.NewGenericWriter[truthRow](t.buf, parquet.Compression(&parquet.Zstd),
		parquet.MaxRowsPerRowGroup(1<<20), parquet.CreatedBy("trilemma", "1", "parquet-go"))
	return t, nil
}

// append adds the truth of one part.
func (w *truthWriter) append(s *Simulated) error {
	t, m := s.Truth, len(s.Truth.Models)
	w.tally.add(t)
	best := t.Best(policy.Preference{})
	for at := range t.Chance {
		i, j := at/m, at%m
		w.rows = append(w.rows, truthRow{
			PromptID: s.Trace.Prompts.ID[i], ModelID: t.Models[j],
			PCorrect: t.Chance[at], PCorrectSeen: t.ChanceSeen[at], Best: best[i] == j,
			ExpectedCostUSD: t.CostUSD[at], ExpectedLatencySec: t.LatencySec[at],
			ExpectedEnergyWh: t.EnergyWh[at], ExpectedCarbonG: t.CarbonG[at],
		})
		// Batches of one size, whatever the parts: their borders show in the file.
		if len(w.rows) == cap(w.rows) {
			if err := w.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *truthWriter) flush() error {
	if _, err := w.table.Write(w.rows); err != nil {
		return fmt.Errorf("writing %s: %w", TruthTable, err)
	}
	w.rows = w.rows[:0]
	return nil
}

// close brings the table to the disk.
func (w *truthWriter) close() error {
	if err := w.flush(); err != nil {
		return err
	}
	for _, step := range []func() error{w.table.Close, w.buf.Flush, w.file.Sync, w.file.Close, func() error { return os.Chmod(w.file.Name(), 0o644) }} {
		if err := step(); err != nil {
			return fmt.Errorf("writing %s: %w", TruthTable, err)
		}
	}
	return nil
}

// commit puts the truth into the trace's folder.
func (w *truthWriter) commit(dir string, p Params) error {
	if err := os.Rename(w.file.Name(), filepath.Join(dir, TruthTable)); err != nil {
		return fmt.Errorf("writing %s: %w", TruthTable, err)
	}
	w.file = nil
	b, err := json.MarshalIndent(truthFile{Params: p, Summary: w.tally.summary()}, "", "  ")
	if err != nil {
		return fmt.Errorf("writing %s: %w", TruthSummary, err)
	}
	return wholefile.Write(filepath.Join(dir, TruthSummary), append(b, '\n'))
}

// discard removes the temporary file, unless it has found its place.
func (w *truthWriter) discard() error {
	if w.file == nil {
		return nil
	}
	_ = w.file.Close() // it may be closed already, and it is removed anyway
	return os.Remove(w.file.Name())
}
