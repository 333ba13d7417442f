package file

import (
	"context"
	"github.com/trilemma-bench/trilemma/harness/trace"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// shared finds a folder of ../shared, which not every checkout has.
func shared(t testing.TB, path string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
	path = filepath.Join(dir, "..", "shared", path)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no shared data at %s", path)
	}
	return path
}

func TestOpenMMLUPro(t *testing.T) {
	tr, err := Open(context.Background(), shared(t, "data/mmlu-pro"))
	if err != nil {
		t.Fatal(err)
	}
	if got := tr.Prompts.Len(); got != 8470 {
		t.Errorf("%d prompts, want 8470", got)
	}
	if got := len(tr.Models); got != 29 {
		t.Errorf("%d models, want 29", got)
	}
	n := 0
	for i := range tr.Outcomes.Logged[policy.Quality] {
		if tr.Outcomes.Present.Has(i) {
			n++
		}
	}
	if n != 244408 {
		t.Errorf("%d outcomes, want 244408", n)
	}
}

// data/README.md has a row for every column that is read, and says of those that must be there that they are required.
func TestThePageHasEveryColumn(t *testing.T) {
	page, err := os.ReadFile("../../../data/README.md")
	if err != nil {
		t.Fatal(err)
	}
	required := map[string]bool{colPromptID: true, colModelID: true, trace.Figures[trace.ScoreFigure].Name: true}
	columns := []string{colModelID, colArrivedAt, colEmbedding, colAnswer, colResponse}
	for _, c := range trace.Texts {
		columns = append(columns, c.Name)
	}
	for _, f := range trace.Figures {
		columns = append(columns, f.Name)
	}
	for _, c := range columns {
		row := regexp.MustCompile("(?m)^\\|[^|\n]*`" + c + "`[^|\n]*\\|[^|\n]*\\| (required|optional) \\|").FindStringSubmatch(string(page))
		if row == nil {
			t.Errorf("no row has the column %s", c)
		} else if (row[1] == "required") != required[c] {
			t.Errorf("%s is said to be %s", c, row[1])
		}
	}
}
