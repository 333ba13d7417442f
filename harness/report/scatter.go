package report

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// Size of a scatter plot in a terminal, in characters, without its axes.
const (
	scatterWidth  = 64
	scatterHeight = 14
)

// mark is one character at a point.
type mark struct {
	x, y float64
	as   rune
}

// scatter draws points on a plane of characters. The x axis is logarithmic where all x are positive and the largest is at
// least four times the least. Later marks cover earlier ones; points that are not finite are left out.
func scatter(w io.Writer, xLabel, yLabel string, marks []mark) {
	var shown []mark
	xLow, xHigh, yLow, yHigh := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, m := range marks {
		if math.IsNaN(m.x) || math.IsNaN(m.y) || math.IsInf(m.x, 0) || math.IsInf(m.y, 0) {
			continue
		}
		shown = append(shown, m)
		xLow, xHigh, yLow, yHigh = min(xLow, m.x), max(xHigh, m.x), min(yLow, m.y), max(yHigh, m.y)
	}
	if len(shown) == 0 {
		return
	}
	along := func(x float64) float64 { return x }
	scale := ""
	if xLow > 0 && xHigh >= 4*xLow {
		along, scale = math.Log, ", logarithmic"
	}
	place := func(v, low, high float64, cells int) int {
		if high <= low {
			return cells / 2
		}
		return int(math.Round((v - low) / (high - low) * float64(cells-1)))
	}
	rows := make([][]rune, scatterHeight)
	for i := range rows {
		rows[i] = []rune(strings.Repeat(" ", scatterWidth))
	}
	for _, m := range shown {
		row := scatterHeight - 1 - place(m.y, yLow, yHigh, scatterHeight)
		rows[row][place(along(m.x), along(xLow), along(xHigh), scatterWidth)] = m.as
	}
	fmt.Fprintf(w, "%s\n", yLabel)
	for i, row := range rows {
		label := ""
		switch i {
		case 0:
			label = fmt.Sprintf("%.3f", yHigh)
		case scatterHeight - 1:
			label = fmt.Sprintf("%.3f", yLow)
		}
		fmt.Fprintf(w, "%6s │%s\n", label, strings.TrimRight(string(row), " "))
	}
	low, high := fmt.Sprintf("%.3g", xLow), fmt.Sprintf("%.3g", xHigh)
	fmt.Fprintf(w, "%6s └%s\n", "", strings.Repeat("─", scatterWidth))
	fmt.Fprintf(w, "%8s%s%s%s   %s%s\n", "", low, strings.Repeat(" ", max(1, scatterWidth-len(low)-len(high))), high, xLabel, scale)
}
