package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeResults holds the tables of the README to what their commands print.
func TestReadmeResults(t *testing.T) {
	if os.Getenv("TRILEMMA_FULL") == "" {
		t.Skip("runs a whole experiment: set TRILEMMA_FULL=1, or make check-full")
	}
	page, err := os.ReadFile("../../results/README.md")
	if err != nil {
		t.Fatal(err)
	}
	number := regexp.MustCompile(`-?\d\.\d{3} \[[^]]*\]`)
	for _, name := range []string{"quickstart"} {
		if name != "quickstart" {
			if _, err := os.Stat("../../../shared/data/mmlu-pro"); err != nil {
				t.Skip("no ../shared/data/mmlu-pro: its tables are not checked")
			}
		}
		dir := t.TempDir()
		out := must(t, "run", "../../experiments/"+name+".yaml", "--results", dir)
		got, err := os.ReadFile(filepath.Join(dir, name, "latest", "report.md"))
		if err != nil {
			t.Fatal(err)
		}
		_, section, found := strings.Cut(string(page), "`trilemma run experiments/"+name+".yaml` (")
		section, _, _ = strings.Cut(section, "\n\n`") // the next table's command
		checked := 0
		for line := range strings.Lines(section) {
			cells := strings.Split(line, "|")
			if !found || len(cells) < 3 {
				continue
			}
			for _, n := range number.FindAllString(line, -1) {
				checked++
				if !regexp.MustCompile(`(?m)^\| ` + strings.TrimSpace(cells[1]) + ` \|.*` + regexp.QuoteMeta(n)).Match(got) {
					t.Errorf("results/README.md, %s: %s has %s, the run says\n%s", name, strings.TrimSpace(cells[1]), n, out)
				}
			}
		}
		if checked < 10 {
			t.Errorf("results/README.md, %s: %d numbers found in its table, want at least 10", name, checked)
		}
	}
}
