package plot

import (
	"fmt"
	"strings"
	"testing"
)

// The look of a policy and of a model depends on the run alone, and no two share one.
func TestLooksTellApart(t *testing.T) {
	var policies []Policy
	for i := range 12 {
		policies = append(policies, Policy{Label: fmt.Sprintf("p%d", i), Family: fmt.Sprintf("p%d", i)})
	}
	for _, c := range []string{"random", "best-single", "category-best"} {
		policies = append(policies, Policy{Label: c, Family: c, Control: true})
	}
	policies = append(policies, Policy{Label: "p0-blind", Family: "p0"})
	var models []string
	for i := range 29 {
		models = append(models, fmt.Sprintf("m%d", i))
	}
	l := LooksOf(policies, models)
	seen := map[string]string{}
	tell := func(name string, k Look) {
		key := fmt.Sprint(k.CSS(), k.Marker.Name, k.Marker.Hollow)
		if seen[key] != "" {
			t.Errorf("%s looks like %s: %s", name, seen[key], key)
		}
		seen[key] = name
		if c := contrastOnWhite(k.Ink()); c < 4.5 {
			t.Errorf("%s: text has a contrast of %.2f", name, c)
		}
	}
	for _, p := range policies {
		tell(p.Label, l.Policy(p.Label))
		if l.Policy(p.Label).Marker.Name == diamond.Name {
			t.Errorf("policy %s has the marker of models", p.Label)
		}
	}
	last := 0.0
	for _, m := range models {
		tell(m, l.Model(m))
		if c := contrastOnWhite(l.Model(m).Color); c <= last {
			t.Errorf("%s has a contrast of %.2f, no more than the cheaper one's %.2f", m, c, last)
		} else {
			last = c
		}
	}
	if a, b := l.Policy("p0"), l.Policy("p0-blind"); a.Color != b.Color || a.Marker.Hollow == b.Marker.Hollow {
		t.Errorf("two of a family: %+v and %+v, want one colour and two markers", a, b)
	}
}

func TestAGridLooksTheSame(t *testing.T) {
	var policies []Policy
	for k := range 9 {
		policies = append(policies, Policy{Label: fmt.Sprintf("knn k=%d", k), Family: "knn"})
	}
	l := LooksOf(policies, nil)
	if family, n, ok := l.Grid("knn k=3"); family != "knn" || n != 9 || !ok {
		t.Errorf("knn k=3 is of a grid: %q, %d, %v", family, n, ok)
	}
	a, b := l.Policy("knn k=1"), l.Policy("knn k=8")
	if a.CSS() != b.CSS() || a.Marker.Name != b.Marker.Name || a.Marker.Hollow != b.Marker.Hollow {
		t.Errorf("%+v and %+v look apart", a, b)
	}
}

func TestModelsByPrice(t *testing.T) {
	models := []string{"z", "dear", "new", "cheap"}
	LooksOf(nil, []string{"cheap", "z", "dear"}).ByPrice(models)
	if l := LooksOf(nil, models); !l.Priced() || l.Unpriced().Priced() || !strings.Contains(l.Stacked(), "name") {
		t.Error("models without prices are said to be in their order")
	}
	if got := fmt.Sprint(models); got != "[cheap z dear new]" {
		t.Errorf("models %s", got)
	}
}

func TestMarkersAsPaths(t *testing.T) {
	if got := diamond.SVG(); got != "M0,-1.35L0.9,0L0,1.35L-0.9,0z" {
		t.Errorf("a diamond is %s", got)
	}
	for _, m := range markers {
		if len(m.SVG()) < 10 {
			t.Errorf("%s is %q", m.Name, m.SVG())
		}
	}
}

func TestSharesThatLookAlikeTellNothing(t *testing.T) {
	s := &Shares{Models: []string{"a", "b"}, Share: [][]float64{{0.5, 0.5}, {0.52, 0.48}}}
	if s.Telling() {
		t.Error("shares within a few hundredths are said to tell something")
	}
	s.Share[1] = []float64{0.8, 0.2}
	if !s.Telling() {
		t.Error("shares that move are said to tell nothing")
	}
}
