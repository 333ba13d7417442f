package report

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/report/page"
	"github.com/trilemma-bench/trilemma/harness/store/storetest"
)

// TestRunsOfEveryVersionOpen shows a run of today and one of a version that chose its settings on the test prompts.
func TestRunsOfEveryVersionOpen(t *testing.T) {
	for _, c := range []struct {
		older      bool
		has, lacks string
	}{
		{false, "Settings are chosen on the selection prompts", "older version"},
		{true, "Made by an older version", "first by the selection prompts"},
	} {
		run := storetest.Write(t, t.TempDir(), storetest.Run{Experiment: "e", ID: "00000001", Older: c.older, Choose: func(preference string, _ int) int {
			return map[string]int{"q": 1, "c1": 0}[preference]
		}})
		var terminal bytes.Buffer
		if err := Terminal(&terminal, run); err != nil {
			t.Fatal(err)
		}
		figures, err := Figures(run, experiment.Plots{Formats: []string{"svg"}})
		if err != nil || len(figures) == 0 {
			t.Fatalf("%d figures, %v", len(figures), err)
		}
		path, err := Markdown(run, figures)
		if err != nil {
			t.Fatal(err)
		}
		markdown, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		tables, err := Tables(run)
		if err != nil || len(tables) == 0 {
			t.Fatalf("%d tables, %v", len(tables), err)
		}
		page, err := page.Render(run)
		if err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"terminal": terminal.String(), "report.md": string(markdown), "report.html": string(page)} {
			if !strings.Contains(text, c.has) || name != "report.html" && strings.Contains(text, c.lacks) || !strings.Contains(text, "60") {
				t.Errorf("older %v, %s: want %q and n, and nothing of %q, in\n%.1500s", c.older, name, c.has, c.lacks, text)
			}
		}
	}
}
