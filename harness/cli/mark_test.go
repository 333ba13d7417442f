package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/carbon"
	"github.com/trilemma-bench/trilemma/harness/cost"
	"github.com/trilemma-bench/trilemma/harness/encode/bert"
	"github.com/trilemma-bench/trilemma/harness/encode/wordpiece"
	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/importer"
	"github.com/trilemma-bench/trilemma/harness/selfmeter"
	"github.com/trilemma-bench/trilemma/harness/trace"
)

// TestEveryTextReaderSkipsTheMark holds that a byte-order mark changes nothing, whoever reads the text.
func TestEveryTextReaderSkipsTheMark(t *testing.T) {
	const vocabulary = "[UNK]\n[CLS]\n[SEP]\n[PAD]\nthe\n"
	path := func(name, text string) string {
		at := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return at
	}
	none := func(string) (string, bool) { return "", false }
	for name, c := range map[string]struct {
		text string
		read func(text string) error
	}{
		"models.yaml":                {"models: [{id: a}]\n", func(s string) error { _, err := trace.ParseModels([]byte(s)); return err }},
		"models.yaml of an importer": {"models: [{id: a}]\n", func(s string) error { _, err := importer.ReadModels(path("m.yaml", s)); return err }},
		"price book": {"models: [{id: a, prices: [{from: 2024-01-01, source: s, input: 1, output: 2}]}]\n",
			func(s string) error { _, err := cost.LoadBook(path("b.yaml", s)); return err }},
		"experiment": {"name: a\ndata: {synth: {}}\npolicies: [random]\n",
			func(s string) error { _, _, err := experiment.Parse([]byte(s), "e.yaml", nil, none); return err }},
		"hourly grid": {"datetime,zone,gco2e_per_kwh\n2024-06-01T13:00:00Z,FRA,40\n",
			func(s string) error { _, err := carbon.LoadHourly(path("h.csv", s)); return err }},
		"emissions.csv": {"timestamp,duration,emissions,energy_consumed\n2024-06-01T00:00:00,1,2,3\n",
			func(s string) error { _, err := selfmeter.ReadEmissions(strings.NewReader(s)); return err }},
		"JSON records": {"[1, 2]", func(s string) error {
			return importer.EachElement(t.Context(), "r", strings.NewReader(s), func(int, json.RawMessage) error { return nil })
		}},
		"vocabulary of an importer": {vocabulary, func(s string) error { _, err := importer.ReadVocabulary(path("vocab.txt", s)); return err }},
		"vocabulary of an encoder":  {vocabulary, func(s string) error { _, _, err := wordpiece.Load(filepath.Dir(path("vocab.txt", s))); return err }},
		"golden cases":              {`{"cases": [{"text": "a", "ids": [1], "vector": [1]}]}`, func(s string) error { _, err := bert.ReadGolden(path("g.json", s)); return err }},
	} {
		if err := c.read(c.text); err != nil {
			t.Errorf("%s without a mark: %v", name, err)
		}
		if err := c.read("\ufeff" + c.text); err != nil {
			t.Errorf("%s with a mark: %v", name, err)
		}
	}
}
