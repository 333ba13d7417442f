package metrics_test

import (
	"fmt"

	"github.com/trilemma-bench/trilemma/harness/metrics"
)

// The points of a sweep, the front among them, and AIQ: the area below the hull, from 1 to 3 USD, over the greatest cost.
func Example() {
	points := []metrics.Point{{CostUSD: 1, Quality: 0.5}, {CostUSD: 2, Quality: 0.4}, {CostUSD: 3, Quality: 0.9}}
	for _, p := range metrics.Front(points) {
		fmt.Println(p.CostUSD, p.Quality)
	}
	area, why := metrics.AIQ(points, 3)
	fmt.Printf("%.3f %s\n", area, why)
	// Output:
	// 1 0.5
	// 3 0.9
	// 0.467
}
