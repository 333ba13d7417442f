package exporter

import (
	"encoding/csv"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// routerBench writes RouterBench's wide table as CSV: a row a prompt; MODEL, MODEL|model_response and MODEL|total_cost for each
// model; and which model its oracle takes. Texts are Python lists of one string, as in its own files.
type routerBench struct{}

// Its own spelling of a prompt that no model got right.
const noModelCorrect = "no_model_correct"

func (routerBench) begin(w io.Writer, t *trace.Trace) error {
	head := []string{"sample_id", "prompt", "eval_name"}
	for _, suffix := range []string{"", "|model_response", "|total_cost"} {
		for _, m := range t.Models {
			head = append(head, m.ID+suffix)
		}
	}
	return writeRow(w, append(head, "oracle_model_to_route_to"))
}

func (routerBench) write(w io.Writer, b *block, left *Left) error {
	models, o := len(b.Models), &b.Outcomes
	scores, costs := o.Logged[policy.Quality], o.Logged[policy.Cost]
	for p := b.from; p < b.to; p++ {
		row := make([]string, 3+3*models+1)
		row[0], row[1] = b.Prompts.ID[p], pythonList(column(b.Prompts.Text, p))
		if row[2] = column(b.Prompts.Category, p); row[2] == "" {
			row[2] = column(b.Prompts.Benchmark, p)
		}
		oracle, best, cheapest := noModelCorrect, float32(0), float32(0)
		for m := range models {
			at := o.At(p, m)
			if !o.Present.Has(at) {
				continue
			}
			score, scored := figure(scores, at)
			cost, priced := figure(costs, at)
			if scored {
				row[3+m] = decimal(score)
			}
			if said := b.responses(p, m); said != "" {
				row[3+models+m] = pythonList(said)
			}
			if priced {
				row[3+2*models+m] = decimal(cost)
			} else {
				left.NoCost++
			}
			left.Outcomes++
			// Of equally good models its oracle takes the cheapest, of equally cheap ones the first; an unknown cost is none's.
			if scored && score > 0 && (score > best || score == best && priced && cost < cheapest) {
				oracle, best, cheapest = b.Models[m].ID, score, cost
			}
		}
		row[len(row)-1] = oracle
		if err := writeRow(w, row); err != nil {
			return err
		}
	}
	return nil
}

func writeRow(w io.Writer, row []string) error {
	c := csv.NewWriter(w)
	if err := c.Write(row); err != nil {
		return err
	}
	c.Flush()
	return c.Error()
}

// decimal is the shortest text that reads as the same figure.
func decimal(x float32) string { return strconv.FormatFloat(float64(x), 'g', -1, 32) }

// pythonList is a Python list of one string, as str() writes it. An empty text stays empty: it stands for none.
func pythonList(s string) string {
	if s == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString("['")
	for _, r := range s {
		switch {
		case r == '\'' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x100 && !unicode.IsPrint(r):
			b.WriteString(`\x`)
			b.WriteString(strconv.FormatInt(int64(r)+0x100, 16)[1:])
		default:
			b.WriteRune(r)
		}
	}
	b.WriteString("']")
	return b.String()
}
