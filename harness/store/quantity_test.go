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
	row := p.row()
	if got := row.point(); got.Figures != p.Figures || got.Lambda != p.Lambda {
		t.Errorf("a point's %v and %v come back as %v and %v: give pointRow the fields of each quantity", p.Figures, p.Lambda, got.Figures, got.Lambda)
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
