package forecast

import (
	"math"
	"testing"
)

func TestTextShapeGolden(t *testing.T) {
	got := make([]float32, shapeFeatures)
	textShape("Is $x^2 = 4$?\nA. 2", got)
	// 18 characters in 6 words: 4 letters of which 2 are capitals, 3 digits, 5 spaces of which one ends a line, 6 others.
	want := []float64{math.Log1p(18), math.Log1p(6), 18. / 6, 4. / 18, 2. / 18, 3. / 18, math.Log1p(3), 6. / 18, math.Log1p(1), math.Log1p(2), math.Log1p(1), math.Log1p(1)}
	for i := range want {
		if math.Abs(float64(got[i])-want[i]) > 1e-6 {
			t.Errorf("feature %d is %v, want %v", i, got[i], want[i])
		}
	}
	textShape("", got)
	for i, x := range got {
		if x != 0 {
			t.Errorf("feature %d of no text is %v", i, x)
		}
	}
}
