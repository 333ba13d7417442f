package pareto

import "math"

// PerfGain is LLMRouterBench's relative quality gain of the policy's best point over the best single model; negative where
// even that is worse. No value where the best single model scores nothing but the policy does.
func PerfGain(points []Point, bestSingle Point) (float64, Reason) {
	q, why := Peak(points)
	if why != "" {
		return q, why
	}
	return Relative(q, bestSingle.Quality)
}

// Relative is (a − b)/b; 0 for equals, even zeros.
func Relative(a, b float64) (float64, Reason) {
	switch {
	case a == b:
		return 0, ""
	case b == 0:
		return math.NaN(), ZeroReference
	}
	return (a - b) / b, ""
}

// ZeroReference is the reason where a relative figure would be divided by zero.
const ZeroReference Reason = "the reference scores nothing"

// Gain is LLMRouterBench's Gain@R over Random (its expectation) and Gain@B over the best single model: the relative gain
// (policy − reference)/reference of each dataset, averaged over datasets. quality and reference are means, one a dataset.
// Datasets where either is unknown, or where only the reference scores nothing, are left out; used counts the others.
func Gain(quality, reference []float64) (gain float64, used int, why Reason) {
	var sum float64
	why = NoPoints
	for d, q := range quality {
		if !Finite(q) || !Finite(reference[d]) {
			continue
		}
		g, none := Relative(q, reference[d])
		if none != "" {
			why = none
			continue
		}
		sum += g
		used++
	}
	if used == 0 {
		return math.NaN(), 0, why
	}
	return sum / float64(used), used, ""
}

// GapO is LLMRouterBench's Gap@O: (oracle − policy)/oracle of each dataset, averaged over datasets.
func GapO(quality, oracle []float64) (gap float64, used int, why Reason) {
	gap, used, why = Gain(quality, oracle)
	return 0 - gap, used, why
}
