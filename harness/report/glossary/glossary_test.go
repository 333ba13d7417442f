package glossary

import (
	"strings"
	"testing"
)

func TestFootnotesStandWhereATermIsFirst(t *testing.T) {
	got := Footnote("# Pool all\n\nThe `pool` of [AIQ](x) has pools, a whirlpool, and AIQ of the pool; AIQ again.\n\n    AIQ in code\n")
	for _, want := range []string{
		"# Pool all\n", "`pool` of [AIQ](x)", "whirlpool, and AIQ[^AIQ] of the pool[^pool]; AIQ again", "    AIQ in code\n",
		"\n[^pool]: pool: the models", "\n[^AIQ]: AIQ: average improvement",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if n := strings.Count(got, "[^"); n != 4 {
		t.Errorf("%d footnote marks, want two and their two definitions:\n%s", n, got)
	}
	if again := Footnote("nothing to say\n"); again != "nothing to say\n" {
		t.Errorf("a text without terms becomes %q", again)
	}
}

func TestTermsAreTold(t *testing.T) {
	// The words that a reader of reports asked for.
	for _, name := range []string{"AIQ", "λ", "preference", "pool", "front", "peak", "coverage", "cell"} {
		if got := Only(name); got[0].Text == "" || len(Used("the "+name+" of it")) == 0 {
			t.Errorf("%s is not told: %+v", name, got)
		}
	}
	seen := map[string]bool{}
	for _, term := range Terms {
		if len(term.Forms) == 0 || seen[term.Name] || strings.HasSuffix(term.Text, ".") || term.Text == "" {
			t.Errorf("%+v: want forms, a name of its own and a text without a full stop", term)
		}
		seen[term.Name] = true
	}
	if got := Used("fronts and cells"); len(got) != 2 || got[0].Name != "front" || got[1].Name != "cell" {
		t.Errorf("used: %v", got)
	}
}
