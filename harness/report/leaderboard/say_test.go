package leaderboard

import (
	"slices"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/metrics"
	"github.com/trilemma-bench/trilemma/harness/store"
	"github.com/trilemma-bench/trilemma/harness/store/storetest"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

func x(v float64) *float64 { return &v }

// headed is the sample with predict first by selection.
func headed(second string, diff, low, high float64, clear bool) *Table {
	tab := sample()
	tab.headlines = []headline{{Pool: "all", Metric: "aiq_pool", Best: "predict", Second: second, Value: x(0.6904), Low: x(0.67), High: x(0.721),
		Diff: x(diff), DiffLow: x(low), DiffHigh: x(high), Clear: clear}}
	return tab
}

func TestAnswer(t *testing.T) {
	for _, c := range []struct {
		of   *Table
		want string
	}{
		{headed("static", 0.013, 0.006, 0.02, true), "`predict` is best: AIQ 0.690 [0.670, 0.721] on 1,445 test prompts, 0.013 [0.006, 0.020] above `static`, the next (p = 0.01, Holm over all pairs; both chosen on the selection prompts)."},
		{headed("k_nn", 0.006, -0.005, 0.013, false), "No policy is clearly best: `predict`, first by the selection prompts, is 0.006 [−0.005, 0.013] ahead of `k_nn`, the second, in AIQ on 1,445 test prompts (it has 0.690 [0.670, 0.721])."},
		{headed("k_nn", -0.006, -0.013, 0.005, false), "No policy is clearly best: `predict`, first by the selection prompts, is 0.006 [−0.005, 0.013] behind `k_nn`, the second, in AIQ on 1,445 test prompts (it has 0.690 [0.670, 0.721])."},
		{headed("k_nn", 0, 0, 0.0004, false), "No policy is clearly best: `predict` and `k_nn`, the first two by the selection prompts, are alike in AIQ on 1,445 test prompts, 0.690 [0.670, 0.721]."},
		{headed("k_nn", -0.034, -0.055, -0.014, false), "No policy is clearly best: the selection prompts put `predict` first, but on 1,445 test prompts it is 0.034 [0.014, 0.055] behind `k_nn` in AIQ (it has 0.690 [0.670, 0.721]): they were too few to tell, or the test prompts are of another kind."},
	} {
		if got := c.of.Answer(); got != c.want {
			t.Errorf("answer\n%s\nwant\n%s", got, c.want)
		}
	}
	lead, more := headed("static", 0.013, 0.006, 0.02, true).Sentences([]Twin{{"predict", "k_nn", 22045, 22052}})
	if len(lead) != 1 || len(more) != 2 || more[0] != "A difference of 0.005 between `predict` and `static` would be seen, at a power of 80 %, with about 7,300 test prompts." ||
		more[1] != "`predict` decides as `k_nn` does in 22,045 of 22,052 cases (test prompts × settings)." {
		t.Errorf("sentences %q, then %q", lead, more)
	}
	// Policies that hardly differ need few prompts: then nothing is said of more.
	near := headed("static", 0.013, 0.006, 0.02, true)
	near.pairs[1].SE = x(0.0001)
	if _, more := near.Sentences(nil); len(more) != 0 {
		t.Errorf("where 1,445 prompts are enough: %q", more)
	}
	none := &Table{Pool: "all", Lines: []Line{of("rare", metrics.RoleThin, 12, figure("0.9", "", "")), of("single:a", metrics.RoleControl, 12, figure("0.5", "", ""))}}
	if got := none.Answer(); got != "No policy has a rank: 12 test prompts are too few, a rank takes 30." || none.best() != nil {
		t.Errorf("answer %q, best %v: want none", got, none.best())
	}
	older := &Table{Pool: "all", Older: true, Lines: []Line{{"knn", metrics.RolePolicy, 9, map[string]measured{"aiq": {Value: "0.7", Low: "0.6", High: "0.8"}}}}}
	if got := older.Answer(); !strings.Contains(got, "in hindsight") || older.headline().Metric != "aiq" {
		t.Errorf("answer of an older run %q, want it called hindsight", got)
	}
}

// mixed is a comparison with the Zero router.
func mixed(policy string, diff, low, high, p float64) pair {
	return pair{Pool: "all", Metric: "aiq_pool", A: policy, B: "zero-router", Diff: &diff, Low: &low, High: &high, SE: x(0.004), HolmP: &p}
}

func TestNoPolicyIsBetterThanMixing(t *testing.T) {
	with := func(pairs ...pair) string {
		tab := headed("k_nn", 0.006, -0.005, 0.013, false)
		tab.mixing = pairs
		return tab.Answer()
	}
	for _, c := range []struct{ got, want string }{
		{with(mixed("predict", 0, 0, 0, 1), mixed("k_nn", -0.02, -0.03, -0.01, 0.01)), "No policy is better than mixing single models: `predict`, first by the selection prompts, does as the mix does in AIQ on 1,445 test prompts."},
		{with(mixed("predict", -0.012, -0.02, -0.004, 0.01)), "No policy is better than mixing single models: `predict`, first by the selection prompts, is 0.012 [0.004, 0.020] behind the mix in AIQ on 1,445 test prompts."},
		// What may yet be better is not denied, only not shown.
		{with(mixed("predict", 0.004, -0.006, 0.014, 0.4)), "No policy is shown to be better than mixing single models: `predict`, first by the selection prompts, is 0.004 [−0.006, 0.014] ahead of the mix in AIQ on 1,445 test prompts."},
		{with(mixed("predict", -0.001, -0.001, 0, 1), mixed("k_nn", 0.003, -0.001, 0.007, 0.2)), "No policy is shown to be better than mixing single models: `predict`, first by the selection prompts, is 0.001 [0.000, 0.001] behind the mix in AIQ on 1,445 test prompts."},
	} {
		if strings.ReplaceAll(c.got, "−0.000", "0.000") != c.want {
			t.Errorf("answer\n%s\nwant\n%s", c.got, c.want)
		}
	}
	// One that is clear of the mix, first or not, is enough; and where there is no interval nothing is denied.
	for _, got := range []string{
		with(mixed("predict", 0, 0, 0, 1), mixed("k_nn", 0.02, 0.01, 0.03, 0.01)),
		with(pair{Pool: "all", Metric: "aiq_pool", A: "predict", B: "zero-router", Diff: x(0.01)}),
	} {
		if strings.Contains(got, "mixing") {
			t.Errorf("answer %q, where a policy is better than mixing", got)
		}
	}
	// A run of an older version has values alone: of the sample's policies some are above the mix's 0.663.
	if got := with(); strings.Contains(got, "mixing") {
		t.Errorf("answer %q", got)
	}
	tab := headed("k_nn", 0.006, -0.005, 0.013, false)
	tab.Line("zero-router").Values["aiq_pool"] = figure("0.6904", "0.68", "0.70")
	if got := tab.Answer(); !strings.HasPrefix(got, "No policy is better than mixing single models: `predict`, first by the selection prompts, has 0.690 [0.670, 0.721] in AIQ") {
		t.Errorf("answer %q, where the mix has as much as the best", got)
	}
	// Where costs are unknown there is only quality, and the mix at any price is the best model.
	costless := sample()
	for i := range costless.Lines {
		v := costless.Lines[i].Values["aiq_pool"]
		costless.Lines[i].Values = map[string]measured{"quality_max": v}
	}
	costless.headlines = []headline{{Pool: "all", Metric: "quality_max", Best: "predict", Value: x(0.6904), Low: x(0.67), High: x(0.721)}}
	if got := costless.Answer(); !strings.HasPrefix(got, "`predict` is the only policy that has a rank: peak quality 0.690") {
		t.Errorf("answer %q", got)
	}
	costless.Line("zero-router").Values["quality_max"] = figure("0.7", "0.68", "0.72")
	if got := costless.Answer(); got != "No policy is better than the best single model: `predict`, first by the selection prompts, has 0.690 [0.670, 0.721] in peak quality on 1,445 test prompts, the model 0.700 [0.680, 0.720]." {
		t.Errorf("answer %q", got)
	}
}

func TestFewPromptsAreSaidFirst(t *testing.T) {
	lead := func(change func(*Table)) string {
		tab := headed("k_nn", 0.006, -0.005, 0.013, false)
		change(tab)
		said, _ := tab.Sentences(nil)
		return strings.Join(said, " ")
	}
	few := func(n int) func(*Table) {
		return func(tab *Table) {
			for i := range tab.Lines {
				tab.Lines[i].N = n
			}
		}
	}
	if got := lead(few(1445)); strings.Contains(got, "Few prompts") {
		t.Errorf("with 1,445 prompts and policies that are clear of each other: %q", got)
	}
	if got := lead(few(60)); !strings.HasPrefix(got, "Few prompts: there are 60 to test on, so that intervals are rather too short, and policies must differ by 0.011 in AIQ to be told apart with a power of 80 %. ") {
		t.Errorf("with 60 prompts: %q", got)
	}
	blurred := func(tab *Table) {
		tab.pairs = []pair{compared("aiq_pool", "static", "predict", -0.008, 0.4), compared("aiq_pool", "k_nn", "predict", -0.006, 0.4)}
	}
	if got := lead(blurred); !strings.HasPrefix(got, "Few prompts: on 1,445 test prompts even `static` and `predict`, the two policies that differ most, are 0.008 apart in AIQ, where a power of 80 % takes 0.011. ") {
		t.Errorf("where no two policies differ by what could be shown: %q", got)
	}
	apart := func(tab *Table) {
		tab.pairs = []pair{compared("aiq_pool", "static", "predict", -0.012, 0.06), compared("aiq_pool", "k_nn", "predict", -0.006, 0.4)}
	}
	if got := lead(apart); strings.Contains(got, "Few prompts") {
		t.Errorf("where two policies differ by what could be shown: %q", got)
	}
	alone := func(tab *Table) { tab.pairs = nil; few(40)(tab) }
	if got := lead(alone); !strings.HasPrefix(got, "Few prompts: there are 40 to test on, so that intervals are rather too short. ") {
		t.Errorf("one policy on 40 prompts: %q", got)
	}
}

func TestTwins(t *testing.T) {
	read := func(choose func(string, int) int) []Twin {
		t.Helper()
		run := storetest.Write(t, t.TempDir(), storetest.Run{Experiment: "e", ID: "00000001", Choose: choose})
		tables, err := Read(run)
		if err != nil {
			t.Fatal(err)
		}
		twins, err := Twins(run, tables)
		if err != nil {
			t.Fatal(err)
		}
		return twins["all"]
	}
	if got := read(func(_ string, prompt int) int { return prompt % 2 }); len(got) != 0 {
		t.Errorf("a policy that routes is said to decide as another: %v", got)
	}
	// The same model for all prompts, but under each preference another: it routes by preference.
	if got := read(func(preference string, _ int) int { return len(preference) - 1 }); len(got) != 0 {
		t.Errorf("a policy that follows the preference is said to decide as another: %v", got)
	}
	all := read(func(string, int) int { return 1 })
	if want := (Twin{"router", "single:dear", 120, 120}); len(all) != 1 || all[0] != want {
		t.Fatalf("twins %v, want %v", all, want)
	}
	if got := all[0].String(); got != "`router` takes `dear` in all 120 cases (test prompts × settings): it does not route." {
		t.Errorf("%q", got)
	}
	most := read(func(preference string, prompt int) int {
		return map[bool]int{true: 0, false: 1}[preference == "q" && prompt == 7]
	})
	if want := (Twin{"router", "single:dear", 119, 120}); len(most) != 1 || most[0] != want {
		t.Errorf("twins %v, want %v", most, want)
	}
}

func TestChoices(t *testing.T) {
	run := storetest.Write(t, t.TempDir(), storetest.Run{Experiment: "e", ID: "00000001", Choose: func(preference string, prompt int) int { return len(preference) - 1 }})
	tables, err := Read(run)
	if err != nil {
		t.Fatal(err)
	}
	all, err := ReadChoices(run, tables)
	if err != nil {
		t.Fatal(err)
	}
	c := &all[0]
	got := c.Writer(c.Rows).RenderCSV()
	// USD and grams per 1,000 prompts stand beside each other, settings in words, and columns without a figure are left out.
	for _, want := range []string{"policy,setting: 1 point of quality is worth,quality,USD/1k,gCO2e/1k,AIQ", "router,0.1 USD,0.800,4,4000,", "single:cheap,–,0.500,1,1000,"} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
	if !strings.Contains(c.Rule(c.Rows), "best quality on the selection prompts, of equals the cheapest") {
		t.Errorf("the rule is %q", c.Rule(c.Rows))
	}
}

func TestOfEqualSettingsTheCheaper(t *testing.T) {
	at := func(preference string, quality, cost, carbon float64) store.Point {
		return store.Point{Policy: "p", Preference: preference, Figures: policy.Figures{policy.Quality: quality, policy.Cost: cost, policy.Carbon: carbon}}
	}
	points := []store.Point{at("0", 0.8, 3, 1), at("c01", 0.8, 2, 5), at("c02", 0.8, 2, 4), at("c03", 0.7, 1, 1)}
	for range points {
		if got := points[bestOf(points, nil)].Preference; got != "c02" {
			t.Errorf("of %v the best is %s, want c02: as good, cheapest, of least carbon", points, got)
		}
		points = append(slices.Clone(points[1:]), points[0])
	}
	if bestOf(nil, nil) != -1 {
		t.Error("the best of nothing")
	}
}

func TestShortTable(t *testing.T) {
	tab := sample()
	tab.headlines = headed("k_nn", 0, 0, 0, false).headlines
	for i := range tab.Lines {
		v := tab.Lines[i].Values["aiq_pool"]
		v.baseline = "ppo-untrained"
		tab.Lines[i].Values["aiq_pool"] = v
	}
	saved := &store.Savings{Baselines: []store.Baseline{{Pool: "all", Name: bestSingle, What: "a"}}}
	c := choicesOf(tab, nil, nil, saved)
	var names []string
	for _, r := range c.Short() {
		names = append(names, r.Name)
	}
	// First the two of selection, then by AIQ, the experiment's baseline kept among four; then the best model, and the mix.
	if got := strings.Join(names, ", "); got != "predict, k_nn, static, ppo-untrained, single:a, zero-router (mix of single models)" {
		t.Errorf("rows %s", got)
	}
}
