package env

import (
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// claimFeatures is the number of figures that [Options.claim] finds.
const claimFeatures = 7

// Options are the answers that a prompt offers, if it does: lines like "A. four lamps" or "(b) four lamps".
type Options struct {
	text map[string]string // by label
	mean float64           // length of an option
}

var optionLine = regexp.MustCompile(`(?m)^[ \t]*\(?([A-Za-z]|[0-9]{1,2})[.):][ \t]+(\S.*)$`)

// ParseOptions finds the options of a prompt; fewer than two are none.
func ParseOptions(prompt string) *Options {
	found := optionLine.FindAllStringSubmatch(prompt, -1)
	o := &Options{}
	if len(found) < 2 {
		return o
	}
	o.text = make(map[string]string, len(found))
	for _, line := range found {
		o.text[line[1]] = line[2]
		o.mean += float64(len(line[2])) / float64(len(found))
	}
	return o
}

// claim describes what an answer claims and how far the response bears it out, into out of length claimFeatures: whether
// the answer names an option, how many there are, how long the option is, by itself and beside the others (who makes up
// wrong options writes them shorter), and which part of its words and of its numbers the reasoning came upon. The claim
// of an answer that names no option is the answer itself. lower is the response in lower case.
func (o *Options) claim(lower, answer string, out []float32) {
	clear(out[:claimFeatures])
	if answer == "" {
		return
	}
	claim, named := o.text[answer]
	if named {
		out[0] = 1
		out[1] = float32(math.Log1p(float64(len(claim))))
		out[2] = float32(math.Log(float64(len(claim)+1) / (o.mean + 1)))
	} else {
		claim = answer
	}
	out[3] = float32(math.Log1p(float64(len(o.text))))
	reasoning := lower
	if i := strings.LastIndex(lower, concluding); i >= 0 {
		reasoning = lower[:i] // the conclusion repeats the claim and proves nothing
	}
	out[4] = share(words(strings.ToLower(claim)), func(w string) bool { return strings.Contains(reasoning, w) })
	if claimed := numbers(claim); len(claimed) > 0 {
		came := numbers(reasoning)
		out[5] = 1
		out[6] = share(claimed, func(x float64) bool {
			for _, y := range came {
				if math.Abs(x-y) <= rounding*math.Max(math.Abs(x), math.Abs(y)) {
					return true
				}
			}
			return false
		})
	}
}

// concluding are the words that a response ends its reasoning with, in lower case.
const concluding = "answer is"

// rounding is how far two numbers may lie apart, relative to the larger, and be the same one rounded.
const rounding = 0.02

func share[T any](list []T, holds func(T) bool) float32 {
	var n float32
	for _, x := range list {
		if holds(x) {
			n++
		}
	}
	return n / float32(max(len(list), 1))
}

// words are the words of three letters and more.
func words(text string) []string {
	all := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) })
	long := all[:0]
	for _, w := range all {
		if len(w) >= 3 {
			long = append(long, w)
		}
	}
	return long
}

// numbers are those of a text, without their signs; commas inside are taken for separators of thousands.
func numbers(text string) []float64 {
	var list []float64
	for i := 0; i < len(text); {
		if text[i] < '0' || text[i] > '9' {
			i++
			continue
		}
		from := i
		for i < len(text) && (text[i] >= '0' && text[i] <= '9' || (text[i] == '.' || text[i] == ',') && i+1 < len(text) && text[i+1] >= '0' && text[i+1] <= '9') {
			i++
		}
		if x, err := strconv.ParseFloat(strings.ReplaceAll(text[from:i], ",", ""), 64); err == nil {
			list = append(list, x)
		}
	}
	return list
}
