package plot

import "testing"

// Whoever is left out of a figure, the others keep their looks.
func TestLooksDoNotDependOnTheFigure(t *testing.T) {
	looks := NewLooks([]string{"static", "knn", "ppo"}, []string{"random"}, []string{"small", "large"})
	all := []Series{{Label: "static", Family: "static"}, {Label: "knn", Family: "knn"}, {Label: "ppo", Family: "ppo"}, {Label: "random", Family: "random"}}
	whole, part := seriesStyles(all, looks), seriesStyles(all[2:], looks)
	seen := map[string]bool{}
	for _, s := range all {
		look := looks.Policy(s.Family)
		if whole[s.Label].color != look.Color {
			t.Errorf("%s is drawn in %v, its look is %v", s.Label, whole[s.Label].color, look.Color)
		}
		if seen[look.CSS()+look.Marker()] {
			t.Errorf("%s looks like another", s.Label)
		}
		seen[look.CSS()+look.Marker()] = true
	}
	if part["ppo"].color != whole["ppo"].color || part["ppo"].marker != whole["ppo"].marker {
		t.Error("ppo looks otherwise where others are left out")
	}
	if looks.Model("small") == looks.Model("large") {
		t.Error("two models look alike")
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
