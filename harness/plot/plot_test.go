package plot

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"
	"pgregory.net/rapid"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

var realisticPolicies = []string{"random", "best-single", "category-best", "knn", "static", "predict", "agreement"}

func realisticLooks() *Looks {
	var policies []Policy
	for i, name := range realisticPolicies {
		policies = append(policies, Policy{Label: name, Family: name, Control: i < 3})
	}
	return LooksOf(policies, nil)
}

// realistic is a figure with as many models and policies as a real run has.
func realistic() *Front {
	rng := policy.Stream(1, "figure")
	f := &Front{
		Title: "Quality and cost, pool all", Subtitle: "1,694 test prompts; bars are 95 % intervals",
		X: Axis{Label: "Cost (USD per 1,000 prompts)", Factor: 1000}, Y: Axis{Label: "Mean score", HighIsBetter: true},
		Oracle: []XY{{1e-5, 0.6}, {2e-5, 0.85}, {4e-5, 0.95}},
		Notes:  []string{"full: chosen by selection prompts", "Zero router: chosen outside test", "oracle: bound, in hindsight"},
	}
	for i := range 29 {
		cost := 1e-5 * math.Pow(300, float64(i)/28) * (0.7 + 0.6*rng.Float64())
		f.Models = append(f.Models, Model{Label: fmt.Sprintf("model-%02d-instruct", i), Point: At(cost, 0.2+0.5*float64(i)/28-0.15*rng.Float64())})
	}
	looks := realisticLooks()
	f.Zero = []XY{{1e-5, 0.2}, {5e-5, 0.45}, {3e-3, 0.7}}
	for i, name := range realisticPolicies {
		s := Series{Label: name, Family: name, Look: looks.Policy(name)}
		n := 24
		if i < 2 {
			n = 1
		}
		for k := range n {
			x := float64(k) / 24
			p := At(1.5e-5*math.Pow(180, x), 0.3+0.01*float64(i)+0.4*math.Sqrt(x)+0.01*rng.Float64())
			p.YLow, p.YHigh = p.Y-0.02, p.Y+0.02
			p.Chosen = k%3 == 0
			s.Points = append(s.Points, p)
		}
		f.Series = append(f.Series, s)
	}
	return f
}

// TestFiguresToLookAt draws every kind of figure; set TRILEMMA_LOOK to a folder to keep them.
func TestFiguresToLookAt(t *testing.T) {
	dir := os.Getenv("TRILEMMA_LOOK")
	if dir == "" {
		dir = t.TempDir()
	}
	front := realistic()
	levels := &Levels{Title: "What a quality takes", X: front.X, Y: Axis{Label: "Carbon (gCO2e per 1,000 prompts)", Factor: 1000}}
	for _, label := range []string{"quality ≥ 0.60 (90 %)", "quality ≥ 0.70 (100 %)"} {
		panel := Level{Label: label, Models: front.Models}
		for _, s := range front.Series {
			points := slices.Clone(s.Points)
			for k := range points {
				points[k].Y, points[k].YLow, points[k].YHigh = points[k].X*300, math.NaN(), math.NaN()
			}
			panel.Series = append(panel.Series, Series{Label: s.Label, Family: s.Family, Points: points})
		}
		levels.Panels = append(levels.Panels, panel)
	}
	shares := &Shares{Title: "Route shares of predict", XLabel: "Preference", Preferences: []string{"0", "c01", "c02", "c03"},
		Models: []string{"a", "b", "c"}, Looks: LooksOf(nil, []string{"a", "b", "c"}), Share: [][]float64{{0.1, 0.2, 0.7}, {0.3, 0.3, 0.4}, {0.5, 0.3, 0.2}, {1, 0, 0}}}
	for name, fig := range map[string]Figure{"front": realistic(), "levels": levels, "shares": shares} {
		paths, err := Save(fig, Styles[0], dir, name, Formats)
		if err != nil {
			t.Fatal(err)
		}
		if len(paths) != 4 {
			t.Errorf("Save wrote %v, want three formats and a table", paths)
		}
		for _, p := range paths {
			if info, err := os.Stat(p); err != nil || info.Size() < 100 && filepath.Ext(p) != ".csv" {
				t.Errorf("%s: %v", p, err)
			}
		}
	}
}

func TestSameInputSameBytes(t *testing.T) {
	shares := &Shares{Models: []string{"a", "b"}, Looks: LooksOf(nil, []string{"a", "b"}), Preferences: []string{"0", "1"}, Share: [][]float64{{0.1, 0.9}, {0.8, 0.2}}}
	levels := &Levels{Panels: []Level{{Label: "quality ≥ 0.7", Series: realistic().Series[:4], Models: realistic().Models[:3]}}}
	ranges := &Ranges{Dots: true, Bars: []Range{{Label: "a", Value: 1, Low: -1, High: 2, Look: realisticLooks().Policy("knn")}}}
	for name, fig := range map[string]func() Figure{
		"front": func() Figure { return realistic() }, "shares": func() Figure { return shares }, "levels": func() Figure { return levels }, "ranges": func() Figure { return ranges },
	} {
		for _, format := range Formats {
			var first, second bytes.Buffer
			for _, b := range []*bytes.Buffer{&first, &second} {
				out, err := render(fig(), Styles[0], format)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := out.WriteTo(b); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(first.Bytes(), second.Bytes()) {
				t.Errorf("%s of the same %s differs", format, name)
			}
		}
	}
}

// A PDF carries a font of the figure's characters alone, and text in the code page of its backend.
func TestPDFText(t *testing.T) {
	out, err := render(realistic(), Styles[0], "pdf")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := out.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b.Bytes(), []byte("+LiberationSans")) || b.Len() > 100_000 {
		t.Errorf("%d bytes, a subset: %v", b.Len(), bytes.Contains(b.Bytes(), []byte("+LiberationSans")))
	}
	if got := latin("café ≥ 1‡ 中"); got != "caf\xe9 >= 1\x87 ?" {
		t.Errorf("text %q", got)
	}
}

// Names at the margin keep their order and their distance, and stay where they want to be where there is room.
func TestSpread(t *testing.T) {
	if got := spread([]vg.Length{90, 50, 10}, 10, 0, 100); fmt.Sprint(got) != "[90 50 10]" {
		t.Errorf("with room: %v", got)
	}
	if got := spread([]vg.Length{50, 50, 50}, 10, 0, 100); fmt.Sprint(got) != "[60 50 40]" {
		t.Errorf("at one height: %v", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		wanted := make([]vg.Length, rapid.IntRange(1, 12).Draw(t, "n"))
		for i := range wanted {
			wanted[i] = vg.Length(rapid.Float64Range(0, 200).Draw(t, "y"))
		}
		slices.SortFunc(wanted, func(a, b vg.Length) int { return cmp.Compare(b, a) })
		got := spread(wanted, 10, 0, 200)
		for i := range got {
			if got[i] < -1e-9 || got[i] > 200+1e-9 || i > 0 && got[i-1]-got[i] < 10-1e-9 {
				t.Fatalf("%v for %v", got, wanted)
			}
		}
	})
}

// A policy of one point is named beside it, and no legend names it again; names within shares likewise.
func TestNamesInPlaceOfALegend(t *testing.T) {
	text := func(fig Figure) string {
		out, err := render(fig, Styles[0], "svg")
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if _, err := out.WriteTo(&b); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for name, fig := range map[string]Figure{
		"random": realistic(), "dear": &Shares{Models: []string{"cheap", "dear"}, Looks: LooksOf(nil, []string{"cheap", "dear"}), Preferences: []string{"0"}, Share: [][]float64{{0.4, 0.6}}},
	} {
		if n := strings.Count(text(fig), ">"+name+"<"); n != 1 {
			t.Errorf("%s is named %d times", name, n)
		}
	}
}

func TestAwkwardFiguresAreDrawn(t *testing.T) {
	nan := math.NaN()
	for name, f := range map[string]*Front{
		"empty":        {},
		"one point":    {Series: []Series{{Label: "a", Family: "a", Points: []Point{At(1, 1)}}}},
		"not a number": {Series: []Series{{Label: "a", Family: "a", Points: []Point{At(nan, 1), At(1, nan)}}}, Models: []Model{{Label: "m", Point: At(nan, nan)}}},
		"equal x":      {Series: []Series{{Label: "a", Family: "a", Points: []Point{At(1, 1), At(1, 2)}}}},
		"all zero":     {Models: []Model{{Label: "m", Point: At(0, 0)}, {Label: "n", Point: At(0, 0)}}},
		"a free model": {X: Axis{Scaling: Log}, Models: []Model{{Label: "free", Point: At(0, 0.5)}, {Label: "dear", Point: At(100, 0.7)}, {Label: "cheap", Point: At(0.1, 0.6)}}},
		"negative":     {X: Axis{Scaling: Log}, Models: []Model{{Label: "m", Point: At(-1, 0)}, {Label: "n", Point: At(100, 0)}}},
	} {
		for _, format := range Formats {
			if _, err := render(f, Styles[0], format); err != nil {
				t.Errorf("%s as %s: %v", name, format, err)
			}
		}
	}
}

func TestPanelsAreDrawn(t *testing.T) {
	line := Line{Label: "seed 1", Points: []XY{{1, 3}, {2, 2}, {3, 2.5}}}
	many := &Curves{Title: "t", XLabel: "Step"}
	for _, name := range strings.Fields("a b c d e f g h i") {
		many.Panels = append(many.Panels, Panel{Label: name, Lines: []Line{line, line}})
	}
	for name, f := range map[string]Figure{
		"no panel": &Curves{}, "no lines": &Curves{Panels: []Panel{{Label: "a"}}}, "nine panels": many,
		"one point": &Curves{Panels: []Panel{{Label: "a", Lines: []Line{{Points: []XY{{1, 1}}}}}}},
		"dots":      &Ranges{Dots: true, Bars: []Range{{Label: "a", Value: 1, Low: -1, High: 2}, {Label: "b", Value: 1, Low: math.NaN(), High: math.NaN()}}},
	} {
		for _, format := range Formats {
			if _, err := render(f, Styles[0], format); err != nil {
				t.Errorf("%s as %s: %v", name, format, err)
			}
		}
	}
}

func TestZeroKeepsAPlaceOnALogAxis(t *testing.T) {
	s := newScale(&Axis{}, []float64{0, 0.001, 1})
	if !s.log || !(s.at(0) < s.at(0.001)) || s.at(0) < s.min {
		t.Errorf("zero is at %v of [%v, %v], 0.001 at %v: want it left of it and within", s.at(0), s.min, s.max, s.at(0.001))
	}
	var labels []string
	for _, tick := range s.Ticks(s.min, s.max) {
		labels = append(labels, tick.Label)
	}
	if got := strings.Join(labels, " "); !strings.Contains(got, "0 ") || !strings.Contains(got, "0.01") {
		t.Errorf("ticks %q, want 0 and decades", got)
	}
}

func TestFrontMembers(t *testing.T) {
	f := &Front{Y: Axis{HighIsBetter: true}}
	points := []Point{At(1, 0.5), At(2, 0.4), At(2, 0.7), At(3, 0.7), At(1, 0.5)}
	f.ChooseFront(&Series{Points: points})
	for i, want := range []bool{true, false, true, false, true} {
		if points[i].Chosen != want {
			t.Errorf("point %d on the front: %v, want %v", i, points[i].Chosen, want)
		}
	}
}

func TestLabelsNeverOverlap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		area := rect{0, 0, 400, 300}
		tags := make([]tag, rapid.IntRange(1, 40).Draw(t, "tags"))
		var obstacles []rect
		for i := range tags {
			x, y := vg.Length(rapid.Float64Range(0, 400).Draw(t, "x")), vg.Length(rapid.Float64Range(0, 300).Draw(t, "y"))
			tags[i] = tag{x: x, y: y, width: vg.Length(rapid.Float64Range(10, 80).Draw(t, "w")), height: 7}
			obstacles = append(obstacles, rect{x - 2, y - 2, x + 2, y + 2})
		}
		place(tags, obstacles, area)
		for i := range tags {
			if !tags[i].placed {
				continue
			}
			if !tags[i].box().inside(area) {
				t.Fatalf("label %d stands outside", i)
			}
			for _, o := range obstacles {
				if tags[i].box().overlaps(o) {
					t.Fatalf("label %d covers a point", i)
				}
			}
			for j := range i {
				if tags[j].placed && tags[i].box().overlaps(tags[j].box()) {
					t.Fatalf("labels %d and %d overlap", i, j)
				}
			}
		}
	})
}

func TestALoneLabelFindsItsPlace(t *testing.T) {
	tags := []tag{{x: 50, y: 50, width: 30, height: 7}}
	place(tags, []rect{{48, 48, 52, 52}}, rect{0, 0, 100, 100})
	if !tags[0].placed || tags[0].leader {
		t.Errorf("label %+v, want it beside its point without a line", tags[0])
	}
}

func TestAPlaceSurvivesClipping(t *testing.T) {
	style := textStyle(legendSize, ink)
	if got := clipped(style, "llama-3.1-70b-instruct@ESP", pt(80)); !strings.HasSuffix(got, "…@ESP") || style.Width(got) > pt(80) {
		t.Errorf("clipped to %q, want the place at its end", got)
	}
	if got := clipped(style, "short", pt(80)); got != "short" {
		t.Errorf("clipped %q", got)
	}
}

func TestStylesAreAsWideAsTheirColumns(t *testing.T) {
	many := realistic()
	for i := range 40 {
		many.Models = append(many.Models, Model{Label: fmt.Sprintf("a-model-with-a-long-name-%d", i), Point: At(0.001+float64(i%3)*1e-6, 0.5+float64(i%4)*1e-4)})
	}
	for _, s := range Styles {
		for name, fig := range map[string]Figure{"front": realistic(), "many models": many} {
			out, err := render(fig, s, "svg")
			if err != nil {
				t.Fatal(err)
			}
			var text bytes.Buffer
			if _, err := out.WriteTo(&text); err != nil {
				t.Fatal(err)
			}
			if want := fmt.Sprintf(`<svg width="%.5gpt"`, s.Width.Points()); !strings.Contains(text.String(), want) {
				t.Errorf("%s of style %s: want %s in %.300s", name, s.Name, want, text.String())
			}
			if got := strings.Contains(text.String(), many.Title); got != s.Heading {
				t.Errorf("%s of style %s has its title: %v, want %v", name, s.Name, got, s.Heading)
			}
		}
	}
	if _, err := StyleNamed("nature"); err == nil || !strings.Contains(err.Error(), "neurips") {
		t.Errorf("an unknown style gives %v, want the known ones", err)
	}
}
