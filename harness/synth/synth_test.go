package synth

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/harness/trace/doubt"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

func generate(t testing.TB, change func(*Params)) *Simulated {
	t.Helper()
	p := Default()
	if change != nil {
		change(&p)
	}
	s, err := Generate(p)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var sameTrace = cmp.Options{cmpopts.EquateNaNs(), cmpopts.EquateComparable(policy.Model{})}

// part cuts the first n prompts out of a simulation.
func part(s *Simulated, n int) *trace.Trace {
	ps, o := s.Trace.Prompts, s.Trace.Outcomes
	prompts := trace.Prompts{
		ID: ps.ID[:n], Benchmark: ps.Benchmark[:n], Category: ps.Category[:n], Source: ps.Source[:n],
		Text: ps.Text[:n], Reference: ps.Reference[:n], ArrivedAt: ps.ArrivedAt[:n],
	}
	cut := trace.NewTrace(s.Trace.Models, prompts)
	k := n * o.Models
	for i := range k {
		if o.Present.Has(i) {
			cut.Outcomes.Present.Set(i)
		}
	}
	cut.Outcomes.Logged[policy.Quality], cut.Outcomes.InputTokens, cut.Outcomes.OutputTokens = o.Logged[policy.Quality][:k], o.InputTokens[:k], o.OutputTokens[:k]
	cut.Outcomes.Logged[policy.Latency], cut.Outcomes.Answer, cut.Outcomes.AnswerText = o.Logged[policy.Latency][:k], o.Answer[:k], o.AnswerText
	return cut
}

func TestPromptsDoNotDependOnWhatFollows(t *testing.T) {
	whole := generate(t, func(p *Params) { p.Prompts, p.MissingRate, p.Drift = 3000, 0.1, 0.5 })
	short := generate(t, func(p *Params) { p.Prompts, p.MissingRate, p.Drift = 1500, 0.1, 0.5 })
	if d := cmp.Diff(short.Trace, part(whole, 1500), sameTrace); d != "" {
		t.Errorf("1,500 prompts are not the first of 3,000:\n%s", d)
	}
	for _, at := range [][2]int{{0, 0}, {1499, 7}} {
		if a, b := short.Response(at[0], at[1]), whole.Response(at[0], at[1]); a != b {
			t.Errorf("response %v: %q, want %q", at, a, b)
		}
	}
}

func TestPartsMakeTheWhole(t *testing.T) {
	p := Default()
	p.Prompts, p.MissingRate = 3000, 0.05
	whole := generate(t, func(q *Params) { *q = p })
	var ids, text, responses []string
	var score, chance []float32
	err := Stream(context.Background(), p, 1, func(s *Simulated) error {
		ids, text = append(ids, s.Trace.Prompts.ID...), append(text, s.Trace.Prompts.Text...)
		score, chance = append(score, s.Trace.Outcomes.Logged[policy.Quality]...), append(chance, s.Truth.Chance...)
		responses = append(responses, s.Response(0, 3))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []any{whole.Trace.Prompts.ID, whole.Trace.Prompts.Text, whole.Trace.Outcomes.Logged[policy.Quality], whole.Truth.Chance,
		[]string{whole.Response(0, 3), whole.Response(1024, 3), whole.Response(2048, 3)}}
	if d := cmp.Diff(want, []any{ids, text, score, chance, responses}, cmpopts.EquateNaNs()); d != "" {
		t.Errorf("parts differ from the whole:\n%s", d)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Stream(ctx, p, 1, func(*Simulated) error { return nil }); err == nil {
		t.Error("a cancelled stream: no error")
	}
}

// What is written of a world does not change it.
func TestOutcomesDoNotDependOnTextOrPool(t *testing.T) {
	full := generate(t, func(p *Params) { p.Prompts = 1200 })
	short := generate(t, func(p *Params) { p.Prompts, p.Text, p.Responses, p.LogCost = 1200, "short", "short", true })
	ignoreCost := cmp.Transformer("withoutCost", func(m policy.Matrix) [policy.NumQuantities][]float32 { m[policy.Cost] = nil; return m })
	if d := cmp.Diff(full.Trace.Outcomes, short.Trace.Outcomes, cmpopts.EquateNaNs(), ignoreCost); d != "" {
		t.Errorf("short text changes outcomes:\n%s", d)
	}
	if got := short.Response(3, 2); got != "The answer is ("+answer(short, 3, 2)+")." {
		t.Errorf("short response %q", got)
	}
	few := generate(t, func(p *Params) { p.Prompts, p.Models = 1200, 2 })
	for i := range 1200 {
		for j, of := range []int{0, 7} {
			if got, want := few.Trace.Outcomes.Logged[policy.Quality][i*2+j], full.Trace.Outcomes.Logged[policy.Quality][i*8+of]; got != want {
				t.Fatalf("prompt %d, %s: score %v in a pool of two, %v in a pool of eight", i, few.Trace.Models[j].ID, got, want)
			}
		}
	}
}

func answer(s *Simulated, i, j int) string {
	o := &s.Trace.Outcomes
	return o.AnswerText[o.Answer[o.At(i, j)]]
}

func TestScoresAgreeWithAnswersAndTruth(t *testing.T) {
	s := generate(t, nil)
	o, m := &s.Trace.Outcomes, 8
	var brier, brierSeen, agree, wrong float64
	for i := range s.Trace.Prompts.Len() {
		for j := range m {
			at := o.At(i, j)
			right := answer(s, i, j) == s.Trace.Prompts.Reference[i]
			if right != (o.Logged[policy.Quality][at] == 1) {
				t.Fatalf("prompt %d, model %d: score %v for answer %q, reference %q", i, j, o.Logged[policy.Quality][at], answer(s, i, j), s.Trace.Prompts.Reference[i])
			}
			d, e := float64(o.Logged[policy.Quality][at]-s.Truth.Chance[at]), float64(o.Logged[policy.Quality][at]-s.Truth.ChanceSeen[at])
			brier += d * d
			brierSeen += e * e
		}
		for j := range m {
			for k := range j {
				if o.Logged[policy.Quality][o.At(i, j)] == 0 && o.Logged[policy.Quality][o.At(i, k)] == 0 {
					wrong++
					if answer(s, i, j) == answer(s, i, k) {
						agree++
					}
				}
			}
		}
	}
	n, sum := float64(len(o.Logged[policy.Quality])), s.Truth.Summary()
	if brier /= n; math.Abs(brier-sum.BrierFloor) > 0.003 {
		t.Errorf("Brier score of the truth is %.4f, its floor says %.4f", brier, sum.BrierFloor)
	}
	if brierSeen /= n; math.Abs(brierSeen-sum.BrierFloorSeen) > 0.003 {
		t.Errorf("Brier score of what shows is %.4f, its floor says %.4f", brierSeen, sum.BrierFloorSeen)
	}
	// Seven wrong options: independent errors would agree once in seven.
	if share := agree / wrong; share < 0.28 || share > 0.45 {
		t.Errorf("two wrong models agree %.3f of the time, want 0.25 + 0.75/7 and some", share)
	}
}

// What a prompt shows must be calibrated: among entries of like ChanceSeen, the mean of Chance is the same.
func TestChanceSeenIsCalibrated(t *testing.T) {
	s := generate(t, func(p *Params) { p.Prompts = 20000 })
	var sum, seen, n [10]float64
	for at, x := range s.Truth.ChanceSeen {
		b := min(int(x*10), 9)
		sum[b] += float64(s.Truth.Chance[at])
		seen[b] += float64(x)
		n[b]++
	}
	for b := range n {
		if n[b] > 500 && math.Abs(sum[b]-seen[b])/n[b] > 0.01 {
			t.Errorf("where %.3f is seen, the chance is %.3f (%v entries)", seen[b]/n[b], sum[b]/n[b], n[b])
		}
	}
}

// The default world is worth routing in: no model dominates, and prices span two orders of magnitude.
func TestDefaultWorldIsWorthRouting(t *testing.T) {
	for seed := range uint64(5) {
		s := generate(t, func(p *Params) { p.Seed = seed + 1 })
		u := s.Truth.Summary()
		if u.BestSingleScore < 0.66 || u.BestSingleScore > 0.78 || u.SeenScore < u.BestSingleScore+0.06 || u.SeenScore < 0.8 || u.OracleScore < u.SeenScore {
			t.Errorf("seed %d: best single %.3f, seen %.3f, oracle %.3f", seed+1, u.BestSingleScore, u.SeenScore, u.OracleScore)
		}
		cheap, dear := slices.Min(u.SingleCostUSD), slices.Max(u.SingleCostUSD)
		if dear < 100*cheap {
			t.Errorf("seed %d: costs span %v to %v, want a factor of 100", seed+1, cheap, dear)
		}
		used := map[int]int{}
		for _, j := range s.Truth.Best(policy.Preference{}) {
			used[j]++
		}
		for j, n := range used {
			if n > 6000*6/10 {
				t.Errorf("seed %d: model %s is best for %d of 6,000 prompts", seed+1, u.BestSingle, n)
			}
			_ = j
		}
		if len(used) < 6 {
			t.Errorf("seed %d: only %d models are ever best", seed+1, len(used))
		}
	}
}

func TestBestBeatsEverySingleModel(t *testing.T) {
	s := generate(t, func(p *Params) { p.Prompts = 2000 })
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string, top float64) float64 {
			return rapid.SampledFrom([]float64{0, top / 100, top / 10, top}).Draw(t, name)
		}
		pref := policy.Preference{policy.Cost: draw("cost", 1000), policy.Carbon: draw("carbon", 10), policy.Latency: draw("latency", 0.1)}
		best := s.Truth.Utility(s.Truth.Best(pref), pref)
		seen := s.Truth.Utility(s.Truth.BestSeen(pref), pref)
		if seen > best {
			t.Fatalf("%+v: seeing less gives %v, more than %v", pref, seen, best)
		}
		for j := range s.Truth.Models {
			single := slices.Repeat([]int{j}, s.Truth.Len())
			if u := s.Truth.Utility(single, pref); u > best {
				t.Fatalf("%+v: model %d alone gives %v, more than %v", pref, j, u, best)
			}
			if r := s.Truth.Regret(single, pref); r < 0 {
				t.Fatalf("%+v: regret %v of model %d", pref, r, j)
			}
		}
	})
	// On drawn outcomes too, and clearly.
	for name, best := range map[string][]int{"best": s.Truth.Best(policy.Preference{}), "seen": s.Truth.BestSeen(policy.Preference{})} {
		var got float64
		singles := make([]float64, 8)
		for i, j := range best {
			got += float64(s.Trace.Outcomes.Logged[policy.Quality][i*8+j]) / 2000
			for k := range singles {
				singles[k] += float64(s.Trace.Outcomes.Logged[policy.Quality][i*8+k]) / 2000
			}
		}
		if got < slices.Max(singles)+0.05 {
			t.Errorf("%s scores %.3f, the best single model %.3f", name, got, slices.Max(singles))
		}
	}
}

// Words tell the topic: naive Bayes on words of 500 prompts names the category of the others.
func TestWordsTellTopicAndDifficulty(t *testing.T) {
	s := generate(t, func(p *Params) { p.Prompts = 1500 })
	counts := map[string]map[string]float64{} // topic → word → count
	for i, text := range s.Trace.Prompts.Text[:500] {
		c := s.Trace.Prompts.Category[i]
		if counts[c] == nil {
			counts[c] = map[string]float64{}
		}
		for _, word := range strings.Fields(text) {
			counts[c][word]++
			counts[c][""]++
		}
	}
	hits := 0
	for i := 500; i < 1500; i++ {
		best, bestLog := "", math.Inf(-1)
		for c, words := range counts {
			var sum float64
			for _, word := range strings.Fields(s.Trace.Prompts.Text[i]) {
				sum += math.Log((words[word] + 0.1) / (words[""] + 100))
			}
			if sum > bestLog {
				best, bestLog = c, sum
			}
		}
		if best == s.Trace.Prompts.Category[i] {
			hits++
		}
	}
	if hits < 900 {
		t.Errorf("words name the topic of %d of 1,000 prompts, want 900", hits)
	}
	// Prompts with more hard words are answered right less often.
	var score, n [2]float64
	for i, text := range s.Trace.Prompts.Text {
		hard := 0
		for _, word := range strings.Fields(text) {
			if slices.Contains(levels[3], word) || slices.Contains(levels[4], word) {
				hard++
			}
			if slices.Contains(levels[0], word) || slices.Contains(levels[1], word) {
				hard--
			}
		}
		if hard == 0 {
			continue
		}
		b := 0
		if hard > 0 {
			b = 1
		}
		for j := range 8 {
			score[b] += float64(s.Trace.Outcomes.Logged[policy.Quality][i*8+j])
			n[b]++
		}
	}
	if easy, hard := score[0]/n[0], score[1]/n[1]; easy < hard+0.15 {
		t.Errorf("easy words: %.3f right, hard words: %.3f; want a gap of 0.15", easy, hard)
	}
}

func TestResponsesHedgeWhenWrong(t *testing.T) {
	s := generate(t, func(p *Params) { p.Prompts = 800 })
	var hedged, n [2]float64
	for i := range 800 {
		r, right := s.Response(i, 3), int(s.Trace.Outcomes.Logged[policy.Quality][i*8+3])
		if !strings.HasSuffix(r, "The answer is ("+answer(s, i, 3)+").") {
			t.Fatalf("response %q does not give the answer %q", r, answer(s, i, 3))
		}
		n[right]++
		if slices.ContainsFunc(hedges, func(h string) bool { return strings.Contains(r, h) }) {
			hedged[right]++
		}
	}
	if wrong, right := hedged[0]/n[0], hedged[1]/n[1]; wrong < right+0.2 {
		t.Errorf("wrong responses hedge %.3f of the time, right ones %.3f; want a gap of 0.2", wrong, right)
	}
}

// TestSimulatedTracesAreNotDoubted holds that what nothing is wrong with raises no doubts.
func TestSimulatedTracesAreNotDoubted(t *testing.T) {
	for seed := range uint64(20) {
		p := Default()
		p.Prompts, p.Seed, p.Bandit = 300, seed, seed%4 == 3
		s, err := Generate(p)
		if err != nil {
			t.Fatal(err)
		}
		doubts, err := doubt.Find(t.Context(), s.Trace)
		if err != nil {
			t.Fatal(err)
		}
		for i := range doubts {
			if doubts[i].Kind != "repeated prompt" {
				t.Errorf("seed %d: %v", seed, doubts[i].Error())
			}
		}
	}
}
