package store

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Point is what one cell led to under one preference: means per prompt over the test prompts that it covers. A figure
// that is not known is NaN.
type Point struct {
	Pool       string
	Policy     string // the label of the policy in the experiment
	Family     string // the policy's own name: points of a family share a colour
	Seed       uint64
	Preference string // the label of the preference
	Lambda     policy.Preference

	N        int     // decisions asked for
	Coverage float64 // part of them that has a result
	Quality  float64
	// A 95 % interval of Quality over the test prompts: mean ± 1.96 standard errors, within [0, 1].
	QualityLow, QualityHigh float64
	CostUSD                 float64
	// The central estimates lie between the bounds that the assumed sizes of closed models leave: for open models the bounds
	// are the estimate. What the estimate of energy itself may be off by is not in them; see [Usage] and [Saving].
	EnergyWh, EnergyWhLow, EnergyWhHigh float64
	CarbonG, CarbonGLow, CarbonGHigh    float64
	LatencySec                          float64

	Encoder string // label of the encoder, "" where the policy needs none
	Cell    string // content id of the cell; "" for a reference that no policy was asked for
	Shares  []Share
}

// Share is the part of the decisions' probability that went to one model.
type Share struct {
	Model string  `json:"model" parquet:"model,dict"`
	Share float64 `json:"share" parquet:"share"`
}

// Columns are the columns of points.csv, the stable interface for other tools.
var Columns = []string{
	"pool", "policy", "seed", "preference", "lambda_cost", "lambda_carbon", "lambda_latency",
	"n", "coverage", "quality", "cost_usd", "energy_wh", "carbon_g", "latency_s",
}

// figure is a float64 that JSON writes as null where it is not a number.
type figure float64

// MarshalJSON writes the shortest text that reads back the same.
func (f figure) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(f), 'g', -1, 64), nil
}

// UnmarshalJSON reads null as NaN.
func (f *figure) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*f = figure(math.NaN())
		return nil
	}
	return json.Unmarshal(text, (*float64)(f))
}

// pointJSON is a point as cells/<id>.json holds it.
type pointJSON struct {
	Pool          string  `json:"pool"`
	Policy        string  `json:"policy"`
	Family        string  `json:"family"`
	Seed          uint64  `json:"seed"`
	Preference    string  `json:"preference"`
	LambdaCost    figure  `json:"lambda_cost"`
	LambdaCarbon  figure  `json:"lambda_carbon"`
	LambdaLatency figure  `json:"lambda_latency"`
	N             int     `json:"n"`
	Coverage      figure  `json:"coverage"`
	Quality       figure  `json:"quality"`
	QualityLow    figure  `json:"quality_low"`
	QualityHigh   figure  `json:"quality_high"`
	CostUSD       figure  `json:"cost_usd"`
	EnergyWh      figure  `json:"energy_wh"`
	EnergyWhLow   figure  `json:"energy_wh_low"`
	EnergyWhHigh  figure  `json:"energy_wh_high"`
	CarbonG       figure  `json:"carbon_g"`
	CarbonGLow    figure  `json:"carbon_g_low"`
	CarbonGHigh   figure  `json:"carbon_g_high"`
	LatencySec    figure  `json:"latency_s"`
	Encoder       string  `json:"encoder,omitempty"`
	Cell          string  `json:"cell,omitempty"`
	Shares        []Share `json:"shares,omitempty"`
}

// MarshalJSON writes unknown figures as null.
func (p Point) MarshalJSON() ([]byte, error) {
	return json.Marshal(pointJSON{
		Pool: p.Pool, Policy: p.Policy, Family: p.Family, Seed: p.Seed, Preference: p.Preference,
		LambdaCost: figure(p.Lambda[policy.Cost]), LambdaCarbon: figure(p.Lambda[policy.Carbon]), LambdaLatency: figure(p.Lambda[policy.Latency]),
		N: p.N, Coverage: figure(p.Coverage), Quality: figure(p.Quality), QualityLow: figure(p.QualityLow), QualityHigh: figure(p.QualityHigh), CostUSD: figure(p.CostUSD),
		EnergyWh: figure(p.EnergyWh), EnergyWhLow: figure(p.EnergyWhLow), EnergyWhHigh: figure(p.EnergyWhHigh),
		CarbonG: figure(p.CarbonG), CarbonGLow: figure(p.CarbonGLow), CarbonGHigh: figure(p.CarbonGHigh),
		LatencySec: figure(p.LatencySec), Encoder: p.Encoder, Cell: p.Cell, Shares: p.Shares,
	})
}

// UnmarshalJSON reads null as NaN.
func (p *Point) UnmarshalJSON(text []byte) error {
	var j pointJSON
	if err := json.Unmarshal(text, &j); err != nil {
		return err
	}
	*p = Point{
		Pool: j.Pool, Policy: j.Policy, Family: j.Family, Seed: j.Seed, Preference: j.Preference,
		Lambda: policy.Preference{
			policy.Cost: float64(j.LambdaCost), policy.Carbon: float64(j.LambdaCarbon), policy.Latency: float64(j.LambdaLatency),
		},
		N: j.N, Coverage: float64(j.Coverage), Quality: float64(j.Quality), QualityLow: float64(j.QualityLow), QualityHigh: float64(j.QualityHigh), CostUSD: float64(j.CostUSD),
		EnergyWh: float64(j.EnergyWh), EnergyWhLow: float64(j.EnergyWhLow), EnergyWhHigh: float64(j.EnergyWhHigh),
		CarbonG: float64(j.CarbonG), CarbonGLow: float64(j.CarbonGLow), CarbonGHigh: float64(j.CarbonGHigh),
		LatencySec: float64(j.LatencySec), Encoder: j.Encoder, Cell: j.Cell, Shares: j.Shares,
	}
	return nil
}

// SortPoints orders points by pool, policy, seed, λ and labels: the order of the stored tables, whatever the order in
// which cells were finished.
func SortPoints(points []Point) {
	slices.SortStableFunc(points, func(a, b Point) int {
		return cmp.Or(
			cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Encoder, b.Encoder), cmp.Compare(a.Seed, b.Seed),
			cmp.Compare(a.Lambda[policy.Latency], b.Lambda[policy.Latency]), cmp.Compare(a.Lambda[policy.Carbon], b.Lambda[policy.Carbon]),
			cmp.Compare(a.Lambda[policy.Cost], b.Lambda[policy.Cost]), cmp.Compare(a.Preference, b.Preference), cmp.Compare(a.Cell, b.Cell),
		)
	})
}

// WriteCSV writes points as points.csv has them. Floats are the shortest text that reads back the same, unknown ones empty.
func WriteCSV(w io.Writer, points []Point) error {
	c := csv.NewWriter(w)
	if err := c.Write(Columns); err != nil {
		return err
	}
	for _, p := range points {
		if err := c.Write([]string{
			p.Pool, p.Policy, strconv.FormatUint(p.Seed, 10), p.Preference,
			number(p.Lambda[policy.Cost]), number(p.Lambda[policy.Carbon]), number(p.Lambda[policy.Latency]),
			strconv.Itoa(p.N), number(p.Coverage), number(p.Quality), number(p.CostUSD),
			number(p.EnergyWh), number(p.CarbonG), number(p.LatencySec),
		}); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

func number(x float64) string {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return ""
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}

// WritePoints sorts points and writes points.csv and points.parquet. It changes the order of the slice.
func (r *Run) WritePoints(points []Point) error {
	SortPoints(points)
	var text bytes.Buffer
	if err := WriteCSV(&text, points); err != nil {
		return fmt.Errorf("writing %s: %w", r.Path(PointsCSV), err)
	}
	if err := r.WriteFile(PointsCSV, text.Bytes()); err != nil {
		return err
	}
	return r.write(r.Path(PointsParquet), func(w io.Writer) error { return writePointsParquet(w, points) })
}

// WriteSelection writes selection.csv: the points over the selection prompts, by which settings are chosen, with the columns
// of points.csv. It changes the order of the slice.
func (r *Run) WriteSelection(points []Point) error {
	SortPoints(points)
	var text bytes.Buffer
	if err := WriteCSV(&text, points); err != nil {
		return fmt.Errorf("writing %s: %w", r.Path(SelectionCSV), err)
	}
	return r.WriteFile(SelectionCSV, text.Bytes())
}
