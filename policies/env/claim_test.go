package env

import (
	"math"
	"strings"
	"testing"
)

const lamps = "A room of 12 square metres needs 600 lumens. How many lamps of 300 lumens?\nA. one lamp\nB. about 2 lamps in all\n(C) 1,500 lamps"

func TestParseOptions(t *testing.T) {
	o := ParseOptions(lamps)
	if len(o.text) != 3 || o.text["B"] != "about 2 lamps in all" || o.text["C"] != "1,500 lamps" {
		t.Errorf("options %q", o.text)
	}
	for _, prompt := range []string{"", "Say why.", "A. Einstein was born where?", "It fell by 3.5 m.\nHow fast?"} {
		if o := ParseOptions(prompt); len(o.text) != 0 {
			t.Errorf("%q has options %q", prompt, o.text)
		}
	}
}

func TestClaim(t *testing.T) {
	claim := func(prompt, response, answer string) []float32 {
		out := make([]float32, claimFeatures)
		ParseOptions(prompt).claim(strings.ToLower(response), answer, out)
		return out
	}
	reasoned := claim(lamps, "600 / 300 = 2.01 lamps. The answer is (B)", "B")
	guessed := claim(lamps, "Hard to say. The answer is (B): about 2 lamps in all", "B")
	if reasoned[0] != 1 || reasoned[5] != 1 || reasoned[6] != 1 {
		t.Errorf("a number that the reasoning came upon, but for rounding: %v", reasoned)
	}
	if guessed[4] != 0 || guessed[6] != 0 {
		t.Errorf("the conclusion proves itself: %v", guessed)
	}
	if reasoned[2] <= 0 || claim(lamps, "", "A")[2] >= 0 {
		t.Error("the longest option is not longer than the mean, or the shortest not shorter")
	}
	free := claim("How many?", "7 · 6 = 42. The answer is 42", "42")
	if free[0] != 0 || free[3] != 0 || free[6] != 1 {
		t.Errorf("an answer in free text: %v", free)
	}
	for i, x := range claim(lamps, "I do not know.", "") {
		if x != 0 {
			t.Errorf("feature %d of no answer is %v", i, x)
		}
	}
}

func TestNumbers(t *testing.T) {
	got := numbers("1,500 at 3.5, then 7. Or 1.2.3")
	want := []float64{1500, 3.5, 7}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("numbers %v, want %v: what is no number is none", got, want)
	}
}

func FuzzClaim(f *testing.F) {
	f.Add(lamps, "600 / 300 = 2. The answer is (B)", "B")
	f.Add("(a) x\n(b) \xff", "answer is", "b")
	f.Fuzz(func(t *testing.T, prompt, response, answer string) {
		out := make([]float32, claimFeatures)
		ParseOptions(prompt).claim(strings.ToLower(response), answer, out)
		for i, x := range out {
			if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) || math.Abs(float64(x)) > 50 {
				t.Errorf("feature %d is %v", i, x)
			}
		}
		for _, i := range []int{0, 4, 5, 6} {
			if out[i] < 0 || out[i] > 1 {
				t.Errorf("feature %d, a share, is %v", i, out[i])
			}
		}
	})
}

// Answers that training knew have the same numbers in every world.
func TestKnownAnswersKeepTheirNumbers(t *testing.T) {
	s := made(20, 3)
	s.Outcomes.Answer[0], s.Outcomes.Answer[1] = "", "Z"
	w, err := NewWorld(s, nil, []string{"D", "A"})
	if err != nil {
		t.Fatal(err)
	}
	for at, a := range s.Outcomes.Answer {
		got := w.Answer(at/3, at%3)
		switch a {
		case "":
			if got != 0 {
				t.Errorf("no answer is %d", got)
			}
		case "D", "A":
			if want := map[string]int32{"D": 1, "A": 2}[a]; got != want {
				t.Errorf("%q is %d, want %d", a, got, want)
			}
		default:
			if got < 3 {
				t.Errorf("unknown %q has the number %d of a known answer", a, got)
			}
		}
	}
	if w.reference[0] != 2 {
		t.Errorf("the reference A is %d, want 2", w.reference[0])
	}
}
