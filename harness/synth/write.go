package synth

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

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

// writeTruth stores the truth of s in dir. Each file appears whole or not at all.
func (s *Simulated) writeTruth(dir string) error {
	path := filepath.Join(dir, TruthTable)
	if err := replace(path, s.writeTable); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	path = filepath.Join(dir, TruthSummary)
	err := replace(path, func(w io.Writer) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(truthFile{Params: s.Params, Summary: s.Truth.Summary()})
	})
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// replace writes a file beside path and renames it once it is whole and on disk.
func replace(path string, write func(io.Writer) error) (err error) {
	f, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Cleanup()) }()
	b := bufio.NewWriterSize(f, 1<<20)
	if err := write(b); err != nil {
		return err
	}
	if err := b.Flush(); err != nil {
		return err
	}
	return f.CloseAtomicallyReplace()
}

func (s *Simulated) writeTable(w io.Writer) error {
	t, m := s.Truth, len(s.Truth.Models)
	best := t.Best(policy.Preference{})
	table := parquet.NewGenericWriter[truthRow](w, parquet.Compression(&zstd.Codec{}), parquet.MaxRowsPerRowGroup(1<<20))
	rows := make([]truthRow, 0, 8192)
	for at := range t.Chance {
		i, j := at/m, at%m
		rows = append(rows, truthRow{
			PromptID: s.Trace.Prompts.ID[i], ModelID: t.Models[j],
			PCorrect: t.Chance[at], PCorrectSeen: t.ChanceSeen[at], Best: best[i] == j,
			ExpectedCostUSD: t.CostUSD[at], ExpectedLatencySec: t.LatencySec[at],
			ExpectedEnergyWh: t.EnergyWh[at], ExpectedCarbonG: t.CarbonG[at],
		})
		if len(rows) == cap(rows) || at == len(t.Chance)-1 {
			if _, err := table.Write(rows); err != nil {
				return err
			}
			rows = rows[:0]
		}
	}
	return table.Close()
}

// ReadTruth reads the truth beside the simulated trace in dir, in the order of its prompts and models, with the
// parameters that made it.
func ReadTruth(dir string) (t *Truth, ids []string, p Params, err error) {
	path := filepath.Join(dir, TruthSummary)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, p, fmt.Errorf("reading the truth of a simulated trace: %w; only traces of `data synth` have one", err)
	}
	var head truthFile
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, nil, p, fmt.Errorf("reading %s: %w; simulate the trace again", path, err)
	}
	path = filepath.Join(dir, TruthTable)
	broken := func(row int64, why any) error {
		return fmt.Errorf("reading %s row %d: %v; simulate the trace again", path, row, why)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, p, err
	}
	defer f.Close()
	var at int64
	// The Parquet library panics on some damaged files.
	defer func() {
		if r := recover(); r != nil {
			t, ids, err = nil, nil, broken(at, r)
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, p, err
	}
	file, err := parquet.OpenFile(f, info.Size())
	if err != nil {
		return nil, nil, p, broken(0, err)
	}
	t = &Truth{}
	m := head.Summary.Models
	table := parquet.NewGenericReader[truthRow](file)
	defer table.Close()
	rows := make([]truthRow, 4096)
	for {
		n, err := table.Read(rows)
		for _, row := range rows[:n] {
			switch i := int(at); {
			case i < m:
				t.Models = append(t.Models, row.ModelID)
			case row.ModelID != t.Models[i%m]:
				return nil, nil, p, broken(at, fmt.Sprintf("model %q where %q should follow", row.ModelID, t.Models[i%m]))
			}
			if int(at)%max(m, 1) == 0 {
				ids = append(ids, row.PromptID)
			}
			if !(row.PCorrect >= 0 && row.PCorrect <= 1) || math.IsNaN(float64(row.PCorrectSeen)) {
				return nil, nil, p, broken(at, fmt.Sprintf("p_correct %v is not a probability", row.PCorrect))
			}
			t.Chance = append(t.Chance, row.PCorrect)
			t.ChanceSeen = append(t.ChanceSeen, row.PCorrectSeen)
			t.CostUSD = append(t.CostUSD, row.ExpectedCostUSD)
			t.LatencySec = append(t.LatencySec, row.ExpectedLatencySec)
			t.EnergyWh = append(t.EnergyWh, row.ExpectedEnergyWh)
			t.CarbonG = append(t.CarbonG, row.ExpectedCarbonG)
			at++
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, p, broken(at, err)
		}
	}
	if len(ids) != head.Summary.Prompts || len(t.Chance) != len(ids)*m {
		return nil, nil, p, broken(at, fmt.Sprintf("%d rows, want %d prompts × %d models", at, head.Summary.Prompts, m))
	}
	return t, ids, head.Params, nil
}
