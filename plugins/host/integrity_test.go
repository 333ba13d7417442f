package host_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trilemma-bench/trilemma/plugins/host"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// dump writes all that can be reached from x, one value a line.
func dump(path string, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			dump(path, v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			dump(path+"."+v.Type().Field(i).Name, v.Field(i))
		}
	case reflect.Slice, reflect.Array:
		if v.Type() == reflect.TypeFor[[]byte]() {
			fmt.Printf("%s %q\n", path, v.Bytes())
			return
		}
		for i := range v.Len() {
			dump(fmt.Sprintf("%s[%d]", path, i), v.Index(i))
		}
	default:
		fmt.Printf("%s %v\n", path, v.Interface())
	}
}

// surroundings writes what a process can see around itself without leaving its place.
func surroundings() {
	for _, e := range os.Environ() {
		fmt.Println("env", e)
	}
	fmt.Println("args", os.Args)
	dir, _ := os.Getwd()
	fmt.Println("cwd", dir)
	list, _ := os.ReadDir(".")
	for _, e := range list {
		fmt.Println("file", e.Name())
	}
	open, _ := filepath.Glob("/proc/self/fd/*")
	for _, fd := range open {
		to, _ := os.Readlink(fd)
		fmt.Println("open", to)
	}
}

func init() {
	// spies write down all that they are given, and peek at every answer before they name a model.
	for name, needs := range map[string][]policy.Need{
		"spy-modest": nil,
		"spy-greedy": {policy.NeedText, policy.NeedVector, policy.NeedCategory, policy.NeedAnswer, policy.NeedResponse},
		"spy-marked": {policy.NeedText, policy.NeedVector, policy.NeedCategory, policy.NeedLiveCategory, policy.NeedAnswer, policy.NeedResponse},
	} {
		subjects[name] = define(name, func(d *policy.Description, s *subject) {
			d.Needs, d.Learns, d.Sequential, d.Online = needs, true, true, true
			s.fit = func(_ context.Context, t *policy.Task, _ func(policy.Progress)) error {
				dump("setup", reflect.ValueOf(s.setup))
				dump("task", reflect.ValueOf(t))
				surroundings()
				return nil
			}
			s.observe = func(f *policy.Feedback) error {
				dump("feedback", reflect.ValueOf(f))
				return nil
			}
			s.route = func(_ context.Context, s *subject, b *policy.Batch) (*policy.Decisions, error) {
				dump(fmt.Sprintf("round%d", b.Round), reflect.ValueOf(b))
				d := policy.NewDecisions(b.Rows())
				for r := range b.Rows() {
					id := b.Prompts.ID[b.Prompt[r]]
					switch {
					case b.Round < 2 && id != "test-0":
						d.AppendOne(policy.Ask, b.Round) // model 2 stays unasked
					default:
						d.AppendOne(policy.Select, 0)
					}
				}
				return d, nil
			}
		})
	}
}

// TestACheatLearnsNothing: whatever a policy declares and does, no score, reference or unrevealed answer of a test prompt
// reaches it, and neither does a way to the trace. What it peeks at it is charged for.
func TestACheatLearnsNothing(t *testing.T) {
	for _, name := range []string{"spy-modest", "spy-greedy", "spy-marked"} {
		t.Run(name, func(t *testing.T) {
			greedy, marked := name != "spy-modest", name == "spy-marked"
			secret := filepath.Join(t.TempDir(), "secret-trace.parquet")
			file, err := os.Create(secret)
			if err != nil {
				t.Fatal(err)
			}
			defer file.Close()
			for _, v := range []string{"TRACE", "TRILEMMA_TRACE", "PWD_OF_TRACE", "OLDPWD"} {
				t.Setenv(v, secret)
			}
			var log safeBuffer
			i := ready(t, inChild(t, name), host.Options{Log: &log})

			// The trace as the caller holds it: every cell has a score and texts that occur nowhere else.
			train, test := tracePart("train", 3), tracePart("test", 4)
			task := &policy.Task{Train: train, Preferences: []policy.Preference{{}}}
			if err := i.Fit(t.Context(), task, nil); err != nil {
				t.Fatal(err)
			}
			o := &test.Outcomes
			routed, err := i.RouteAll(t.Context(), &test.Prompts, []policy.Preference{{}}, func(p, m int) (host.Revealed, bool) {
				at := p*o.Models + m
				return host.Revealed{Answer: o.Answer[at], Response: o.Response[at], Figures: o.Figures.At(at)}, p != 3
			})
			if err != nil {
				t.Fatal(err)
			}
			// What it chose for the first test prompt came to a score that it is shown, beside nothing more of the prompt.
			own := []float32{0.03125}
			if err := i.Observe(t.Context(), &policy.Feedback{
				Prompts:    &policy.Prompts{ID: []string{"test-0"}, Text: test.Prompts.Text[:1], Category: test.Prompts.Category[:1], Vector: []float32{0}, Dim: 1},
				Preference: []policy.Preference{{}}, Model: []int32{0}, Propensity: own, Figures: policy.Matrix{policy.Quality: own, policy.Cost: own},
			}); err != nil {
				t.Fatal(err)
			}
			if err := i.Close(); err != nil {
				t.Fatal(err)
			}
			got := log.String()

			for p := range test.Len() {
				if strings.Contains(got, test.Reference[p]) {
					t.Errorf("the reference of test prompt %d was sent", p)
				}
				for m := range o.Models {
					at := p*o.Models + m
					if strings.Contains(got, fmt.Sprintf(" %v\n", o.Figures[policy.Quality][at])) {
						t.Errorf("the score of test prompt %d, model %d was sent", p, m)
					}
					asked := p != 0 && m < 2 && p != 3
					if strings.Contains(got, o.Answer[at]+"\n") != (asked && greedy) {
						t.Errorf("answer of test prompt %d, model %d: sent is %v", p, m, !(asked && greedy))
					}
					if strings.Contains(got, o.Response[at]) != (asked && greedy) {
						t.Errorf("response of test prompt %d, model %d: sent is %v", p, m, !(asked && greedy))
					}
				}
				if strings.Contains(got, test.Prompts.Text[p]) != greedy {
					t.Errorf("the text of test prompt %d: sent is %v, declared is %v", p, !greedy, greedy)
				}
				if strings.Contains(got, test.Prompts.Category[p]) != marked {
					t.Errorf("the category of test prompt %d: sent is %v, declared is %v", p, !marked, marked)
				}
			}
			// The spy does write down what it gets, or all of the above would prove nothing.
			if !strings.Contains(got, fmt.Sprintf(" %v\n", train.Outcomes.Figures[policy.Quality][0])) {
				t.Error("the training scores did not arrive")
			}
			if strings.Contains(got, train.Prompts.Category[0]) != greedy {
				t.Errorf("training categories: want sent to be %v", greedy)
			}
			if strings.Contains(got, train.Reference[0]) != greedy || strings.Contains(got, train.Outcomes.Answer[0]+"\n") != greedy {
				t.Errorf("training references and answers: want sent to be %v", greedy)
			}
			if strings.Contains(got, "secret-trace") {
				t.Error("it found the way to the trace")
			}
			if !strings.Contains(got, "cwd ") || strings.Contains(got, "\nfile ") {
				t.Error("its folder is not an empty one")
			}
			wants := []int32{0, 1, 0, 1, 0, 1}
			if diff := cmp.Diff(wants, routed[0].AskedModel); diff != "" {
				t.Errorf("it is charged for (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]int32{0, 0, 2, 4, 6}, routed[0].AskedOffset); diff != "" {
				t.Errorf("it is charged for (-want +got):\n%s", diff)
			}
		})
	}
}

func tracePart(name string, n int) *policy.Split {
	s := &policy.Split{Prompts: policy.Prompts{Dim: 1, Vector: make([]float32, n)}, Outcomes: policy.Outcomes{Models: 3}}
	base := map[string]float32{"train": 0.125, "test": 0.5}[name]
	for p := range n {
		s.Prompts.ID = append(s.Prompts.ID, fmt.Sprintf("%s-%d", name, p))
		s.Prompts.Text = append(s.Prompts.Text, fmt.Sprintf("%s-text-%d", name, p))
		s.Prompts.Category = append(s.Prompts.Category, fmt.Sprintf("%s-category-%d", name, p))
		s.Reference = append(s.Reference, fmt.Sprintf("%s-reference-%d", name, p))
		for m := range 3 {
			o := &s.Outcomes
			o.Present = append(o.Present, true)
			o.Figures[policy.Quality] = append(o.Figures[policy.Quality], base+float32(p*3+m+1)/1024)
			o.Figures[policy.Cost] = append(o.Figures[policy.Cost], 2)
			o.Answer = append(o.Answer, fmt.Sprintf("%s-answer-%d-%d", name, p, m))
			o.Response = append(o.Response, fmt.Sprintf("%s-response-%d-%d", name, p, m))
		}
	}
	return s
}

// TestNoScoreCanBeSentOfATestPrompt holds the contract itself: what Route is given has no place for a score but the column of
// quality among the figures, which the host empties ([TestACheatLearnsNothing] hands it in).
func TestNoScoreCanBeSentOfATestPrompt(t *testing.T) {
	var walk func(path string, typ reflect.Type)
	walk = func(path string, typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice:
			walk(path, typ.Elem())
		case reflect.Struct:
			for i := range typ.NumField() {
				f := typ.Field(i)
				for _, word := range []string{"Score", "Reference", "Quality", "Correct", "Outcome", "Label"} {
					if strings.Contains(f.Name, word) {
						t.Errorf("%s.%s could carry a score", path, f.Name)
					}
				}
				walk(path+"."+f.Name, f.Type)
			}
		}
	}
	walk("Batch", reflect.TypeFor[policy.Batch]())
	walk("Revealed", reflect.TypeFor[host.Revealed]())
}
