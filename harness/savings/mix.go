package savings

import "math"

// Known is what is known of a single model before the prompts that are compared on.
type Known struct{ Quality, CarbonG float64 }

// Front are the models, by index, that blind mixes are made of: the corners of the upper concave envelope in (carbon,
// quality) from the cleanest model to the best one, cleanest first. It is the Zero router of RouterBench (Hu et al., 2024)
// with carbon in the place of cost: giving a part of the prompts, whatever they are, to one model and the rest to the next
// reaches every point between two corners, and nothing that does not look at prompts gets above. Models whose carbon or
// quality is not known are left out.
func Front(models []Known) []int {
	at := -1
	for i, m := range models {
		if math.IsNaN(m.Quality) || math.IsNaN(m.CarbonG) {
			continue
		}
		if at < 0 || m.CarbonG < models[at].CarbonG || m.CarbonG == models[at].CarbonG && m.Quality > models[at].Quality {
			at = i
		}
	}
	var out []int
	for at >= 0 {
		out = append(out, at)
		next, steepest := -1, 0.0
		for i, m := range models {
			if !(m.Quality > models[at].Quality) || math.IsNaN(m.CarbonG) {
				continue
			}
			slope := (m.Quality - models[at].Quality) / (m.CarbonG - models[at].CarbonG)
			if next < 0 || slope > steepest || slope == steepest && m.Quality > models[next].Quality {
				next, steepest = i, slope
			}
		}
		at = next
	}
	return out
}

// Mix is a part of the prompts for each of two neighbouring models of a front, by their place in it. Second is −1 where
// one model takes all.
type Mix struct {
	First, Second int
	SecondShare   float64
}

// MixAt is the cleanest blind mix of at least a quality, by the known figures of a front, cleanest first. It is false where
// no mix reaches it.
func MixAt(front []Known, quality float64) (Mix, bool) {
	for i, m := range front {
		switch {
		case quality > m.Quality:
		case i == 0 || quality == m.Quality:
			return Mix{i, -1, 0}, true
		default:
			return Mix{i - 1, i, (quality - front[i-1].Quality) / (m.Quality - front[i-1].Quality)}, true
		}
	}
	return Mix{}, false
}

// MixCarbon is what a blind mix of a quality emits: where the line through the models of a front, cleanest first, first
// reaches it. The cleanest model's where that is better anyhow, the last one's where no mix is as good.
func MixCarbon(quality, carbonG []float64, want float64) float64 {
	for i, q := range quality {
		switch {
		case want > q:
		case i == 0:
			return carbonG[0]
		default:
			share := (want - quality[i-1]) / (q - quality[i-1])
			return carbonG[i-1] + share*(carbonG[i]-carbonG[i-1])
		}
	}
	return carbonG[len(carbonG)-1]
}
