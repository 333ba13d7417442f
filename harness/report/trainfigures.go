package report

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/store"
)

// trainingFiguresSection tells what training found out about itself in one figure each, the weights of a blend or a temperature,
// say: the stages of a single step. Seeds are averaged.
func trainingFiguresSection(b *bytes.Buffer, cells []store.Status, pool string) {
	type key struct{ policy, metric string }
	var order []key
	sum, count := map[key]float64{}, map[key]float64{}
	for i := range cells {
		c := &cells[i]
		if c.Pool != pool {
			continue
		}
		for _, curve := range c.Curves {
			if len(curve.Steps) != 1 {
				continue
			}
			k := key{c.Policy, curve.Metric}
			if count[k] == 0 {
				order = append(order, k)
			}
			sum[k] += curve.Values[0]
			count[k]++
		}
	}
	if len(order) == 0 {
		return
	}
	b.WriteString("\nWhat training ended with:\n\n| policy | figure | value |\n| --- | --- | ---: |\n")
	for _, k := range order {
		fmt.Fprintf(b, "| %s | %s | %s |\n", strings.ReplaceAll(k.policy, "|", `\|`), strings.ReplaceAll(k.metric, "_", " "),
			strconv.FormatFloat(sum[k]/count[k], 'g', 4, 64))
	}
}
