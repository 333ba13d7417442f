package experiment

import (
	"testing"

	"github.com/trilemma-bench/trilemma/policies/bundled"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

func bundledFacts(models []policy.Model, pref func(string, []int) ([]Labelled, error)) Facts {
	f := Facts{Models: models, Trace: "t", Split: "s", Accounting: "a", Encoders: map[string]string{"hash": "h", "minilm": "m"}, Preferences: pref}
	for _, d := range bundled.All() {
		f.Known = append(f.Known, d.Description.Name)
	}
	f.Describe = func(p Policy) (PolicyFacts, bool, error) {
		d, ok := bundled.Find(p.Name)
		return PolicyFacts{Description: d.Description}, ok, nil
	}
	return f
}

func TestSmoke(t *testing.T) {
	for _, f := range []string{"quickstart", "mmlu-pro"} {
		s, notes, err := Load("../../experiments/"+f+".yaml", nil)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := s.Resolved()
		t.Log(string(text), notes)
		models := []policy.Model{policy.NewModel("a")}
		if f == "mmlu-pro" {
			s.Pools = s.Pools[:1]
		}
		cells, err := Expand(s, bundledFacts(models, func(string, []int) ([]Labelled, error) {
			return s.Preferences.Expand(Scale{CostUSD: MinMax{1e-5, 1e-3}, CarbonG: MinMax{0.1, 2}})
		}))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cells {
			t.Log(c.ID[:8], c.Name(), string(c.Params), len(c.Preferences))
		}
		id, err := RunID(s, cells, nil)
		t.Log(id, err, cells[0].Preferences)
	}
}
