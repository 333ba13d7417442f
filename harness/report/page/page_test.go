package page_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/report/page"
	"github.com/trilemma-bench/trilemma/harness/store/storetest"
)

// small chooses the first model for every prompt.
func small(string, int) int { return 0 }

// Two runs share a page; alone, what is written is what is rendered, and no address outside the page is loaded.
func TestPage(t *testing.T) {
	first := storetest.Write(t, t.TempDir(), storetest.Run{Experiment: "first", ID: "00000001", Config: `{"description":"</script><b>bold</b>"}`, Choose: small})
	second := storetest.Write(t, t.TempDir(), storetest.Run{Experiment: "second", ID: "00000002", Choose: small})
	both, err := page.Render(first, second)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"first", "second"} {
		if !bytes.Contains(both, []byte(name)) {
			t.Errorf("the page of two runs does not name %s", name)
		}
	}
	path, err := page.Write(first)
	if err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if alone, err := page.Render(first); err != nil || !bytes.Equal(alone, written) {
		t.Errorf("written and rendered pages differ (%v)", err)
	}
	text := string(written)
	for _, lacks := range []string{"<b>bold</b>", `src="http`, `href="http`, "@import"} {
		if strings.Contains(text, lacks) {
			t.Errorf("the page contains %s", lacks)
		}
	}
	if _, err := page.Render(); err == nil {
		t.Error("a page of no runs")
	}
}
