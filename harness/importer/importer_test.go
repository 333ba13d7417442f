package importer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadModelsAndMatch(t *testing.T) {
	models, err := ReadModels(write(t, "models.yaml", `
models:
  - {id: llama-3-70b, provider: meta, price_input_usd_per_mtok: 0.9, price_output_usd_per_mtok: 0.9}
  - {id: llama-2-7b}
  - {id: mistral-7b-v0.1}
  - {id: mistral-7b-v0.2}
  - {id: mathstral-7b}
  - {id: phi-3-mini, source: Phi-3-mini-4k-instruct}
  - {id: odd, source: [Odd One, Odd-Two]}
`))
	if err != nil {
		t.Fatal(err)
	}
	if models[0].Provider != "meta" || models[0].PriceInputUSDPerMTok != 0.9 {
		t.Errorf("facts of the first model: %+v", models[0])
	}
	for name, want := range map[string]string{
		"llama-3-70b": "llama-3-70b", "Meta-Llama-3-70B": "llama-3-70b", "Llama-2-7b-hf": "llama-2-7b",
		"Mistral-7B-v0.2": "mistral-7b-v0.2", "Mathstral-7B-v0.1": "mathstral-7b", "mathstral_7b": "mathstral-7b",
		"Phi-3-mini-4k-instruct": "phi-3-mini", "phi-3-MINI-4k-instruct": "phi-3-mini", "Odd One": "odd", "odd-two": "odd",
	} {
		i, err := Match(name, models)
		if err != nil || models[i].ID != want {
			t.Errorf("%s: %v, %v, want %s", name, i, err, want)
		}
	}
	for _, name := range []string{"Mistral-7B-v0.3", "mistral-7b", "Llama-3-70B-Instruct", ""} {
		if _, err := Match(name, models); !errors.Is(err, ErrUnknownModel) {
			t.Errorf("%s: %v, want an unknown model", name, err)
		}
	}
	twins := []Model{models[0], models[1]}
	twins[0].ID, twins[1].ID = "A-1", "a.1"
	if _, err := Match("a 1", twins); err == nil || !strings.Contains(err.Error(), "may be A-1 or a.1") {
		t.Errorf("an ambiguous name: %v", err)
	}
	if i, err := Match("a.1", twins); err != nil || i != 1 {
		t.Errorf("an exact name among like ones: %d, %v", i, err)
	}
	for text, want := range map[string]string{
		"models:\n  - {id: a, source: {b: c}}\n": "write a name or a list of names",
		"models: []\n":                           "names no models",
		"models: [":                              "YAML",
	} {
		if _, err := ReadModels(write(t, "bad.yaml", text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", text, err, want)
		}
	}
	if _, err := ReadModels(filepath.Join(t.TempDir(), "absent")); err == nil || !strings.Contains(err.Error(), "give a models.yaml") {
		t.Errorf("no models file: %v", err)
	}
}

func TestEstimate(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, " \n\t": 0, "a": 1, "The answer is (C).": 7, "数学": 2, "3.14": 3, "café naïve": 2,
		strings.Repeat("x", 100): 41, "$\\alpha$": 4,
	} {
		if got := (Estimate{}).Count(text); got != want {
			t.Errorf("%.20q: %d tokens, want %d", text, got, want)
		}
	}
}

func TestWordPiece(t *testing.T) {
	w, err := ReadVocabulary(write(t, "vocab.txt", strings.Join([]string{
		"[PAD]", "[UNK]", "[CLS]", "un", "##aff", "##able", "##a", "run", "##ning", "cafe", ".", "$", "数", "the", "\u0301x",
	}, "\r\n")+"\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{
		"":                         0,
		"unaffable":                3, // un ##aff ##able
		"UNAFFABLE running":        5,
		"runn":                     1, // unknown: no piece ends it
		"Café.":                    2, // cafe .
		"the$the":                  3,
		"数学":                       2, // 数 and an unknown
		"the\x00 \u200bthe\u00a0.": 3,
		strings.Repeat("a", 101):   1,
		"[UNK]":                    3, // split at the brackets, as texts are
	} {
		if got := w.Count(text); got != want {
			t.Errorf("%.20q: %d tokens, want %d", text, got, want)
		}
	}
	if w.Name() != "WordPiece by vocab.txt" {
		t.Errorf("name %q", w.Name())
	}
	for path, want := range map[string]string{
		filepath.Join(t.TempDir(), "absent"):       "leave it out to estimate",
		write(t, "vocab.txt", "just\nsome\nwords"): "no line [UNK]",
		write(t, "vocab.txt", "\xff\xfe"):          "not UTF-8",
	} {
		if _, err := ReadVocabulary(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %q", path, err, want)
		}
	}
}

func FuzzCount(f *testing.F) {
	f.Add("Which of the following? 3.14 数学 café \xff")
	path := filepath.Join(f.TempDir(), "vocab.txt")
	if err := os.WriteFile(path, []byte("[UNK]\na\n##b\n"), 0o644); err != nil {
		f.Fatal(err)
	}
	w, err := ReadVocabulary(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, c := range []TokenCounter{Estimate{}, w} {
			if n := c.Count(text); n < 0 || n > 4*len(text)+1 {
				t.Fatalf("%s: %q has %d tokens", c.Name(), text, n)
			}
		}
	})
}
