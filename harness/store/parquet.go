package store

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"

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

// pointRow is a row of points.parquet. Unknown figures are null.
type pointRow struct {
	Pool          string   `parquet:"pool,dict"`
	Policy        string   `parquet:"policy,dict"`
	Seed          uint64   `parquet:"seed"`
	Preference    string   `parquet:"preference,dict"`
	LambdaCost    float64  `parquet:"lambda_cost"`
	LambdaCarbon  float64  `parquet:"lambda_carbon"`
	LambdaLatency float64  `parquet:"lambda_latency"`
	N             int64    `parquet:"n"`
	Coverage      *float64 `parquet:"coverage"`
	Quality       *float64 `parquet:"quality"`
	QualityLow    *float64 `parquet:"quality_low"`
	QualityHigh   *float64 `parquet:"quality_high"`
	CostUSD       *float64 `parquet:"cost_usd"`
	EnergyWh      *float64 `parquet:"energy_wh"`
	EnergyWhLow   *float64 `parquet:"energy_wh_low"`
	EnergyWhHigh  *float64 `parquet:"energy_wh_high"`
	CarbonG       *float64 `parquet:"carbon_g"`
	CarbonGLow    *float64 `parquet:"carbon_g_low"`
	CarbonGHigh   *float64 `parquet:"carbon_g_high"`
	LatencySec    *float64 `parquet:"latency_s"`
	Family        string   `parquet:"family,dict"`
	Encoder       string   `parquet:"encoder,dict"`
	Cell          string   `parquet:"cell,dict"`
	Shares        []Share  `parquet:"route_shares,list"`
}

// known is a pointer to a figure, nil where it is not a number.
func known(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}

func value(x *float64) float64 {
	if x == nil {
		return math.NaN()
	}
	return *x
}

func writePointsParquet(w io.Writer, points []Point) error {
	rows := make([]pointRow, len(points))
	for i, p := range points {
		rows[i] = pointRow{
			Pool: p.Pool, Policy: p.Policy, Seed: p.Seed, Preference: p.Preference,
			LambdaCost: p.Lambda[policy.Cost], LambdaCarbon: p.Lambda[policy.Carbon], LambdaLatency: p.Lambda[policy.Latency],
			N: int64(p.N), Coverage: known(p.Coverage), Quality: known(p.Quality), QualityLow: known(p.QualityLow), QualityHigh: known(p.QualityHigh), CostUSD: known(p.CostUSD),
			EnergyWh: known(p.EnergyWh), EnergyWhLow: known(p.EnergyWhLow), EnergyWhHigh: known(p.EnergyWhHigh),
			CarbonG: known(p.CarbonG), CarbonGLow: known(p.CarbonGLow), CarbonGHigh: known(p.CarbonGHigh),
			LatencySec: known(p.LatencySec), Family: p.Family, Encoder: p.Encoder, Cell: p.Cell, Shares: p.Shares,
		}
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
		p := Point{
			Pool: w.Pool, Policy: w.Policy, Family: w.Family, Seed: w.Seed, Preference: w.Preference, N: int(w.N),
			Coverage: value(w.Coverage), Quality: value(w.Quality), QualityLow: value(w.QualityLow), QualityHigh: value(w.QualityHigh), CostUSD: value(w.CostUSD),
			EnergyWh: value(w.EnergyWh), EnergyWhLow: value(w.EnergyWhLow), EnergyWhHigh: value(w.EnergyWhHigh),
			CarbonG: value(w.CarbonG), CarbonGLow: value(w.CarbonGLow), CarbonGHigh: value(w.CarbonGHigh),
			LatencySec: value(w.LatencySec), Encoder: w.Encoder, Cell: w.Cell, Shares: w.Shares,
		}
		p.Lambda[policy.Cost], p.Lambda[policy.Carbon], p.Lambda[policy.Latency] = w.LambdaCost, w.LambdaCarbon, w.LambdaLatency
		points = append(points, p)
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

// Decision is what a cell chose for one prompt under one preference, and what that led to. Figures are NaN where the
// decision has no result.
type Decision struct {
	PromptID    string
	Preference  string
	Use         string    // "select" or "combine"
	Model       string    // the most probable of Models, or the one of most weight
	Probability float32   // of Model
	Models      []string  // all that the decision names
	Weights     []float32 // beside Models
	Asked       []string  // models asked on the way, in the order of asking
	AskedRound  []int32   // beside Asked
	Score       float32
	CostUSD     float32
	EnergyWh    float32
	CarbonG     float32
	LatencySec  float32
}

// decisionRow is a row of decisions/<id>.parquet.
type decisionRow struct {
	PromptID    string    `parquet:"prompt_id,dict"`
	Preference  string    `parquet:"preference,dict"`
	Use         string    `parquet:"use,dict"`
	Model       string    `parquet:"model,dict"`
	Probability float32   `parquet:"probability"`
	Models      []string  `parquet:"models,list,dict"`
	Weights     []float32 `parquet:"weights,list"`
	Asked       []string  `parquet:"asked,list,dict"`
	AskedRound  []int32   `parquet:"asked_round,list"`
	Score       *float32  `parquet:"score"`
	CostUSD     *float32  `parquet:"cost_usd"`
	EnergyWh    *float32  `parquet:"energy_wh"`
	CarbonG     *float32  `parquet:"carbon_g"`
	LatencySec  *float32  `parquet:"latency_s"`
}

// chunk is how many rows are handed to or taken from the Parquet library at a time.
const chunk = 4096

// writeDecisions streams rows out and returns how many there were. The sequence may reuse what its rows point to.
func writeDecisions(w io.Writer, seq iter.Seq[Decision]) (int, error) {
	pw := parquet.NewGenericWriter[decisionRow](w, options()...)
	rows, n := make([]decisionRow, 0, chunk), 0
	figures := make([][5]float32, chunk)
	flush := func() error {
		_, err := pw.Write(rows)
		n += len(rows)
		rows = rows[:0]
		return err
	}
	for d := range seq {
		f := &figures[len(rows)]
		*f = [5]float32{d.Score, d.CostUSD, d.EnergyWh, d.CarbonG, d.LatencySec}
		at := func(i int) *float32 {
			if f[i] != f[i] {
				return nil
			}
			return &f[i]
		}
		rows = append(rows, decisionRow{
			PromptID: d.PromptID, Preference: d.Preference, Use: d.Use, Model: d.Model, Probability: d.Probability,
			// Copies, because rows are held until the chunk is full.
			Models: append([]string(nil), d.Models...), Weights: append([]float32(nil), d.Weights...),
			Asked: append([]string(nil), d.Asked...), AskedRound: append([]int32(nil), d.AskedRound...),
			Score: at(0), CostUSD: at(1), EnergyWh: at(2), CarbonG: at(3), LatencySec: at(4),
		})
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
		err := file.Rows(path, func(w *decisionRow) bool {
			d := Decision{
				PromptID: w.PromptID, Preference: w.Preference, Use: w.Use, Model: w.Model, Probability: w.Probability,
				Models: w.Models, Weights: w.Weights, Asked: w.Asked, AskedRound: w.AskedRound,
				Score: value32(w.Score), CostUSD: value32(w.CostUSD), EnergyWh: value32(w.EnergyWh),
				CarbonG: value32(w.CarbonG), LatencySec: value32(w.LatencySec),
			}
			return yield(d, nil)
		})
		if err != nil {
			yield(Decision{}, fmt.Errorf("reading %s: %w", path, err))
		}
	}
}

// Result is what a decision led to, without how it was made: the columns that statistics need.
type Result struct {
	PromptID   string
	Preference string
	Model      string
	Score      float32
	CostUSD    float32
	EnergyWh   float32
	CarbonG    float32
	LatencySec float32
}

// resultRow is a decisionRow narrowed to the columns of Result: the others are not read from disk.
type resultRow struct {
	PromptID   string   `parquet:"prompt_id,dict"`
	Preference string   `parquet:"preference,dict"`
	Model      string   `parquet:"model,dict"`
	Score      *float32 `parquet:"score"`
	CostUSD    *float32 `parquet:"cost_usd"`
	EnergyWh   *float32 `parquet:"energy_wh"`
	CarbonG    *float32 `parquet:"carbon_g"`
	LatencySec *float32 `parquet:"latency_s"`
}

// Results is Decisions without the columns that say how they were made: several times as fast.
func (r *Run) Results(id string) iter.Seq2[Result, error] {
	return func(yield func(Result, error) bool) {
		path := r.Path(decisionsDir, id+".parquet")
		err := file.Rows(path, func(w *resultRow) bool {
			return yield(Result{
				PromptID: w.PromptID, Preference: w.Preference, Model: w.Model, Score: value32(w.Score), CostUSD: value32(w.CostUSD),
				EnergyWh: value32(w.EnergyWh), CarbonG: value32(w.CarbonG), LatencySec: value32(w.LatencySec),
			}, nil)
		})
		if err != nil {
			yield(Result{}, fmt.Errorf("reading %s: %w", path, err))
		}
	}
}

func value32(x *float32) float32 {
	if x == nil {
		return float32(math.NaN())
	}
	return *x
}
