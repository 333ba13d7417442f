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

	"github.com/trilemma-bench/trilemma/harness/metrics"
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
	// The central estimates lie between the bounds that the assumed sizes of closed models leave: for open models the bounds
	// are the estimate. What the estimate of energy itself may be off by is not in them; see [Usage] and [Saving]. The bounds
	// of quality are those of a 95 % interval over the test prompts: mean ± 1.96 standard errors, within [0, 1].
	Figures, Low, High policy.Figures

	Encoder string // label of the encoder, "" where the policy needs none
	Cell    string // content id of the cell; "" for a reference that no policy was asked for
	Shares  []Share
}

// Share is the part of the decisions' probability that went to one model.
type Share struct {
	Model string  `json:"model" parquet:"model,dict"`
	Share float64 `json:"share" parquet:"share"`
}

// mixed is the model that a corner of the Zero router takes; "" for any other point.
func (p *Point) mixed() string {
	if p.Family == metrics.ZeroRouter && len(p.Shares) == 1 {
		return p.Shares[0].Model
	}
	return ""
}

// AnyPreference is the label of the one point of a policy that does not look at preferences.
const AnyPreference = "any"

// Setting says what the point's preference means ([policy.Preference.Meaning]), for people: labels such as c16 are keys.
func (p *Point) Setting() string {
	if m := p.mixed(); m != "" {
		return "all to " + m
	}
	if p.Preference == AnyPreference {
		return "the same under every preference"
	}
	return p.Lambda.Meaning()
}

// PointWorth is [Point.Setting] for the cell of a table ([policy.Preference.PointWorth]).
func (p *Point) PointWorth() string {
	if p.Preference == AnyPreference || p.mixed() != "" {
		return "the same for all"
	}
	return p.Lambda.PointWorth()
}

// Columns are the columns of points.csv, the stable interface for other tools.
var Columns = func() []string {
	out := []string{"pool", "policy", "seed", "preference"}
	for _, q := range policy.Weighed {
		out = append(out, "lambda_"+q.String())
	}
	out = append(out, "n", "coverage")
	for q := range policy.NumQuantities {
		out = append(out, mean(q))
	}
	return out
}()

// pointRow is a point as cells/<id>.json and points.parquet hold it. Cost and latency have no bounds of their own.
type pointRow struct {
	Pool          string   `json:"pool" parquet:"pool,dict"`
	Policy        string   `json:"policy" parquet:"policy,dict"`
	Seed          uint64   `json:"seed" parquet:"seed"`
	Preference    string   `json:"preference" parquet:"preference,dict"`
	LambdaCost    float64  `json:"lambda_cost" parquet:"lambda_cost"`
	LambdaCarbon  float64  `json:"lambda_carbon" parquet:"lambda_carbon"`
	LambdaLatency float64  `json:"lambda_latency" parquet:"lambda_latency"`
	LambdaWater   float64  `json:"lambda_water" parquet:"lambda_water"`
	N             int64    `json:"n" parquet:"n"`
	Coverage      *float64 `json:"coverage" parquet:"coverage"`
	Quality       *float64 `json:"quality" parquet:"quality"`
	QualityLow    *float64 `json:"quality_low" parquet:"quality_low"`
	QualityHigh   *float64 `json:"quality_high" parquet:"quality_high"`
	CostUSD       *float64 `json:"cost_usd" parquet:"cost_usd"`
	EnergyWh      *float64 `json:"energy_wh" parquet:"energy_wh"`
	EnergyWhLow   *float64 `json:"energy_wh_low" parquet:"energy_wh_low"`
	EnergyWhHigh  *float64 `json:"energy_wh_high" parquet:"energy_wh_high"`
	CarbonG       *float64 `json:"carbon_g" parquet:"carbon_g"`
	CarbonGLow    *float64 `json:"carbon_g_low" parquet:"carbon_g_low"`
	CarbonGHigh   *float64 `json:"carbon_g_high" parquet:"carbon_g_high"`
	LatencySec    *float64 `json:"latency_s" parquet:"latency_s"`
	WaterML       *float64 `json:"water_ml" parquet:"water_ml"`
	WaterMLLow    *float64 `json:"water_ml_low" parquet:"water_ml_low"`
	WaterMLHigh   *float64 `json:"water_ml_high" parquet:"water_ml_high"`
	Family        string   `json:"family" parquet:"family,dict"`
	Encoder       string   `json:"encoder,omitempty" parquet:"encoder,dict"`
	Cell          string   `json:"cell,omitempty" parquet:"cell,dict"`
	Shares        []Share  `json:"shares,omitempty" parquet:"route_shares,list"`
}

// mean names the column of a quantity's mean.
func mean(q policy.Quantity) string {
	if q == policy.Quality {
		return q.String() // the mean of scores
	}
	return q.Column()
}

var (
	lambdaFields = fieldsOf[pointRow](func(q policy.Quantity) string { return "lambda_" + q.String() })
	meanFields   = fieldsOf[pointRow](mean)
	lowFields    = fieldsOf[pointRow](func(q policy.Quantity) string { return mean(q) + "_low" })
	highFields   = fieldsOf[pointRow](func(q policy.Quantity) string { return mean(q) + "_high" })
)

func (p *Point) row() pointRow {
	r := pointRow{
		Pool: p.Pool, Policy: p.Policy, Seed: p.Seed, Preference: p.Preference, N: int64(p.N), Coverage: Known(p.Coverage),
		Family: p.Family, Encoder: p.Encoder, Cell: p.Cell, Shares: p.Shares,
	}
	lambdaFields.set(&r, policy.Figures(p.Lambda))
	meanFields.set(&r, p.Figures)
	lowFields.set(&r, p.Low)
	highFields.set(&r, p.High)
	return r
}

func (r *pointRow) point() Point {
	p := Point{
		Pool: r.Pool, Policy: r.Policy, Seed: r.Seed, Preference: r.Preference, N: int(r.N), Coverage: OrNaN(r.Coverage),
		Family: r.Family, Encoder: r.Encoder, Cell: r.Cell, Shares: r.Shares,
		Figures: meanFields.get(r), Low: lowFields.get(r), High: highFields.get(r),
	}
	lambda := lambdaFields.get(r)
	for _, q := range policy.Weighed {
		p.Lambda[q] = lambda[q]
	}
	return p
}

// MarshalJSON writes unknown figures as null.
func (p Point) MarshalJSON() ([]byte, error) { return json.Marshal(p.row()) }

// UnmarshalJSON reads null as NaN.
func (p *Point) UnmarshalJSON(text []byte) error {
	var r pointRow
	if err := json.Unmarshal(text, &r); err != nil {
		return err
	}
	*p = r.point()
	return nil
}

// SortPoints orders points by pool, policy, seed, λ and labels: the order of the stored tables, whatever the order in
// which cells were finished.
func SortPoints(points []Point) {
	slices.SortStableFunc(points, func(a, b Point) int {
		order := cmp.Or(cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Encoder, b.Encoder), cmp.Compare(a.Seed, b.Seed))
		for i := len(policy.Weighed) - 1; i >= 0; i-- {
			q := policy.Weighed[i]
			order = cmp.Or(order, cmp.Compare(a.Lambda[q], b.Lambda[q]))
		}
		return cmp.Or(order, cmp.Compare(a.Preference, b.Preference), cmp.Compare(a.Cell, b.Cell))
	})
}

// WriteCSV writes points as points.csv has them. Floats are the shortest text that reads back the same, unknown ones empty.
func WriteCSV(w io.Writer, points []Point) error {
	c := csv.NewWriter(w)
	if err := c.Write(Columns); err != nil {
		return err
	}
	for _, p := range points {
		row := []string{p.Pool, p.Policy, strconv.FormatUint(p.Seed, 10), p.Preference}
		for _, q := range policy.Weighed {
			row = append(row, number(p.Lambda[q]))
		}
		row = append(row, strconv.Itoa(p.N), number(p.Coverage))
		for _, x := range p.Figures {
			row = append(row, number(x))
		}
		if err := c.Write(row); err != nil {
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
