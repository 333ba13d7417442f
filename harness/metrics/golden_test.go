package metrics

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/harness/pareto"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// peers holds figures that published tools' own functions gave for simulated outcomes and a few curves; "prov" in
// expected.json names the tool, its revision and the function.
const peers = "testdata/peers"

// golden is expected.json, walked by keys.
type golden struct {
	t    *testing.T
	node any
}

func expected(t *testing.T) golden {
	b, err := os.ReadFile(filepath.Join(peers, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var g any
	if err := json.Unmarshal(b, &g); err != nil {
		t.Fatal(err)
	}
	return golden{t, g}
}

func (g golden) at(keys ...string) golden {
	g.t.Helper()
	for _, k := range keys {
		m, ok := g.node.(map[string]any)
		if !ok || m[k] == nil {
			g.t.Fatalf("expected.json has no %v", keys)
		}
		g.node = m[k]
	}
	return g
}

func (g golden) number(keys ...string) float64 {
	g.t.Helper()
	x, ok := g.at(keys...).node.(float64)
	if !ok {
		g.t.Fatalf("expected.json: %v is no number", keys)
	}
	return x
}

func (g golden) keys() []string {
	var out []string
	for k := range g.node.(map[string]any) {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func (g golden) list() []golden {
	var out []golden
	for _, x := range g.node.([]any) {
		out = append(out, golden{g.t, x})
	}
	return out
}

func (g golden) points() []pareto.Point {
	var out []pareto.Point
	for _, p := range g.list() {
		xy := p.list()
		out = append(out, pareto.Point{CostUSD: xy[0].node.(float64), Quality: xy[1].node.(float64)})
	}
	return out
}

// near holds got to 1e-9 relative.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-9*math.Abs(want)) && got != want {
		t.Errorf("%s = %.17g, want %.17g", what, got, want)
	}
}

func nearPoints(t *testing.T, what string, got, want []pareto.Point) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s = %v, want %v", what, got, want)
		return
	}
	for i := range got {
		near(t, what+" cost", got[i].CostUSD, want[i].CostUSD)
		near(t, what+" quality", got[i].Quality, want[i].Quality)
	}
}

func curves(t *testing.T, file string) map[string][]pareto.Point {
	b, err := os.ReadFile(filepath.Join(peers, file))
	if err != nil {
		t.Fatal(err)
	}
	var raw map[string][][2]float64
	if err := json.Unmarshal(b, &raw); err != nil {
		t.Fatal(err)
	}
	out := map[string][]pareto.Point{}
	for name, c := range raw {
		for _, p := range c {
			out[name] = append(out[name], pareto.Point{CostUSD: p[0], Quality: p[1]})
		}
	}
	return out
}

// world is the golden set of outcomes, in float64.
type world struct {
	ids         []string
	models      []string
	score, cost [][]float64 // [prompt][model]
}

func loadWorld(t *testing.T) *world {
	w := &world{}
	at := map[string]int{}
	for _, row := range table(t, "outcomes.csv")[1:] {
		p, ok := at[row[0]]
		if !ok {
			p = len(w.ids)
			at[row[0]] = p
			w.ids = append(w.ids, row[0])
			w.score, w.cost = append(w.score, nil), append(w.cost, nil)
		}
		if p == 0 {
			w.models = append(w.models, row[1])
		}
		w.score[p] = append(w.score[p], number64(t, row[2]))
		w.cost[p] = append(w.cost[p], number64(t, row[3]))
	}
	return w
}

func table(t *testing.T, file string) [][]string {
	f, err := os.Open(filepath.Join(peers, file))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func number64(t *testing.T, s string) float64 {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func matrix(t *testing.T, file string) [][]float64 {
	var out [][]float64
	for _, row := range table(t, file) {
		var r []float64
		for _, s := range row {
			r = append(r, number64(t, s))
		}
		out = append(out, r)
	}
	return out
}

func (w *world) outcomes() *Outcomes {
	o := &Outcomes{Models: len(w.models)}
	for p := range w.ids {
		for m := range w.models {
			o.Figures[policy.Quality], o.Figures[policy.Cost] = append(o.Figures[policy.Quality], float32(w.score[p][m])), append(o.Figures[policy.Cost], float32(w.cost[p][m]))
		}
	}
	return o
}

// mean is the point of one choice a prompt, over prompts lo to hi.
func (w *world) mean(choice func(p int) int, lo, hi int) pareto.Point {
	var sum pareto.Point
	for p := lo; p < hi; p++ {
		sum.CostUSD += w.cost[p][choice(p)]
		sum.Quality += w.score[p][choice(p)]
	}
	n := float64(hi - lo)
	return pareto.Point{CostUSD: sum.CostUSD / n, Quality: sum.Quality / n}
}

func (w *world) single(m int) pareto.Point { return w.mean(func(int) int { return m }, 0, len(w.ids)) }

func (w *world) singles() []pareto.Point {
	var out []pareto.Point
	for m := range w.models {
		out = append(out, w.single(m))
	}
	return out
}

func chosen(t *testing.T) []int32 {
	var out []int32
	for _, r := range matrix(t, "policy_argmax_pred.csv") {
		out = append(out, int32(r[0]))
	}
	return out
}

func always(m int32, n int) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = m
	}
	return out
}

func TestGoldenRouterBench(t *testing.T) {
	g := expected(t).at("RouterBench")
	all := curves(t, "curves.json")
	for _, name := range g.at("ndch", "values").keys() {
		nearPoints(t, "hull of "+name, pareto.NonDecreasingHull(all[name]), g.at("ndch", "values", name).points())
	}
	var joint float64
	for _, c := range g.at("AIQ_joint_max_cost", "curves").list() {
		joint = max(joint, pareto.HullMaxCost(all[c.node.(string)]))
	}
	for _, name := range g.at("AIQ_joint_max_cost", "values").keys() {
		aiq, _ := pareto.AIQ(all[name], joint)
		near(t, "joint AIQ of "+name, aiq, g.number("AIQ_joint_max_cost", "values", name))
	}
	for _, name := range g.at("AIQ_alone", "values").keys() {
		aiq, _ := pareto.AIQ(all[name], pareto.HullMaxCost(all[name]))
		near(t, "AIQ alone of "+name, aiq, g.number("AIQ_alone", "values", name))
	}

	w := loadWorld(t)
	n := float64(len(w.ids))
	totals := w.singles() // RouterBench sums costs
	for m, name := range w.models {
		totals[m].CostUSD *= n
		want := g.at("single_models_totalcost_meanscore", "values", name).list()
		nearPoints(t, name, []pareto.Point{totals[m]}, []pareto.Point{{CostUSD: want[0].node.(float64), Quality: want[1].node.(float64)}})
	}
	nearPoints(t, "Zero router", pareto.NonDecreasingHull(totals), g.at("zero_router_ndch", "values").points())
	aiq, _ := pareto.AIQ(totals, pareto.HullMaxCost(totals))
	near(t, "AIQ of the Zero router", aiq, g.number("zero_router_AIQ", "values"))

	o := w.outcomes()
	best, unanswered := o.Oracle(), o.Unanswered()
	counts := map[string]float64{}
	var cost, score float64
	for p, m := range best {
		score += w.score[p][m] / n
		if unanswered[p] {
			counts["no_model_correct"]++
			continue // RouterBench charges nothing
		}
		counts[w.models[m]]++
		cost += w.cost[p][m]
	}
	for _, name := range g.at("oracle", "values", "counts").keys() {
		near(t, "oracle's choices of "+name, counts[name], g.number("oracle", "values", "counts", name))
	}
	near(t, "oracle's cost", cost, g.number("oracle", "values", "total_cost"))
	near(t, "oracle's score", score, g.number("oracle", "values", "mean_score"))
	if ours := n * w.mean(func(p int) int { return int(best[p]) }, 0, len(best)).CostUSD; ours <= cost {
		t.Errorf("our oracle costs %v, want more than RouterBench's %v: it pays where nobody scores", ours, cost)
	}
}

// budgets are ORBIT's: all predicted costs, or 100 quantiles of them.
func budgets(pred [][]float64) []float64 {
	all := slices.Concat(pred...)
	slices.Sort(all)
	all = slices.Compact(all)
	const most = 100
	if len(all) <= most {
		return all
	}
	var out []float64
	for i := range most {
		at := float64(i) / (most - 1) * float64(len(all)-1)
		lo := min(int(at), len(all)-2)
		out = append(out, all[lo]+(at-float64(lo))*(all[lo+1]-all[lo]))
	}
	return slices.Compact(out)
}

// sweepOf routes each prompt to the best predicted model within each budget, else to the cheapest.
func sweepOf(w *world, perf, cost [][]float64) []pareto.Point {
	var points []pareto.Point
	for _, b := range budgets(cost) {
		points = append(points, w.mean(func(p int) int {
			best, least := -1, 0
			for m, c := range cost[p] {
				if c < cost[p][least] {
					least = m
				}
				if c <= b && (best < 0 || perf[p][m] > perf[p][best]) {
					best = m
				}
			}
			if best < 0 {
				return least
			}
			return best
		}, 0, len(w.ids)))
	}
	return points
}

func TestGoldenORBIT(t *testing.T) {
	g := expected(t).at("ORBIT")
	all := curves(t, "curves.json")
	for name, c := range curves(t, "curves_edge.json") {
		all[name] = c
	}
	v1 := g.at("curves_v1", "values")
	for _, name := range v1.keys() {
		auc, _ := pareto.NAUCv1(all[name], 0)
		near(t, "v1 area of "+name, auc, v1.number(name, "auc_of_pareto_self_normalised"))
		peak, _ := pareto.Peak(all[name])
		near(t, "peak of "+name, peak, v1.number(name, "peak"))
		c, ok := pareto.CheapestAtLeast(all[name], 0.55)
		if want := v1.at(name).node.(map[string]any)["min_cost_for_0.55"]; want == nil {
			if ok {
				t.Errorf("%s reaches 0.55 for %v, want never", name, c)
			}
		} else {
			near(t, "cost of 0.55 in "+name, c, want.(float64))
		}
	}
	now := g.at("current_nAUC", "values")
	for _, name := range now.at("curves_observed_range").keys() {
		points := all[name]
		lower, upper := math.Inf(1), math.Inf(-1)
		for _, p := range points {
			lower, upper = min(lower, p.CostUSD), max(upper, p.CostUSD)
		}
		auc, _ := pareto.NAUC(points, lower, upper)
		near(t, "nAUC of "+name, auc, now.number("curves_observed_range", name))
	}
	for _, name := range now.at("curves_bounds_0_5").keys() {
		auc, _ := pareto.NAUC(all[name], 0, 5)
		near(t, "nAUC 0 to 5 of "+name, auc, now.number("curves_bounds_0_5", name))
	}

	w := loadWorld(t)
	points := sweepOf(w, matrix(t, "pred_perf.csv"), matrix(t, "pred_cost.csv"))
	least := func(p int) int {
		at := 0
		for m, c := range w.cost[p] {
			if c < w.cost[p][at] {
				at = m
			}
		}
		return at
	}
	anchor := w.mean(least, 0, len(w.ids))
	var upper float64
	for _, c := range w.cost {
		upper += slices.Max(c) / float64(len(w.cost))
	}
	bounds := now.at("cost_bounds").list()
	near(t, "lower bound", anchor.CostUSD, bounds[0].node.(float64))
	near(t, "upper bound", upper, bounds[1].node.(float64))
	near(t, "anchor", anchor.Quality, now.number("min_cost_policy", "performance"))
	auc, _ := pareto.NAUC(append(slices.Clone(points), anchor), anchor.CostUSD, upper)
	near(t, "nAUC", auc, now.number("nAUC"))
	peak, _ := pareto.Peak(points)
	near(t, "peak", peak, now.number("peak"))

	// The older log prints ten digits of float32 means.
	best := slices.MaxFunc(w.singles(), func(a, b pareto.Point) int { return int(math.Copysign(1, a.Quality-b.Quality)) })
	qnc, _ := pareto.QNC(points, best)
	auc, _ = pareto.NAUCv1(points, best.CostUSD)
	log := strings.Join(func() (s []string) {
		for _, l := range g.at("evaluate_v1_log", "values").list() {
			s = append(s, l.node.(string))
		}
		return s
	}(), "\n")
	for label, got := range map[string]float64{"Cost ratio (minimum cost / best_model cost): ": qnc, "AUC: ": auc} {
		_, after, _ := strings.Cut(log, label)
		after, _, _ = strings.Cut(after, "\n")
		if want := number64(t, after); math.Abs(got-want) > 1e-7 {
			t.Errorf("%s%v, want %v", label, got, want)
		}
	}

	o := w.outcomes()
	for name, choice := range map[string][]int32{
		"always_m4": always(4, len(w.ids)), "always_m2": always(2, len(w.ids)),
		"oracle_cheapest_best": o.Oracle(), "argmax_pred": chosen(t),
	} {
		rci, _ := o.RCI(choice)
		near(t, "RCI of "+name, rci, g.number("rci", "values", name))
	}
}

func TestGoldenRouteLLM(t *testing.T) {
	g := expected(t).at("RouteLLM")
	check := func(name string, points []pareto.SharePoint, weak, strong float64, m golden, monotone bool) {
		auc, _ := pareto.PairAUC(points)
		near(t, name+" AUC", auc, m.number("AUC"))
		if want, ok := m.at("APGR").node.(float64); ok {
			apgr, _ := pareto.APGR(points, weak, strong)
			near(t, name+" APGR", apgr, want)
		} else if v, why := pareto.APGR(points, weak, strong); why != pareto.SameQuality || !math.IsNaN(v) {
			t.Errorf("%s: APGR %v, %q, want none where RouteLLM has an infinity", name, v, why)
		}
		if !monotone {
			return
		}
		for label, x := range map[string]float64{"20% qual": 0.2, "50% qual": 0.5, "80% qual": 0.8} {
			want := number64(t, strings.TrimSuffix(m.at(label).node.(string), "%"))
			if cpt, _ := pareto.CPT(points, weak, strong, x); math.Abs(100*cpt-want) > 0.005001 {
				t.Errorf("%s: CPT %v = %v %%, want %v %%", name, x, 100*cpt, want)
			}
		}
	}
	pairs := func(shares, quality []golden) []pareto.SharePoint {
		var out []pareto.SharePoint
		for i := range shares {
			out = append(out, pareto.SharePoint{StrongShare: shares[i].node.(float64) / 100, Quality: quality[i].node.(float64)})
		}
		return out
	}
	synthetic := g.at("metrics_synthetic", "values")
	for _, name := range synthetic.keys() {
		s := synthetic.at(name)
		points := pairs(s.at("strong_pct").list(), s.at("accuracy").list())
		// Where quality falls with the share, RouteLLM's interpolation is arbitrary; equal models have no gap.
		check(name, points, s.number("weak"), s.number("strong"), s.at("metrics"), name != "nonmonotone" && name != "equal_models" && name != "exceeds_strong")
	}
	acc := g.at("weak_strong_accuracy_pct", "values").list()
	weak, strong := acc[0].node.(float64), acc[1].node.(float64)
	for _, c := range []struct{ points, metrics string }{{"sweep_points", "metrics_winrates"}, {"metrics_random_seed0_10iters", "metrics_random_seed0_10iters"}} {
		key := "values"
		if c.points == c.metrics {
			key = "points"
		}
		var points []pareto.SharePoint
		for _, p := range g.at(c.points, key).list() {
			points = append(points, pareto.SharePoint{StrongShare: p.number("strong_percentage") / 100, Quality: p.number("accuracy")})
		}
		check(c.points, points, weak, strong, g.at(c.metrics, "values").list()[0], c.points == "metrics_random_seed0_10iters")
	}
	// On the sweep the quality is monotone up to the strong model's: 20, 50 and 80 % lie there.
	var points []pareto.SharePoint
	for _, p := range g.at("sweep_points", "values").list() {
		points = append(points, pareto.SharePoint{StrongShare: p.number("strong_percentage") / 100, Quality: p.number("accuracy")})
	}
	for x, want := range map[float64]float64{0.2: 7.08, 0.5: 17.14, 0.8: 30.73} {
		if cpt, _ := pareto.CPT(points, weak, strong, x); math.Abs(100*cpt-want) > 0.005001 {
			t.Errorf("CPT %v = %v %%, want %v %%", x, 100*cpt, want)
		}
	}
}

func TestGoldenRouterArena(t *testing.T) {
	g := expected(t).at("RouterArena")
	for _, row := range g.at("arena_score", "values").list() {
		x := row.list()
		cost, quality := x[0].node.(float64), x[1].node.(float64)
		got, why := ArenaScore(quality, cost/1000)
		if want, ok := x[2].node.(float64); ok {
			near(t, "Arena score", got, want)
		} else if cheapest, _ := ArenaScore(quality, 0.0044/1000); why != "" || got != cheapest {
			t.Errorf("Arena score of a free router = %v, want that of the cheapest, %v", got, cheapest)
		}
	}
	w := loadWorld(t)
	for m, name := range w.models {
		p := w.single(m)
		got, _ := ArenaScore(p.Quality, p.CostUSD)
		near(t, "Arena score of "+name, got, g.number("arena_score_single_models", "values", name))
	}
	o := w.outcomes()
	for name, choice := range map[string][]int32{
		"always_m0": always(0, len(w.ids)), "always_m4": always(4, len(w.ids)), "argmax_pred": chosen(t), "cheapest_best": o.Oracle(),
	} {
		got, _ := optimality(o.Models, slices.Concat(w.score...), slices.Concat(w.cost...), choice)
		want := g.at("optimality", "values", name)
		near(t, name+" prompts", float64(got.Prompts), want.number("queries_with_optimal_data"))
		near(t, name+" selected", float64(got.Selected), want.number("optimal_selections"))
		near(t, name+" Opt.Sel", got.Selection, want.number("opt_sel"))
		near(t, name+" Opt.Acc", got.Accuracy, want.number("opt_acc"))
		near(t, name+" Opt.Cost", got.Cost, want.number("opt_cost"))
	}
	choice := make([]int32, 80)
	perturbed := make([]int32, 80)
	for i := 0; i < 80; i += 4 {
		perturbed[i] = 1
	}
	got, _ := Robustness(choice, perturbed)
	near(t, "robustness", got, g.number("robustness", "values"))
}

func TestGoldenLLMRouterBench(t *testing.T) {
	g := expected(t).at("LLMRouterBench")
	w := loadWorld(t)
	choice := chosen(t)
	best := 0
	for m, p := range w.singles() {
		if p.Quality > w.single(best).Quality {
			best = m
		}
	}
	derived := g.at("derived_argmax_pred", "values")
	if want := derived.at("best_single").node.(string); w.models[best] != want {
		t.Errorf("best single model %s, want %s", w.models[best], want)
	}
	var own, random, single, oracle []float64
	for d, name := range []string{"dA/test", "dB/test"} {
		lo, hi := 100*d, 100*(d+1)
		own = append(own, w.mean(func(p int) int { return int(choice[p]) }, lo, hi).Quality)
		single = append(single, w.mean(func(int) int { return best }, lo, hi).Quality)
		oracle = append(oracle, g.number("oracle_accuracy", "values", name))
		var sum float64
		for m, model := range w.models {
			q := w.mean(func(int) int { return m }, lo, hi).Quality
			near(t, model+" on "+name, q, g.number("avg_by_dataset_model", "values", name, model))
			sum += q
		}
		random = append(random, sum/float64(len(w.models)))
	}
	near(t, "AvgAcc", (own[0]+own[1])/2, derived.number("AvgAcc"))
	gain, _, _ := pareto.Gain(own, random)
	near(t, "Gain@R", gain, derived.number("Gain@R"))
	gain, _, _ = pareto.Gain(own, single)
	near(t, "Gain@B", gain, derived.number("Gain@B"))
	gap, _, _ := pareto.GapO(own, oracle)
	near(t, "Gap@O", gap, derived.number("Gap@O"))
}
