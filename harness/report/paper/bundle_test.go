package paper

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/report"
	"github.com/trilemma-bench/trilemma/harness/store"
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

// An artifact has what reviewers ask for: its claims point to files that it holds, and its copy of the run can be read.
func TestArtifact(t *testing.T) {
	run := storetest.Write(t, t.TempDir(), storetest.Run{Experiment: "e", ID: "00000001", Choose: func(string, int) int { return 0 }})
	if _, err := report.Figures(run, experiment.Plots{Formats: []string{"svg"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := report.Tables(run); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	paths, err := Artifact(run, dir, "a licence")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"README.md", "CLAIMS.md", "LICENSE", "environment.json", "experiment.json"} {
		if !slices.Contains(paths, filepath.Join(dir, name)) {
			t.Errorf("no %s among %v", name, paths)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "CLAIMS.md"))
	if err != nil {
		t.Fatal(err)
	}
	claims := 0
	for _, line := range strings.Split(string(text), "\n") {
		if cells := strings.Split(line, " | "); len(cells) == 3 && strings.HasPrefix(cells[1], "`") {
			claims++
			if _, err := os.Stat(filepath.Join(dir, strings.Trim(cells[1], "`"))); err != nil {
				t.Errorf("a claim of nothing: %v", err)
			}
			if !strings.HasPrefix(cells[2], "`trilemma ") {
				t.Errorf("no command in %s", line)
			}
		}
	}
	if claims < 2 {
		t.Errorf("%d claims in\n%s", claims, text)
	}
	copied, err := store.Find(filepath.Join(dir, "results"), "e/00000001")
	if err != nil {
		t.Fatal(err)
	}
	if points, err := copied.Points(); err != nil || len(points) == 0 {
		t.Errorf("%d points in the copy, %v", len(points), err)
	}
	if _, err := Artifact(run, run.Path("within"), ""); err == nil {
		t.Error("an artifact within its own run")
	}
}
