package wire

import (
	"io"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/trilemma-bench/trilemma/plugins/proto/policyv2"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Whatever bytes arrive, decoding returns; what decodes has columns that fit, so walking over it does not panic.

func seeds(f *testing.F, m proto.Message) {
	data, err := proto.Marshal(m)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:len(data)/2])
	f.Add([]byte{})
}

func samplePrompts() *policy.Prompts {
	return &policy.Prompts{ID: []string{"a", "b"}, Text: []string{"x", "yy"}, Vector: []float32{1, 2, 3, 4}, Dim: 2}
}

func FuzzBatch(f *testing.F) {
	one := []float32{1}
	seeds(f, EncodeBatch(&policy.Batch{Prompts: samplePrompts(), Preferences: []policy.Preference{{}}, Prompt: []int32{1},
		Preference: []int32{0}, Asked: &policy.Asked{Offset: []int32{0, 1}, Model: []int32{0}, Round: []int32{0},
			Missing: []bool{true}, Answer: []string{"A"}, InputTokens: one, OutputTokens: one, Figures: policy.NewMatrix(1, policy.Spent...)}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := new(pb.Batch)
		if proto.Unmarshal(data, m) != nil {
			return
		}
		b, err := DecodeBatch(m)
		if err != nil {
			return
		}
		for r := range b.Rows() {
			_ = b.Prompts.ID[b.Prompt[r]]
			_ = b.Preferences[b.Preference[r]]
			if b.Prompts.Vector != nil {
				_ = b.Prompts.Row(int(b.Prompt[r]))
			}
			if b.Asked != nil {
				for e := b.Asked.Offset[r]; e < b.Asked.Offset[r+1]; e++ {
					_, _, _ = b.Asked.Model[e], b.Asked.Round[e], b.Asked.Missing[e]
				}
			}
		}
	})
}

func FuzzDecisions(f *testing.F) {
	d := policy.NewDecisions(2)
	d.AppendOne(policy.Select, 1)
	d.Append(policy.Combine, []int32{0, 2}, []float32{0.5, 0.5})
	seeds(f, EncodeDecisions(d))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := new(pb.Decisions)
		if proto.Unmarshal(data, m) != nil {
			return
		}
		d, err := DecodeDecisions(m)
		if err != nil || d.Check(len(m.GetUse()), 3) != nil {
			return
		}
		for r := range d.Rows() {
			d.Row(r)
		}
	})
}

func FuzzTask(f *testing.F) {
	var q queue
	split := &policy.Split{Prompts: *samplePrompts(), Outcomes: policy.Outcomes{Models: 2, Present: make([]bool, 4), Figures: policy.NewMatrix(4, policy.Quality)}}
	if err := SendTask(q.send, &policy.Task{Train: split, Preferences: []policy.Preference{{}}}); err != nil {
		f.Fatal(err)
	}
	f.Add(q.chunks[0].GetData(), q.chunks[1].GetData())
	f.Fuzz(func(t *testing.T, header, part []byte) {
		sent := 0
		task, err := ReceiveTask(func() (*pb.Chunk, error) {
			switch sent++; {
			case sent == 1:
				return &pb.Chunk{Data: header, Last: true}, nil
			case sent < 5:
				return &pb.Chunk{Data: part, Last: true}, nil
			}
			return nil, io.EOF
		})
		if err != nil {
			return
		}
		for _, s := range []*policy.Split{task.Train, task.Validation} {
			if s == nil {
				continue
			}
			for i := range s.Len() * s.Outcomes.Models {
				if s.Outcomes.Figures[policy.Quality] != nil {
					_ = s.Outcomes.Figures[policy.Quality][i]
				}
				if s.Outcomes.Present != nil {
					_ = s.Outcomes.Present[i]
				}
			}
		}
	})
}

func FuzzFeedback(f *testing.F) {
	x := []float32{1, 2}
	seeds(f, EncodeFeedback(&policy.Feedback{Prompts: samplePrompts(), Preference: make([]policy.Preference, 2), Model: []int32{0, 1},
		Propensity: x, Figures: policy.NewMatrix(2)}))
	f.Fuzz(func(t *testing.T, data []byte) {
		m := new(pb.Feedback)
		if proto.Unmarshal(data, m) != nil {
			return
		}
		if fb, err := DecodeFeedback(m); err == nil {
			for i := range fb.Prompts.Len() {
				_, _ = fb.Model[i], fb.Preference[i]
			}
		}
	})
}
