package experiment

import (
	"fmt"
	"math"
	"strings"
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
	nearest, best := "", math.MaxInt
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < best {
			nearest, best = k, d
		}
	}
	list := known
	if len(list) > 20 {
		list = append(append([]string(nil), list[:20]...), fmt.Sprintf("… (%d in all)", len(known)))
	}
	hint := "known: " + strings.Join(list, ", ")
	if best <= max(2, len(name)/3) && best < max(len(name), len(nearest)) {
		return fmt.Sprintf("did you mean %q? (%s)", nearest, hint)
	}
	return hint
}

// distance is the number of letters to insert, delete, replace or swap with their neighbour (optimal string alignment).
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return math.MaxInt
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			d := last[j]
			if a[i] != b[j] {
				d++
			}
			d = min(d, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				d = min(d, before[j-1]+1)
			}
			row[j+1] = d
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
