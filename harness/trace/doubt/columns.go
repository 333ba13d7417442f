package doubt

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/harness/trace/file"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

const (
	constantRows = 5  // so many equal counts are no chance
	twinRows     = 10 // so many equal outcomes are none, where tokens are known
	twinScores   = 50 // or scores alone are
)

// constants doubts counts that are the same in all of a model's answers.
func (d *doubts) constants() {
	o := &d.t.Outcomes
	for _, c := range []struct {
		column string
		counts []float32
		fine   float32 // multiple-choice answers of one token each
	}{{"input_tokens", o.InputTokens, -1}, {"output_tokens", o.OutputTokens, 1}} {
		for m := range d.t.Models {
			var r ratios
			same, lengths := true, map[int]bool{}
			d.each(m, func(at int, _, _, x float64) {
				r.add(x, at)
				same = same && x == r.x[0]
				if text := d.t.Prompts.Text; text != nil {
					lengths[len(text[at/len(d.t.Models)])] = true
				}
			}, c.counts)
			if len(r.x) < constantRows || !same || len(lengths) == 1 || r.x[0] == float64(c.fine) {
				continue
			}
			d.flag("one count of "+c.column, c.column, m, &r, trace.FigureText(r.x[0]), "is the count of every answer of "+trace.Clip(d.t.Models[m].ID)+", whatever the prompt: a placeholder?",
				"log what the provider counted, or "+trace.LeaveNull)
		}
	}
}

// twins doubts models that did the same on every prompt.
func (d *doubts) twins() {
	o := &d.t.Outcomes
	m := len(d.t.Models)
	for _, same := range group(m, func(j int) string { return d.behaviour(j) }) {
		for _, j := range same[1:] {
			r := ratios{first: -1}
			for p := range d.t.Prompts.Len() {
				if at := o.At(p, j); o.Present.Has(at) {
					r.add(0, at)
				}
			}
			d.flag("twins", "model_id", j, &r, trace.Clip(d.t.Models[j].ID), "did the same as "+trace.Clip(d.t.Models[same[0]].ID)+" on every prompt: one model under two names?", "keep one of the two")
		}
	}
}

// behaviour is all that a model did, "" where that is too little or too even to tell it from another's.
func (d *doubts) behaviour(j int) string {
	o := &d.t.Outcomes
	var b []byte
	n, tokens, scores := 0, map[float32]bool{}, map[float32]int{}
	for p := range d.t.Prompts.Len() {
		at := o.At(p, j)
		if !o.Present.Has(at) {
			continue
		}
		n++
		scores[o.Logged[policy.Quality][at]]++
		b = binary.LittleEndian.AppendUint32(b, uint32(p))
		for _, x := range []float32{o.Logged[policy.Quality][at], o.InputTokens[at], o.OutputTokens[at]} {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
		}
		if x := o.OutputTokens[at]; x == x {
			tokens[x] = true
		}
	}
	least := n
	for _, k := range scores {
		least = min(least, k)
	}
	if n >= twinRows && len(tokens) > 2 || n >= twinScores && len(tokens) == 0 && len(scores) > 1 && least >= twinRows {
		return string(b)
	}
	return ""
}

// prompts doubts the ids, texts and times of prompts, and what a log says of its own choices.
func (d *doubts) prompts() {
	p := &d.t.Prompts
	for i, id := range p.ID {
		if id != strings.TrimSpace(id) {
			d.prompt("spaces in a prompt id", "prompt_id", i, trace.Clip(id), "begins or ends with white space, which is part of the id", "remove it here and in the outcomes")
		}
	}
	for i, at := range p.ArrivedAt {
		if y := at.Year(); !at.IsZero() && (y < 2000 || y > 2100) {
			d.prompt("time of arrival", "arrived_at", i, at.UTC().Format(time.RFC3339), "is not when prompts arrive: milliseconds taken for another unit?",
				"write a timestamp in the unit that its Parquet type says")
		}
	}
	if p.Text != nil {
		for _, same := range group(len(p.Text), func(i int) string { return strings.TrimSpace(p.Text[i]) }) {
			for _, i := range same[1:] {
				d.prompt("repeated prompt", "prompt", i, trace.Clip(p.Text[i]), "is the text of prompt "+trace.Clip(p.ID[same[0]])+" already, under another id",
					"average repeats into one prompt, or keep them knowing that they stay on one side of the split")
			}
		}
	}
	d.propensities()
}

const sumSlack = 1e-3

func (d *doubts) propensities() {
	o := &d.t.Outcomes
	if o.Propensity == nil {
		return
	}
	sure, known, alone := 0, 0, map[int]bool{}
	first := -1
	for p := range d.t.Prompts.Len() {
		var sum float64
		n, last := 0, 0
		for m := range d.t.Models {
			at := o.At(p, m)
			if x := float64(o.Propensity[at]); o.Present.Has(at) && x == x {
				sum, n, last = sum+x, n+1, m
				known++
				if x == 1 {
					sure++
				}
				if first < 0 {
					first = at
				}
			}
		}
		if n == 1 {
			alone[last] = true
		}
		if n > 1 && sum > 1+sumSlack {
			d.prompt("sum of propensities", "prompt_id", p, trace.Clip(d.t.Prompts.ID[p]), fmt.Sprintf("has propensities that sum to %.3g: they are the probabilities of one choice", sum),
				"log with which probability each model was chosen, at most 1 in all")
		}
	}
	if sure == known && len(alone) > 1 {
		d.outcome("no exploration", "propensity", first, "1", "is the propensity of every outcome, although several models were chosen: the log tells nothing of what it did not choose",
			"log the probability of the choice, or leave it null where the choice was no draw")
		d.list["no exploration"].Count = known
	}
}

// looks maps what columns of other tools are about to ours.
var looks = []struct{ part, ours string }{
	{"cost", "cost_usd"}, {"price", "cost_usd"}, {"latency", "latency_s"}, {"duration", "latency_s"}, {"elapsed", "latency_s"}, {"energy", "energy_wh"},
	{"joule", "energy_wh"}, {"kwh", "energy_wh"}, {"carbon", "carbon_g"}, {"co2", "carbon_g"}, {"emission", "carbon_g"}, {"prompt_tokens", "input_tokens"},
	{"tokens_in", "input_tokens"}, {"input_tok", "input_tokens"}, {"completion_tokens", "output_tokens"}, {"tokens_out", "output_tokens"},
	{"output_tok", "output_tokens"}, {"generated_tokens", "output_tokens"}, {"cached", "cached_input_tokens"}, {"reasoning", "reasoning_tokens"},
	{"thinking_tokens", "reasoning_tokens"}, {"propens", "propensity"}, {"score", "score"}, {"correct", "score"}, {"timestamp", "arrived_at"},
}

// columns doubts columns that nobody reads although their names say that they hold something of a trace's.
func (d *doubts) columns() error {
	if d.t.Dir == "" {
		return nil
	}
	names, err := file.Shards(d.t.Dir)
	if err != nil {
		return err
	}
	have := map[string]bool{}
	type unread struct{ file, column string }
	var others []unread
	for _, name := range append([]string{trace.PromptsFile}, names[:min(1, len(names))]...) {
		all, strange, err := file.Columns(d.t.Dir, name)
		if err != nil {
			return err
		}
		for _, c := range all {
			have[c] = true
		}
		for _, c := range strange {
			others = append(others, unread{name, c})
		}
	}
	for _, o := range others {
		for _, l := range looks {
			if strings.Contains(strings.ToLower(o.column), l.part) && !have[l.ours] {
				_ = d.about("unread column "+o.column, func() trace.Violation {
					return trace.Violation{File: o.file, Row: -1, Column: o.column, Problem: "is not a column of a trace and is left out", Fix: "if it is meant, write it as " + l.ours + ", in the unit of that name"}
				})
				break
			}
		}
	}
	return nil
}
