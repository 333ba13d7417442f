package store

import (
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// The rows of Parquet are structs: a quantity that is added to the table needs its fields there.
func TestRowsHaveEveryQuantity(t *testing.T) {
	var f policy.Figures
	for q := range f {
		f[q] = float64(q + 1)
	}
	p := Point{Figures: f}
	for _, q := range policy.Weighed {
		p.Lambda[q] = f[q]
	}
	p.Low, p.High = f, f
	row := p.row()
	got := row.point()
	for _, q := range []policy.Quantity{policy.Cost, policy.Latency} { // what has no bounds of its own
		got.Low[q], got.High[q] = f[q], f[q]
	}
	if got.Figures != f || got.Low != f || got.High != f || got.Lambda != p.Lambda {
		t.Errorf("a point's %v come back as %+v: give pointRow the fields of each quantity", f, got)
	}
	var d Decision
	if d.SetFigures(f); d.Figures() != f {
		t.Errorf("a decision's %v come back as %v: give Decision the fields of each quantity", f, d.Figures())
	}
	var r result
	if resultFields.set(&r, f); resultFields.get(&r) != f {
		t.Errorf("a result's %v come back as %v: give result the fields of each quantity", f, resultFields.get(&r))
	}
}
