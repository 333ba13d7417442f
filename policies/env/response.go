package env

import (
	"math"
	"strings"
	"unicode"
)

// looks is the number of figures that tell how a response looks, ShapeFeatures that with what its answer claims.
const (
	looks         = 14
	ShapeFeatures = looks + claimFeatures
)

// hedges are words of a response that doubts itself. Lower case; a phrase is looked for as it stands.
var hedges = [...]string{
	"however", "cannot", "can't", "unclear", "not sure", "unsure", "approximately", "closest", "might", "perhaps", "probably",
	"possibly", "assum", "insufficient", "none of", "not enough", "error", "likely", "seems", "guess", "unable", "incorrect",
}

// Shape describes a response, into out of length [ShapeFeatures]: how it looks, and how far it bears out its answer, given
// the options that the prompt offers. Nothing in it needs the reference: a live router can compute it from the texts,
// the extracted answer and the count of tokens (NaN where unknown).
func Shape(options *Options, response, answer string, outputTokens float32, out []float32) {
	var letters, digits, operators, lines, marks, dollars, last float64
	n := 0.0
	for _, r := range response {
		n++
		switch {
		case unicode.IsLetter(r):
			letters++
		case unicode.IsDigit(r):
			digits++
		case r == '\n':
			lines++
		case r == '=' || r == '+' || r == '*' || r == '/' || r == '^' || r == '<' || r == '>':
			operators++
		case r == '?' || r == '!':
			marks++
		case r == '$' || r == '\\':
			dollars++
		}
	}
	lower := strings.ToLower(response)
	options.claim(lower, answer, out[looks:])
	doubt, corrects := 0.0, 0.0
	for _, h := range hedges {
		doubt += float64(strings.Count(lower, h))
	}
	for _, w := range [...]string{"wait", "let's re", "mistake", "re-examine", "reconsider", "actually"} {
		corrects += float64(strings.Count(lower, w))
	}
	if trimmed := strings.TrimRightFunc(response, unicode.IsSpace); trimmed != "" && strings.HasSuffix(trimmed, ".") || strings.HasSuffix(lower, ")") {
		last = 1
	}
	words := float64(len(strings.Fields(response)))
	tokens := float64(outputTokens)
	if math.IsNaN(tokens) || tokens < 0 {
		tokens = words
	}
	none := 0.0
	if answer == "" {
		none = 1
	}
	concludes := 0.0
	if strings.Contains(lower, concluding) {
		concludes = 1
	}
	for i, x := range [looks]float64{
		none, math.Log1p(tokens), math.Log1p(words), n / max(words, 1) / 8, letters / max(n, 1), 5 * digits / max(n, 1),
		math.Log1p(operators), math.Log1p(lines), math.Log1p(marks), math.Log1p(dollars), math.Log1p(doubt), math.Log1p(corrects),
		last, concludes,
	} {
		out[i] = float32(x)
	}
}
