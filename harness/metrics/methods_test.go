package metrics

import (
	"os"
	"strings"
	"testing"
)

// The page of methods defines every metric.
func TestMethodsDefineEveryMetric(t *testing.T) {
	page, err := os.ReadFile("../../docs/methods.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "\n## Metrics\n")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, m := range Metrics {
		if !strings.Contains(table, "`"+m.Name+"`") {
			t.Errorf("docs/methods.md has no row for %s", m.Name)
		}
	}
}
