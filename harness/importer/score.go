package importer

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Scale is the range of a log's scores, which become 0 to 1. The zero Scale is 0 to 1.
type Scale struct{ Worst, Best float64 }

// ParseScale reads "1,10": the worst score and the best, of which the worst may be the greater number.
func ParseScale(s string) (Scale, error) {
	worst, best, ok := strings.Cut(s, ",")
	a, err1 := strconv.ParseFloat(strings.TrimSpace(worst), 64)
	b, err2 := strconv.ParseFloat(strings.TrimSpace(best), 64)
	if !ok || err1 != nil || err2 != nil || a == b || a-a != 0 || b-b != 0 {
		return Scale{}, fmt.Errorf("--score-range %q: write the worst and the best score, such as 1,10", s)
	}
	return Scale{a, b}, nil
}

// words are scores told in words: of graders, and of pairs that a judge compared.
var words = map[string]float64{
	"true": 1, "yes": 1, "correct": 1, "pass": 1, "passed": 1, "resolved": 1, "success": 1, "c": 1, "win": 1, "won": 1,
	"false": 0, "no": 0, "incorrect": 0, "wrong": 0, "fail": 0, "failed": 0, "unresolved": 0, "failure": 0, "i": 0, "loss": 0, "lose": 0, "lost": 0,
	"tie": 0.5, "draw": 0.5, "partial": 0.5, "p": 0.5,
}

// Scored is a score of a log between 0 and 1: a number on the scale, a Boolean, or a word such as correct, fail, win, tie.
func (o *Options) Scored(v any) (float64, error) {
	if truth, ok := v.(bool); ok {
		x, _ := Number(truth)
		return x, nil
	}
	x, ok := Number(v)
	if !ok {
		word, _ := v.(string)
		if x, ok := words[strings.ToLower(strings.TrimSpace(word))]; ok {
			return x, nil
		}
		return 0, fmt.Errorf("it is neither a number, a truth value, nor a word such as correct, fail, win or tie")
	}
	if o.Scale == (Scale{}) {
		if x < 0 || x > 1 {
			return 0, fmt.Errorf("it is outside 0 to 1: name the range with --score-range, such as 1,10")
		}
		return x, nil
	}
	share := (x - o.Scale.Worst) / (o.Scale.Best - o.Scale.Worst)
	if !(share >= 0 && share <= 1) {
		return 0, fmt.Errorf("it is outside the range %v to %v of --score-range", o.Scale.Worst, o.Scale.Best)
	}
	return share, nil
}

// Number is a value as a finite number: a number, a truth value as 0 or 1, or a text that is a number.
func Number(v any) (float64, bool) {
	var x float64
	switch v := v.(type) {
	case bool:
		if v {
			x = 1
		}
	case int:
		x = float64(v)
	case float64:
		x = v
	case json.Number:
		var err error
		if x, err = v.Float64(); err != nil {
			return 0, false
		}
	case string:
		var err error
		if x, err = strconv.ParseFloat(strings.TrimSpace(v), 64); err != nil {
			return 0, false
		}
	default:
		return 0, false
	}
	return x, !math.IsNaN(x) && !math.IsInf(x, 0)
}
