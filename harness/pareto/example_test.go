package pareto_test

import (
	"fmt"

	"github.com/trilemma-bench/trilemma/harness/pareto"
)

// The points of a sweep, the front among them, and the area below its hull up to a cost of 3, divided by that cost.
func Example() {
	points := []pareto.Point{{CostUSD: 1, Quality: 0.5}, {CostUSD: 2, Quality: 0.4}, {CostUSD: 3, Quality: 0.9}}
	for _, p := range pareto.Front(points) {
		fmt.Println(p.CostUSD, p.Quality)
	}
	area, why := pareto.AIQ(points, 3)
	fmt.Printf("%.3f %s\n", area, why)
	// Output:
	// 1 0.5
	// 3 0.9
	// 0.467
}
