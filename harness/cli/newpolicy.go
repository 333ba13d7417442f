package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/trilemma-bench/trilemma/plugins/host"
	"github.com/trilemma-bench/trilemma/plugins/scaffold"
	"github.com/trilemma-bench/trilemma/policies/bundled"
	"github.com/trilemma-bench/trilemma/policies/policytest"
)

func policyNewCommand() *cobra.Command {
	var lang, dir string
	cmd := &cobra.Command{
		Use:     "new NAME",
		Short:   "Write a policy that builds, runs and passes the conformance suite",
		Example: "  trilemma policy new my-router --lang go",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if dir == "" {
				dir = filepath.Join("plugins", args[0])
			}
			written, err := scaffold.Write(dir, args[0], lang)
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			for _, f := range written.Files {
				fmt.Fprintln(w, filepath.Join(written.Dir, f))
			}
			fmt.Fprintln(w, "\nNext:")
			for _, n := range written.Next {
				fmt.Fprintln(w, "  "+n)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&lang, "lang", "go", "go or python")
	cmd.Flags().StringVar(&dir, "dir", "", "folder to write to (default plugins/NAME)")
	return cmd
}

func policyCheckCommand() *cobra.Command {
	var verbose bool
	cmd := &cobra.Command{
		Use:     "check NAME|EXECUTABLE",
		Short:   "Run the conformance suite on a policy, in a process of its own",
		Example: "  trilemma policy check knn",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			src, err := sourceOf(args[0])
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			log := &checkLog{to: cmd.ErrOrStderr(), all: verbose}
			problems := policytest.Check(cmd.Context(), func(ctx context.Context) (policytest.Subject, error) {
				return host.Start(ctx, src, host.Options{Log: log})
			}, policytest.Options{Checked: func(check string, p *policytest.Problem) {
				if p != nil {
					fmt.Fprintln(w, p)
				} else if verbose {
					fmt.Fprintf(w, "%s: ok\n", check)
				}
				log.checked(p != nil)
			}})
			switch len(problems) {
			case 0:
				_, err = fmt.Fprintf(w, "%s conforms\n", args[0])
				return err
			case 1:
				return fmt.Errorf("%s does not conform: 1 problem", args[0])
			}
			return fmt.Errorf("%s does not conform: %d problems", args[0], len(problems))
		},
	}
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "name the checks that pass, and show all that the policy prints")
	return cmd
}

// checkLog holds back what a policy prints while it is checked, and shows the end of it where a check failed: the checks
// provoke errors, and the traceback of one that was asked for is no news.
type checkLog struct {
	to  io.Writer
	all bool // show everything at once

	mu   sync.Mutex
	held []string
}

// shownLines are the last lines that a failed check shows.
const shownLines = 20

// Write takes whole lines, from any goroutine.
func (l *checkLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all {
		return l.to.Write(p)
	}
	l.held = append(l.held, string(p))
	return len(p), nil
}

// checked ends the log of one check.
func (l *checkLog) checked(failed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if failed {
		if n := len(l.held) - shownLines; n > 0 {
			fmt.Fprintf(l.to, "  … %d lines before these; -v shows all\n", n)
			l.held = l.held[n:]
		}
		for _, line := range l.held {
			fmt.Fprintf(l.to, "  | %s\n", strings.TrimRight(line, "\r\n"))
		}
	}
	l.held = nil
}

// sourceOf finds a policy by its name, or takes an executable by its path.
func sourceOf(name string) (host.Source, error) {
	if _, ok := bundled.Find(name); ok {
		return host.Self(name)
	}
	for _, f := range host.Discover(pluginDirs()) {
		if f.Name == name {
			return f.Source(), f.Err
		}
	}
	digest, err := host.Digest(name)
	if err != nil {
		return host.Source{}, fmt.Errorf("there is no policy %q (`trilemma policy list` shows those there are), and as an executable: %w", name, err)
	}
	return host.Source{Executable: name, SHA256: digest}, nil
}
