package paper

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/store/storetest"
)

// An article names its run, holds every figure and table that it includes, and writes a description as text.
func TestArticle(t *testing.T) {
	run := storetest.Write(t, t.TempDir(), storetest.Run{Experiment: "e", ID: "00000001", Config: `{"description":"50 % of $5 & a_b"}`, Choose: func(string, int) int { return 0 }})
	dir := t.TempDir()
	path, err := Write(run, dir, experiment.Plots{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	if want := `50 \% of \$5 \& a\_b`; !strings.Contains(text, want) || !strings.Contains(text, "00000001") {
		t.Errorf("want %q and the run's id in\n%s", want, text)
	}
	included := 0
	for _, part := range strings.Split(text, `\includegraphics`)[1:] {
		name := part[strings.Index(part, "{")+1 : strings.Index(part, "}")]
		if _, err := os.Stat(filepath.Join(dir, "figures", name+".pdf")); err != nil {
			t.Errorf("a figure that is not there: %v", err)
		}
		included++
	}
	for _, part := range strings.Split(text, `\input{`)[1:] {
		name, _, _ := strings.Cut(part, "}")
		if _, err := os.Stat(filepath.Join(dir, name+".tex")); err != nil {
			t.Errorf("a table that is not there: %v", err)
		}
		included++
	}
	if included < 2 {
		t.Errorf("%d figures and tables", included)
	}
}
