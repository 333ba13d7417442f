package wire

import (
	"errors"
	"fmt"
	"io"

	pb "github.com/trilemma-bench/trilemma/plugins/proto/policyv1"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// partBytes is about how large a part of a split is made: one or two chunks.
const partBytes = 1 << 20

// SendTask sends a task: a header, then the splits as parts, each of about a megabyte, so that neither end ever holds a
// second copy of a split.
func SendTask(send func(*pb.Chunk) error, t *policy.Task) error {
	cuts := [2][]int{partition(t.Train), partition(t.Validation)}
	header := &pb.TaskHeader{
		Preferences: encodePreferences(t.Preferences),
		Train:       splitSize(t.Train, cuts[0]),
		Validation:  splitSize(t.Validation, cuts[1]),
		Snapshot:    t.Snapshot,
	}
	if err := SendMessage(send, header); err != nil {
		return fmt.Errorf("sending the task: %w", err)
	}
	for k, s := range []*policy.Split{t.Train, t.Validation} {
		lo := 0
		for _, hi := range cuts[k] {
			if err := SendMessage(send, encodePart(s, lo, hi)); err != nil {
				return fmt.Errorf("sending %s prompts %d to %d: %w", splitName[k], lo, hi, err)
			}
			lo = hi
		}
	}
	return nil
}

var splitName = [2]string{"train", "validation"}

func splitSize(s *policy.Split, cuts []int) *pb.SplitSize {
	if s == nil {
		return nil
	}
	return &pb.SplitSize{Rows: int64(s.Len()), Parts: int32(len(cuts))}
}

// partition lists the row after each part's last. An absent split has no part, an empty one has one, which says which
// columns there are.
func partition(s *policy.Split) []int {
	if s == nil {
		return nil
	}
	n, o := s.Len(), &s.Outcomes
	fixed := 4*s.Prompts.Dim + 37*o.Models
	var cuts []int
	size := 0
	for i := range n {
		size += fixed + at(s.Prompts.ID, i) + at(s.Prompts.Text, i) + at(s.Prompts.Category, i) + at(s.Reference, i)
		for m := i * o.Models; m < (i+1)*o.Models; m++ {
			size += at(o.Answer, m) + at(o.Response, m)
		}
		if size >= partBytes && i+1 < n {
			cuts = append(cuts, i+1)
			size = 0
		}
	}
	return append(cuts, n)
}

// at is the size of a text in a column, 0 where there is no such column.
func at(column []string, i int) int {
	if column == nil {
		return 0
	}
	return len(column[i]) + 4
}

// gridWidth is the number of models of the column of grids.
func gridWidth(p *policy.Prompts) int {
	if p.Len() == 0 {
		return 0
	}
	return len(p.GridGPerKWh) / p.Len()
}

// cut is column[lo*width : hi*width], nil where there is no such column.
func cut[T any](column []T, lo, hi, width int) []T {
	if column == nil {
		return nil
	}
	return column[lo*width : hi*width]
}

func encodePart(s *policy.Split, lo, hi int) *pb.SplitPart {
	p, o, k := &s.Prompts, &s.Outcomes, s.Outcomes.Models
	return &pb.SplitPart{
		Prompts: encodePrompts(&policy.Prompts{
			ID: cut(p.ID, lo, hi, 1), Text: cut(p.Text, lo, hi, 1), Category: cut(p.Category, lo, hi, 1),
			Vector: cut(p.Vector, lo, hi, p.Dim), Dim: p.Dim,
			GridGPerKWh: cut(p.GridGPerKWh, lo, hi, gridWidth(p)),
		}),
		Reference: packStrings(cut(s.Reference, lo, hi, 1)),
		Outcomes: &pb.Outcomes{
			Models:       int32(k),
			Present:      packBits(cut(o.Present, lo, hi, k)),
			Score:        packFloats(cut(o.Score, lo, hi, k)),
			CostUsd:      packFloats(cut(o.CostUSD, lo, hi, k)),
			EnergyWh:     packFloats(cut(o.EnergyWh, lo, hi, k)),
			CarbonG:      packFloats(cut(o.CarbonG, lo, hi, k)),
			LatencySec:   packFloats(cut(o.LatencySec, lo, hi, k)),
			InputTokens:  packFloats(cut(o.InputTokens, lo, hi, k)),
			OutputTokens: packFloats(cut(o.OutputTokens, lo, hi, k)),
			Propensity:   packFloats(cut(o.Propensity, lo, hi, k)),
			Answer:       packStrings(cut(o.Answer, lo, hi, k)),
			Response:     packStrings(cut(o.Response, lo, hi, k)),
		},
	}
}

func decodePart(m *pb.SplitPart) (*policy.Split, error) {
	var r reading
	s := &policy.Split{Prompts: r.prompts(m.GetPrompts())}
	n, o := s.Prompts.Len(), m.GetOutcomes()
	if o == nil {
		return nil, errors.New("the outcomes are missing")
	}
	k := int(o.GetModels())
	if k < 0 {
		return nil, fmt.Errorf("outcomes of %d models", k)
	}
	all := product(n, k)
	s.Reference = r.optionalStrings("reference", m.Reference, n)
	s.Outcomes = policy.Outcomes{
		Models:       k,
		Score:        r.optionalFloats("score", o.Score, all),
		CostUSD:      r.optionalFloats("cost_usd", o.CostUsd, all),
		EnergyWh:     r.optionalFloats("energy_wh", o.EnergyWh, all),
		CarbonG:      r.optionalFloats("carbon_g", o.CarbonG, all),
		LatencySec:   r.optionalFloats("latency_sec", o.LatencySec, all),
		InputTokens:  r.optionalFloats("input_tokens", o.InputTokens, all),
		OutputTokens: r.optionalFloats("output_tokens", o.OutputTokens, all),
		Propensity:   r.optionalFloats("propensity", o.Propensity, all),
		Answer:       r.optionalStrings("answer", o.Answer, all),
		Response:     r.optionalStrings("response", o.Response, all),
	}
	if o.Present != nil {
		s.Outcomes.Present = r.bits("present", o.Present, all)
	}
	return s, r.err
}

// ReceiveTask receives what [SendTask] sent.
func ReceiveTask(receive func() (*pb.Chunk, error)) (*policy.Task, error) {
	header := new(pb.TaskHeader)
	if err := ReceiveMessage(receive, header); err != nil {
		return nil, fmt.Errorf("receiving the task: %w", unexpected(err))
	}
	t := &policy.Task{Preferences: decodePreferences(header.GetPreferences()), Snapshot: header.GetSnapshot()}
	for k, size := range []*pb.SplitSize{header.GetTrain(), header.GetValidation()} {
		if size == nil {
			continue
		}
		s, err := receiveSplit(receive, size)
		if err != nil {
			return nil, fmt.Errorf("receiving the %s split: %w", splitName[k], err)
		}
		if k == 0 {
			t.Train = s
		} else {
			t.Validation = s
		}
	}
	return t, nil
}

func receiveSplit(receive func() (*pb.Chunk, error), size *pb.SplitSize) (*policy.Split, error) {
	if size.GetParts() < 1 {
		return nil, fmt.Errorf("%d parts, want at least one", size.GetParts())
	}
	var whole *policy.Split
	for i := range size.GetParts() {
		m := new(pb.SplitPart)
		if err := ReceiveMessage(receive, m); err != nil {
			return nil, fmt.Errorf("part %d of %d: %w", i+1, size.GetParts(), unexpected(err))
		}
		part, err := decodePart(m)
		if err == nil {
			if whole == nil {
				whole = part
			} else {
				err = join(whole, part)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("part %d of %d: %w", i+1, size.GetParts(), err)
		}
	}
	if int64(whole.Len()) != size.GetRows() {
		return nil, fmt.Errorf("%d rows arrived, %d were announced", whole.Len(), size.GetRows())
	}
	return whole, nil
}

// unexpected: a task that was announced must come whole.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// join appends the rows of part to whole. Both must have the same columns.
func join(whole, part *policy.Split) error {
	p, q := &whole.Prompts, &part.Prompts
	o, u := &whole.Outcomes, &part.Outcomes
	if p.Dim != q.Dim || o.Models != u.Models {
		return fmt.Errorf("vectors of %d dimensions and %d models follow %d and %d", q.Dim, u.Models, p.Dim, o.Models)
	}
	return errors.Join(
		extend("prompt id", &p.ID, q.ID), extend("prompt text", &p.Text, q.Text),
		extend("category", &p.Category, q.Category), extend("vector", &p.Vector, q.Vector),
		extend("grid_g_per_kwh", &p.GridGPerKWh, q.GridGPerKWh),
		extend("reference", &whole.Reference, part.Reference),
		extend("present", &o.Present, u.Present), extend("score", &o.Score, u.Score),
		extend("cost_usd", &o.CostUSD, u.CostUSD), extend("energy_wh", &o.EnergyWh, u.EnergyWh),
		extend("carbon_g", &o.CarbonG, u.CarbonG), extend("latency_sec", &o.LatencySec, u.LatencySec),
		extend("input_tokens", &o.InputTokens, u.InputTokens), extend("output_tokens", &o.OutputTokens, u.OutputTokens),
		extend("propensity", &o.Propensity, u.Propensity),
		extend("answer", &o.Answer, u.Answer), extend("response", &o.Response, u.Response),
	)
}

func extend[T any](what string, column *[]T, more []T) error {
	if (*column == nil) != (more == nil) {
		return fmt.Errorf("column %s is in some parts only", what)
	}
	*column = append(*column, more...)
	return nil
}
