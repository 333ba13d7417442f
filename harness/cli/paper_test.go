package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// An artifact can be looked at from its own folder, and holds the program's licence.
func TestArtifactOfARun(t *testing.T) {
	License = "the licence"
	t.Cleanup(func() { License = "" })
	results, dir := t.TempDir(), filepath.Join(t.TempDir(), "artifact")
	must(t, "run", experimentFile(t, drawn), "--results", results, "--in-process")
	must(t, "report", "small", "--results", results, "--artifact", dir)
	for name, want := range map[string]string{"README.md": "trilemma report small/", "CLAIMS.md": "| `trilemma ", "LICENSE": "the licence", "environment.json": `"platform"`, "experiment.json": `"name"`} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), want) {
			t.Errorf("want %q in %s:\n%s", want, name, text)
		}
	}
	copies, err := filepath.Glob(filepath.Join(dir, "results", "small", "*"))
	if err != nil || len(copies) != 1 {
		t.Fatalf("%v, %v: want one run", copies, err)
	}
	must(t, "verify", copies[0], "--in-process")
}

func TestPaper(t *testing.T) {
	results, dir := t.TempDir(), filepath.Join(t.TempDir(), "paper")
	must(t, "run", experimentFile(t, strings.Replace(drawn, "name: small", "name: small\ndescription: '100 % of $5 & <50_000 {tokens} #1'", 1)), "--results", results, "--in-process")
	must(t, "report", "small", "--results", results, "--paper", dir)
	text, err := os.ReadFile(filepath.Join(dir, "main.tex"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`100 \% of \$5 \& $<$50\_000 \{tokens\} \#1`, "to train on", `\input{tables/metrics-all}`, `\includegraphics[width=\textwidth]{quality-cost-all}`, `knn~\cite{li2025knn}`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("want %q in main.tex:\n%s", want, text)
		}
	}
	if os.Getenv("TRILEMMA_FULL") == "" {
		t.Skip("not compiled: set TRILEMMA_FULL=1, or make check-full")
	}
	if _, err := exec.LookPath("pdflatex"); err != nil {
		t.Skip("not compiled: there is no pdflatex")
	}
	for _, command := range []string{"pdflatex", "bibtex", "pdflatex", "pdflatex"} {
		args := []string{"main"}
		if command == "pdflatex" {
			args = []string{"-interaction=nonstopmode", "-halt-on-error", "main"}
		}
		cmd := exec.Command(command, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
		if command == "bibtex" && strings.Contains(string(out), "Warning") {
			t.Errorf("bibtex warns:\n%s", out)
		}
	}
	log, err := os.ReadFile(filepath.Join(dir, "main.log"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(log), "undefined") {
		t.Errorf("references are undefined:\n%s", log)
	}
}
