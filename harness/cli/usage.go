package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// usageError is a command line that the command cannot take: an argument or a flag that is missing, unknown or too many. The
// way to write it is printed behind it.
type usageError struct {
	cmd *cobra.Command
	err error
}

func (e *usageError) Error() string {
	return strings.TrimPrefix(e.cmd.CommandPath(), e.cmd.Root().Name()+" ") + ": " + e.err.Error()
}

func (e *usageError) Unwrap() error { return e.err }

// misused is the error of a command that lacks a flag.
func misused(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{cmd, fmt.Errorf(format, args...)}
}

// tellUsage prints how a command is written, where that is what was wrong.
func tellUsage(w io.Writer, err error) {
	var e *usageError
	if !errors.As(err, &e) {
		return
	}
	fmt.Fprintf(w, "usage:    %s\n", e.cmd.UseLine())
	with := e.cmd
	if isGroup(with) {
		with = with.Commands()[0]
	}
	if example, _, _ := strings.Cut(strings.TrimSpace(with.Example), "\n"); example != "" {
		fmt.Fprintf(w, "example:  %s\n", example)
	}
	fmt.Fprintf(w, "%s --help says more\n", e.cmd.CommandPath())
}

// checkUsage makes a command and those below it say in its own words what is wrong with a command line.
func checkUsage(cmd *cobra.Command) {
	for _, c := range cmd.Commands() {
		checkUsage(c)
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &usageError{cmd, err} })
	if !cmd.Runnable() {
		if cmd.HasParent() {
			group(cmd)
		}
		return
	}
	if takes := cmd.Args; takes != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := takes(cmd, args); err != nil {
				return &usageError{cmd, argumentProblem(cmd, args, err)}
			}
			return nil
		}
	}
}

// groupArgument ends the use line of a command that does nothing itself.
const groupArgument = " COMMAND"

func isGroup(cmd *cobra.Command) bool { return strings.HasSuffix(cmd.Use, groupArgument) }

// group makes a command that does nothing itself ask for one of those below it.
func group(cmd *cobra.Command) {
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	cmd.Use += groupArgument
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return misused(cmd, "a command is missing: one of %s", strings.Join(names, ", "))
		}
		return misused(cmd, "there is no command %q: it has %s", args[0], strings.Join(names, ", "))
	}
	cmd.RunE = func(*cobra.Command, []string) error { return nil } // what has nothing to run is never asked for its arguments
}

// argumentProblem names the arguments that are missing or too many, as the command's use line calls them.
func argumentProblem(cmd *cobra.Command, args []string, err error) error {
	names, required := 0, []string{}
	for _, word := range strings.Fields(cmd.Use)[1:] {
		if strings.HasPrefix(word, "-") {
			break
		}
		if names++; !strings.HasPrefix(word, "[") {
			required = append(required, word)
		}
	}
	switch {
	case len(args) < len(required):
		is := "is"
		if len(required)-len(args) > 1 {
			is = "are"
		}
		return fmt.Errorf("%s %s missing", strings.Join(required[len(args):], " and "), is)
	case len(args) > names:
		return fmt.Errorf("%q is one argument too many", args[names])
	}
	return err
}
