package importer

import (
	"math"
	"strings"
	"testing"
)

func TestGraders(t *testing.T) {
	for _, c := range []struct {
		how, said, reference string
		want                 float64
		why                  string
	}{
		{"exact", " The  Cat", "the cat", 1, ""}, {"exact", "cats", "cat", 0, ""},
		{"contains", "It is the CAT.", "the cat", 1, ""}, {"contains", "a dog", "cat", 0, ""},
		{"regex", "order 66 done", `\b\d{2}\b`, 1, ""}, {"regex", "none", `\d`, 0, ""}, {"regex", "x", `(`, 0, "no regular expression"},
		{"multiple-choice", "B", "b", 1, ""}, {"multiple-choice", "A first look says C. The answer is (B).", "B", 1, ""}, {"multiple-choice", `so \boxed{C}`, "C", 1, ""},
		{"multiple-choice", "**D**. Because a cat is an animal", "D", 1, ""}, {"multiple-choice", "I am a cat", "I", 1, ""}, {"multiple-choice", "Answer: A", "B", 0, ""},
		{"multiple-choice", "a cat", "A", 0, ""}, {"multiple-choice", "B", "the second", 0, "no letter"},
		{"numeric", "so 3 + 4 = 7.", "7", 1, ""}, {"numeric", "1,234", "1234", 1, ""}, {"numeric", "7.1", "7", 0, ""}, {"numeric:0.02", "7.1", "7", 1, ""},
		{"numeric", "x", "7", 0, ""}, {"numeric", "7", "seven", 0, "no number"}, {"numeric", "1e3", "work\n#### 1,000", 1, ""}, {"numeric", "-5", "5", 0, ""},
		{"json", "```json\n{\"b\": [1, 2.0], \"a\": null}\n```", `{"a": null, "b": [1, 2]}`, 1, ""}, {"json", `{"a": 1`, `{"a": 1}`, 0, ""}, {"json", "{}", "x", 0, "no JSON"},
	} {
		g, err := ParseGrader(c.how)
		if err != nil {
			t.Fatal(err)
		}
		got, err := g.Score(c.said, c.reference)
		if got != c.want || (err == nil) != (c.why == "") || err != nil && !strings.Contains(err.Error(), c.why) {
			t.Errorf("%s of %q by %q: %v, %v, want %v %s", c.how, c.said, c.reference, got, err, c.want, c.why)
		}
	}
	for _, bad := range []string{"", "bleu", "exact:1", "numeric:x", "numeric:-1"} {
		if _, err := ParseGrader(bad); err == nil || !strings.Contains(err.Error(), "--grade") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestScored(t *testing.T) {
	for _, c := range []struct {
		scale string
		v     any
		want  float64 // NaN: refused
	}{
		{"", 1, 1}, {"", 0.25, 0.25}, {"", "0.5", 0.5}, {"", true, 1}, {"", "False", 0}, {"", "tie", 0.5}, {"", "Won", 1}, {"", 1.01, math.NaN()}, {"", -0.033, math.NaN()}, {"", "maybe", math.NaN()}, {"", "NaN", math.NaN()},
		{"1,10", 1, 0}, {"1,10", 5.5, 0.5}, {"1,10", 11, math.NaN()}, {"1,10", true, 1}, {"5,1", 2, 0.75}, {"0,100", "80", 0.8},
	} {
		o := &Options{}
		if c.scale != "" {
			var err error
			if o.Scale, err = ParseScale(c.scale); err != nil {
				t.Fatal(err)
			}
		}
		got, err := o.Scored(c.v)
		if (err != nil) != (c.want != c.want) || err == nil && math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%v on %q: %v, %v, want %v", c.v, c.scale, got, err, c.want)
		}
	}
	for _, bad := range []string{"1", "1,1", "a,b", "0,Inf"} {
		if _, err := ParseScale(bad); err == nil {
			t.Errorf("%q is taken for a range", bad)
		}
	}
}
