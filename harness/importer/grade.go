package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// Grader scores answers against the references of prompts.
type Grader struct {
	// Whole says that the response is graded; else the answer that the log extracted from it, where there is one.
	Whole bool
	// Score is between 0 and 1. The error says why nothing can be said.
	Score func(said, reference string) (float64, error)
}

// ParseGrader reads the name of a way to grade:
//
//   - exact: the same text, whatever the case and the spaces
//   - contains: the response holds the reference, likewise
//   - regex: the reference is a regular expression that matches somewhere in the response
//   - multiple-choice: the letter that the response settles on is the reference's
//   - numeric, or numeric:TOLERANCE: the last number of the response is the reference, up to that share of it
//   - json: both are the same JSON, whatever the order of keys; the response may have it in a code block
func ParseGrader(s string) (*Grader, error) {
	name, parameter, given := strings.Cut(s, ":")
	tolerance := 1e-6
	if given {
		var err error
		if tolerance, err = strconv.ParseFloat(parameter, 64); name != "numeric" || err != nil || !(tolerance >= 0) {
			return nil, fmt.Errorf("--grade %q: only numeric takes a parameter, its tolerance, such as numeric:0.01", s)
		}
	}
	switch name {
	case "exact":
		return &Grader{Score: func(said, reference string) (float64, error) { return truth(squeeze(said) == squeeze(reference)), nil }}, nil
	case "contains":
		return &Grader{Whole: true, Score: func(said, reference string) (float64, error) {
			return truth(strings.Contains(squeeze(said), squeeze(reference))), nil
		}}, nil
	case "regex":
		return &Grader{Whole: true, Score: matches()}, nil
	case "multiple-choice":
		return &Grader{Score: choice}, nil
	case "numeric":
		return &Grader{Score: func(said, reference string) (float64, error) { return numeric(said, reference, tolerance) }}, nil
	case "json":
		return &Grader{Score: equalJSON}, nil
	}
	return nil, fmt.Errorf("--grade %q: there are exact, contains, regex, multiple-choice, numeric[:TOLERANCE] and json", s)
}

func truth(ok bool) float64 {
	if ok {
		return 1
	}
	return 0
}

func squeeze(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// matches compiles each reference once.
func matches() func(said, reference string) (float64, error) {
	var mu sync.Mutex
	compiled := map[string]*regexp.Regexp{}
	return func(said, reference string) (float64, error) {
		mu.Lock()
		defer mu.Unlock()
		re, ok := compiled[reference]
		if !ok {
			var err error
			if re, err = regexp.Compile(reference); err != nil {
				return 0, errors.New("its reference is no regular expression")
			}
			if len(compiled) < 1<<12 {
				compiled[reference] = re
			}
		}
		return truth(re.MatchString(said)), nil
	}
}

// How a response settles on a letter: the last time that it says so, else a letter that begins it or is all of it. Only capitals: "a" is a word.
var (
	letterSaid  = regexp.MustCompile(`(?i:answer|choice|option)(?i:\s+is)?\s*:?\s*(?:\*\*|\\boxed\{|\$)*\(?([A-Z])\b`)
	letterBoxed = regexp.MustCompile(`\\boxed\{\s*(?:\\text\{)?\(?([A-Z])\)?\}?\s*\}`)
	letterFirst = regexp.MustCompile(`^[\s*("]*([A-Z])(?:[\s).:*",]|$)`)
	letterAlone = regexp.MustCompile(`^[\s*("]*([a-zA-Z])[\s).:*"]*$`)
)

func choice(said, reference string) (float64, error) {
	want := letterAlone.FindStringSubmatch(reference)
	if want == nil {
		if want = letterFirst.FindStringSubmatch(reference); want == nil {
			return 0, errors.New("its reference is no letter")
		}
	}
	for _, re := range []*regexp.Regexp{letterAlone, letterBoxed, letterSaid, letterFirst} {
		if all := re.FindAllStringSubmatch(said, -1); all != nil {
			return truth(strings.EqualFold(all[len(all)-1][1], want[1])), nil
		}
	}
	return 0, nil
}

var figure = regexp.MustCompile(`[-+]?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?`)

func lastNumber(s string) (float64, bool) {
	// GSM8K writes the answer after four number signs.
	if at := strings.LastIndex(s, "####"); at >= 0 {
		s = s[at:]
	}
	all := figure.FindAllString(s, -1)
	if all == nil {
		return 0, false
	}
	x, err := strconv.ParseFloat(strings.ReplaceAll(all[len(all)-1], ",", ""), 64)
	return x, err == nil && !math.IsInf(x, 0)
}

func numeric(said, reference string, tolerance float64) (float64, error) {
	want, ok := lastNumber(reference)
	if !ok {
		return 0, errors.New("its reference has no number")
	}
	got, ok := lastNumber(said)
	return truth(ok && math.Abs(got-want) <= tolerance*max(math.Abs(want), 1e-12)), nil
}

var fence = regexp.MustCompile("(?s)```(?:json)?\\s*(.*?)```")

func equalJSON(said, reference string) (float64, error) {
	var want, got any
	if json.Unmarshal([]byte(reference), &want) != nil {
		return 0, errors.New("its reference is no JSON")
	}
	if block := fence.FindStringSubmatch(said); block != nil {
		said = block[1]
	}
	err := json.Unmarshal([]byte(said), &got)
	return truth(err == nil && reflect.DeepEqual(got, want)), nil
}
