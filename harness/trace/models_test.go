package trace

import (
	"errors"
	"strings"
	"testing"
)

// FuzzModels feeds any text to the reader of models.yaml.
func FuzzModels(f *testing.F) {
	f.Add("models:\n  - id: a\n    params_total_b: [1, 2]\n    price_input_usd_per_mtok: .inf\n")
	f.Add("models: {a: b}")
	f.Add("- id: a\n")
	f.Fuzz(func(t *testing.T, text string) {
		models, err := ParseModels([]byte(text))
		if err != nil {
			return
		}
		again, err := FormatModels(models)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseModels(again); err != nil {
			t.Errorf("what was read cannot be read once written: %v\n%s", err, again)
		}
	})
}

func TestPricesInAnotherUnitAreRefused(t *testing.T) {
	for key, text := range map[string]string{
		"price_input_eur_per_mtok":  "models:\n- id: a\n  price_input_eur_per_mtok: 1\n",
		"price_output_usd_per_ktok": "models:\n- id: a\n  price_input_usd_per_mtok: 1\n  price_output_usd_per_ktok: 1\n",
		"currency":                  "models:\n- id: a\n  currency: GBP\n",
	} {
		_, err := ParseModels([]byte(text))
		var v *Violation
		if !errors.As(err, &v) || v.Column != key || v.Row < 3 || !strings.Contains(v.Fix, "price book") {
			t.Errorf("%s: error %v, want its line and what to do", key, err)
		}
	}
	if _, err := ParseModels([]byte("models:\n- id: a\n  price_input_usd_per_mtok: 1\n  note: cheap\n")); err != nil {
		t.Errorf("a key of another tool is refused: %v", err)
	}
}
