package importer

import (
	"context"
	"math"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

func TestFillTokens(t *testing.T) {
	tr := trace.NewTrace([]policy.Model{policy.NewModel("a"), policy.NewModel("b")}, trace.Prompts{
		ID: []string{"p", "q", "r"}, Text: []string{"The answer is (C).", "", "Why?"},
	})
	for at := range 6 {
		tr.Outcomes.Present.Set(at)
		tr.Outcomes.Logged[policy.Quality][at] = 1
	}
	tr.Outcomes.Present.Clear(5)
	o := &tr.Outcomes
	o.InputTokens[0], o.OutputTokens[0] = 40, 50 // logged: stays
	o.OutputTokens[1] = 0                        // zero tokens of a response
	dir := t.TempDir()
	text := []string{"not counted", "a b c", "数学", "", "so", "no outcome"}
	if err := file.Write(dir, tr, func(p, m int) string { return text[o.At(p, m)] }); err != nil {
		t.Fatal(err)
	}
	got, err := file.Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	filled, err := FillTokens(context.Background(), got, Estimate{})
	if err != nil {
		t.Fatal(err)
	}
	nan := math.NaN()
	in, out := []float64{40, 7, nan, nan, 2, nan}, []float64{50, 3, 2, nan, 1, nan}
	for at := range in {
		for _, x := range []struct {
			name      string
			got, want float64
		}{{"input", float64(got.Outcomes.InputTokens[at]), in[at]}, {"output", float64(got.Outcomes.OutputTokens[at]), out[at]}} {
			if math.IsNaN(x.got) != math.IsNaN(x.want) || x.got == x.got && x.got != x.want {
				t.Errorf("%s tokens of outcome %d: %v, want %v", x.name, at, x.got, x.want)
			}
		}
		if want := at == 1 || at == 2 || at == 4; got.Outcomes.Estimated.Has(at) != want {
			t.Errorf("outcome %d is marked as estimated: %v, want %v", at, !want, want)
		}
	}
	if filled != 3 {
		t.Errorf("%d outcomes filled, want 3", filled)
	}
}
