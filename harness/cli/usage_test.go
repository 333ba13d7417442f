package cli

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestWhatIsMissingIsSaid holds every command to answering a wrong command line with what is wrong, a usage line and an
// example.
func TestWhatIsMissingIsSaid(t *testing.T) {
	tried := 0
	try := func(path string, words []string, want string) {
		tried++
		line := slices.Concat(strings.Fields(path)[1:], words)
		code, stdout, stderr := trilemma(line...)
		for _, part := range []string{want, "\nusage:    " + path, "\nexample:  trilemma ", "--help says more"} {
			if code != exitBad || !strings.Contains(stderr, part) {
				t.Errorf("%v: exit %d, %q, want %q in it", line, code, stderr, part)
				break
			}
		}
		if stdout != "" {
			t.Errorf("%v: prints %q", line, stdout)
		}
	}
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		for _, c := range cmd.Commands() {
			visit(c)
		}
		if !cmd.HasParent() {
			return
		}
		path := cmd.CommandPath()
		try(path, []string{"--no-such-flag"}, "unknown flag")
		if cmd.Args != nil && cmd.ValidateArgs(nil) != nil {
			try(path, nil, "missing")
		}
		if cmd.Name() == cmd.Use {
			try(path, []string{"a"}, `"a" is one argument too many`)
		}
	}
	visit(newRoot())
	try("trilemma run", []string{"--jobs"}, "flag needs an argument")
	try("trilemma run", []string{"a.yaml", "b.yaml"}, `"b.yaml" is one argument too many`)
	try("trilemma compare", []string{"a"}, "AFTER is missing")
	try("trilemma data import", []string{"mmlu-pro"}, "SOURCE… is missing")
	try("trilemma data", []string{"fetch-everything"}, `no command "fetch-everything"`)
	try("trilemma data synth", nil, "--out is missing")
	if tried < 50 {
		t.Errorf("%d command lines were tried, want at least 50", tried)
	}
}
