package wire

import (
	"errors"
	"fmt"
	"io"

	pb "github.com/trilemma-bench/trilemma/plugins/proto/policyv2"
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
			part := s.Slice(lo, hi)
			if err := SendMessage(send, &pb.SplitPart{Models: int32(s.Outcomes.Models), Split: encodeTable(hi-lo, part.Columns())}); err != nil {
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

func decodePart(m *pb.SplitPart) (*policy.Split, error) {
	var r decoder
	t := m.GetSplit()
	s := &policy.Split{Prompts: policy.Prompts{Dim: width(t, "vector")}, Outcomes: policy.Outcomes{Models: int(m.GetModels())}}
	if s.Prompts.Dim < 0 || s.Outcomes.Models < 0 {
		return nil, fmt.Errorf("vectors of %d dimensions and outcomes of %d models", s.Prompts.Dim, s.Outcomes.Models)
	}
	r.table("split", t, s.Columns())
	if s.Len() != int(t.GetRows()) {
		r.fail("%d ids for %d prompts", s.Len(), t.GetRows())
	}
	return s, r.err
}

// ReceiveTask receives what [SendTask] sent.
func ReceiveTask(receive func() (*pb.Chunk, error)) (*policy.Task, error) {
	header := new(pb.TaskHeader)
	if err := ReceiveMessage(receive, header); err != nil {
		return nil, fmt.Errorf("receiving the task: %w", unexpected(err))
	}
	var r decoder
	t := &policy.Task{Preferences: r.preferences(header.GetPreferences()), Snapshot: header.GetSnapshot()}
	if r.err != nil {
		return nil, fmt.Errorf("receiving the task: %w", r.err)
	}
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
				err = whole.Append(part)
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
