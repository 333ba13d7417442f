package cli

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestDocsCommands holds every command line of the texts to the commands, flags and arguments that there are.
func TestDocsCommands(t *testing.T) {
	lines := 0
	for _, page := range []string{"README.md", "data/README.md", "results/README.md", "docs/guide.md", "docs/adding-a-policy.md", "docs/python.md", "docs/importing-formats.md", "docs/importing.md"} {
		text, err := os.ReadFile("../../" + page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile("(?m)^(?:bin/)trilemma (.*)$|`trilemma ([^`]+)`").FindAllStringSubmatch(string(text), -1) {
			line, _, _ := strings.Cut(m[1]+m[2], " #")
			var words []string
			for _, w := range regexp.MustCompile(`'[^']*'|\S+`).FindAllString(line, -1) {
				words = append(words, strings.Trim(w, "'"))
			}
			lines++
			found, args, err := newRoot().Find(words)
			if err != nil || isGroup(found) && len(args) > 0 {
				t.Errorf("%s: %q names no command: %v", page, line, err)
				continue
			}
			if err := found.ParseFlags(args); err != nil {
				t.Errorf("%s: %q: %v", page, line, err)
			}
		}
	}
	if lines < 10 {
		t.Errorf("%d command lines found, want at least 10", lines)
	}
}

// TestHelpExamples holds every example of the help to the commands, flags and arguments that there are.
func TestHelpExamples(t *testing.T) {
	examples := 0
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		for _, c := range cmd.Commands() {
			visit(c)
		}
		if !cmd.Runnable() || cmd.Hidden || isGroup(cmd) {
			return
		}
		if cmd.Example == "" {
			t.Errorf("%s: the help has no example", cmd.CommandPath())
		}
		for line := range strings.Lines(cmd.Example) {
			line, _, _ = strings.Cut(strings.TrimSpace(line), " #")
			words := strings.Fields(line)
			if len(words) == 0 || words[0] != "trilemma" {
				continue
			}
			examples++
			// A fresh tree: flags remember what they were set to.
			found, args, err := newRoot().Find(words[1:])
			if err != nil || found.Name() != cmd.Name() { // encode is under data too
				t.Errorf("%s: example %q names another command: %v", cmd.CommandPath(), line, err)
				continue
			}
			if err := found.ParseFlags(args); err != nil {
				t.Errorf("%s: example %q: %v", cmd.CommandPath(), line, err)
				continue
			}
			if err := found.ValidateArgs(found.Flags().Args()); err != nil {
				t.Errorf("%s: example %q: %v", cmd.CommandPath(), line, err)
			}
		}
	}
	visit(newRoot())
	if examples < 10 {
		t.Errorf("%d examples found, want at least 10", examples)
	}
}
