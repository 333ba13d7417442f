package experiment

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/trilemma-bench/trilemma/policies/spelling"
)

// Problem is one mistake in an experiment.
type Problem struct {
	File         string // "" for what --set gave
	Line, Column int    // from 1; 0 where unknown
	Set          string // the --set that gave it, "" for the file
	Path         string // where in the experiment: "policies[1].params.k"
	Message      string
}

func (p Problem) Error() string {
	at := p.File
	switch {
	case p.Set != "":
		at = "--set " + p.Set
	case p.Line > 0:
		at = fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
	}
	if p.Path != "" {
		at += ": " + p.Path
	}
	return at + ": " + p.Message
}

// Problems are all mistakes that were found, in the order of the file.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, one := range p {
		lines[i] = one.Error()
	}
	return strings.Join(lines, "\n")
}

// Notice is something that the user should know, though it stops nothing.
type Notice struct {
	Path string
	Text string
}

func (n Notice) String() string { return n.Path + ": " + n.Text }

// suggest says what a wrong name may have meant: "did you mean …?" where one is near, and the known names.
func suggest(name string, known []string) string {
	if len(known) == 0 {
		return "there are none"
	}
	list := known
	if len(list) > 20 {
		list = append(append([]string(nil), list[:20]...), fmt.Sprintf("… (%d in all)", len(known)))
	}
	hint := "known: " + strings.Join(list, ", ")
	if near := nearest(name, known); near != "" {
		return fmt.Sprintf("did you mean %q? (%s)", near, hint)
	}
	return hint
}

// nearest is the known name that a wrong one may have meant, "" where none is near.
func nearest(name string, known []string) string {
	best, distance := "", max(2, len(name)/3)+1
	for _, k := range known {
		if d := spelling.Distance(strings.ToLower(name), strings.ToLower(k)); d < distance && d < max(len(name), len(k)) {
			best, distance = k, d
		}
	}
	return best
}

// findings are the mistakes of one experiment, each at the place in its tree that it is about.
type findings struct {
	file     string
	root     *node
	problems Problems
}

func (f *findings) wrong(at spot, path, message string) {
	f.problems = append(f.problems, Problem{File: f.file, Line: at.line, Column: at.column, Set: at.set, Path: path, Message: message})
}

// wrongAt reports a mistake in the value of a path, at the nearest enclosing place that is known.
func (f *findings) wrongAt(path, format string, args ...any) {
	n, _, _ := f.root.find(path)
	f.wrong(n.spot, path, fmt.Sprintf(format, args...))
}

// given tells whether the experiment has the path.
func (f *findings) given(path string) bool {
	_, _, whole := f.root.find(path)
	return whole
}

// within tells whether a path is another one or leads into it.
func within(path, outer string) bool {
	rest, ok := strings.CutPrefix(path, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// wrongErr reports each of the errors that were joined into one.
func (f *findings) wrongErr(path string, err error) {
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range joined.Unwrap() {
			f.wrongErr(path, one)
		}
		return
	}
	f.wrongAt(path, "%v", err)
}

// sorted returns the problems by place, those of the command line last.
func (f *findings) sorted() Problems {
	slices.SortStableFunc(f.problems, func(a, b Problem) int {
		if (a.Set != "") != (b.Set != "") {
			return cmp.Compare(len(a.Set), len(b.Set)) // one of them is 0
		}
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return f.problems
}
