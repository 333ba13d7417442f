// Package cli is the command line: one file a command, each a thin shell over the package that does the work.
//
// Exit codes: 0 when all is well, 1 when a run finished but some of its cells failed, 2 when the input is bad.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/trilemma-bench/trilemma/harness/compare"
	"github.com/trilemma-bench/trilemma/harness/provenance"
)

// Exit codes of every command.
const (
	exitOK     = 0
	exitFailed = 1 // some cells failed, nothing could be compared, or a regression was found
	exitBad    = 2 // bad input
)

// License is the text of the program's licence, which goes into artifacts; "" where whoever builds the program sets none.
var License string

// errCellsFailed is returned by commands whose work finished with failed cells, after they said so.
var errCellsFailed = errors.New("some cells failed")

// errNoMetrics is returned by a run that compared nothing.
var errNoMetrics = errors.New("the run has no metric")

// errRegression is returned where a comparison finds one, after it said so.
var errRegression = errors.New("regression")

// Main runs the program and returns its exit code. args[0] is the program's name.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	servePlugin(args)
	holdMemory()
	// The first signal cancels, and what was computed is kept; the second one kills.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)

	root := newRoot()
	root.SetArgs(args[1:])
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errCellsFailed), errors.Is(err, errRegression):
		return exitFailed
	case errors.Is(err, errNoMetrics), errors.Is(err, compare.ErrNothing):
		fmt.Fprintf(stderr, "trilemma: %v\n", err)
		return exitFailed
	case ctx.Err() != nil:
		fmt.Fprintln(stderr, "trilemma: interrupted; what was finished is kept, run the same command again to go on")
		return exitFailed
	}
	fmt.Fprintf(stderr, "trilemma: %v\n", err)
	tellUsage(stderr, err)
	return exitBad
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "trilemma",
		Short: "Replay logged LLM traces against routing policies: quality, cost and carbon",
		Long: `Trilemma replays logs of what several LLMs answered, and what each answer cost in money, time and carbon,
against competing routing policies, and shows which to deploy and what that gives up.`,
		SilenceUsage:  true,
		SilenceErrors: true,
		Version:       provenance.Version,
	}
	root.AddCommand(
		initCommand(), runCommand(), planCommand(), resumeCommand(), statusCommand(), reportCommand(), verifyCommand(), compareCommand(), acrossCommand(), serveCommand(), exportCommand(),
		carbonCommand(), recommendCommand(), budgetCommand(), worthCommand(),
		dataCommand(), policyCommand(), encodeCommand(), encoderCommand(), backendCommand(), manCommand(), versionCommand(),
	)
	for _, c := range root.Commands() {
		switch c.Name() {
		case "resume", "status", "report", "export", "verify", "compare", "across", "carbon", "recommend", "budget":
			c.ValidArgsFunction = completeRuns
		}
	}
	checkUsage(root)
	return root
}
