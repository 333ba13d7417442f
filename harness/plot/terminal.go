package plot

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// Size of a scatter plot in a terminal, in characters, where nothing asks for another.
const (
	TerminalWidth  = 64
	TerminalHeight = 14
)

// Mark is one character at a point.
type Mark struct {
	X, Y float64
	As   rune
}

// Scatter draws points on a plane of width × height characters, beside its axes. The x axis is logarithmic where all x are positive and the largest is at
// least four times the least. Later marks cover earlier ones; points that are not finite are left out.
func Scatter(w io.Writer, width, height int, xLabel, yLabel string, marks []Mark) {
	var shown []Mark
	xLow, xHigh, yLow, yHigh := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, m := range marks {
		if math.IsNaN(m.X) || math.IsNaN(m.Y) || math.IsInf(m.X, 0) || math.IsInf(m.Y, 0) {
			continue
		}
		shown = append(shown, m)
		xLow, xHigh, yLow, yHigh = min(xLow, m.X), max(xHigh, m.X), min(yLow, m.Y), max(yHigh, m.Y)
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
	rows := make([][]rune, height)
	for i := range rows {
		rows[i] = []rune(strings.Repeat(" ", width))
	}
	for _, m := range shown {
		row := height - 1 - place(m.Y, yLow, yHigh, height)
		rows[row][place(along(m.X), along(xLow), along(xHigh), width)] = m.As
	}
	fmt.Fprintf(w, "%s\n", yLabel)
	for i, row := range rows {
		label := ""
		switch i {
		case 0:
			label = fmt.Sprintf("%.3f", yHigh)
		case height - 1:
			label = fmt.Sprintf("%.3f", yLow)
		}
		fmt.Fprintf(w, "%6s │%s\n", label, strings.TrimRight(string(row), " "))
	}
	low, high := fmt.Sprintf("%.3g", xLow), fmt.Sprintf("%.3g", xHigh)
	fmt.Fprintf(w, "%6s └%s\n", "", strings.Repeat("─", width))
	fmt.Fprintf(w, "%8s%s%s%s   %s%s\n", "", low, strings.Repeat(" ", max(1, width-len(low)-len(high))), high, xLabel, scale)
}
