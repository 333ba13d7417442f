package wire

import (
	"fmt"

	pb "github.com/trilemma-bench/trilemma/plugins/proto/policyv2"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// EncodeBatch writes a batch.
func EncodeBatch(b *policy.Batch) *pb.Batch {
	m := &pb.Batch{
		Prompts:     encodePrompts(b.Prompts),
		Preferences: encodePreferences(b.Preferences),
		Prompt:      packInts(b.Prompt),
		Preference:  packInts(b.Preference),
		Round:       int32(b.Round),
	}
	if a := b.Asked; a != nil {
		m.Asked, m.AskedOffset = encodeTable(len(a.Model), a.Columns()), packInts(a.Offset)
	}
	return m
}

// DecodeBatch reads a batch whose every row points at a prompt and a preference that are there.
func DecodeBatch(m *pb.Batch) (*policy.Batch, error) {
	var r decoder
	prompts := r.prompts(m.GetPrompts())
	rows := len(m.GetPrompt()) / 4
	b := &policy.Batch{
		Prompts:     &prompts,
		Preferences: r.preferences(m.GetPreferences()),
		Prompt:      r.indexes("row's prompt", m.GetPrompt(), rows, prompts.Len()),
		Preference:  r.indexes("row's preference", m.GetPreference(), rows, int(m.GetPreferences().GetRows())),
		Round:       int(m.GetRound()),
	}
	if t := m.GetAsked(); t != nil {
		b.Asked = new(policy.Asked)
		r.table("asked", t, b.Asked.Columns())
		b.Asked.Offset = r.offsets("asked offset", m.GetAskedOffset(), rows, int(t.GetRows()))
		if a := b.Asked; r.err == nil && (len(a.Model) != int(t.GetRows()) || len(a.Round) != len(a.Model) || len(a.Missing) != len(a.Model)) {
			r.fail("revealed outcomes lack their model, round or whether they are missing")
		}
	}
	if r.err != nil {
		return nil, fmt.Errorf("decoding a batch: %w", r.err)
	}
	return b, nil
}

// offsets are rows+1 positions that rise from 0 to n.
func (r *decoder) offsets(what string, b []byte, rows, n int) []int32 {
	x := r.ints(what, b, rows+1)
	if r.err != nil {
		return nil
	}
	for i := 1; i < len(x); i++ {
		if x[i] < x[i-1] {
			r.fail("column %s falls from %d to %d at row %d", what, x[i-1], x[i], i)
			return nil
		}
	}
	if x[0] != 0 || int(x[rows]) != n {
		r.fail("column %s runs from %d to %d, want 0 to %d", what, x[0], x[rows], n)
		return nil
	}
	return x
}

// EncodeDecisions writes decisions as they are, well-formed or not.
func EncodeDecisions(d *policy.Decisions) *pb.Decisions {
	m := &pb.Decisions{
		Use: make([]byte, len(d.Use)), Offset: packInts(d.Offset), Model: packInts(d.Model), Weight: packFloats(d.Weight),
	}
	for i, u := range d.Use {
		m.Use[i] = byte(u)
	}
	return m
}

// DecodeDecisions reads decisions whose blocks hold whole numbers; [policy.Decisions.Check] tells whether they make
// sense.
func DecodeDecisions(m *pb.Decisions) (*policy.Decisions, error) {
	var r decoder
	d := &policy.Decisions{
		Use:    make([]policy.Use, len(m.GetUse())),
		Offset: r.ints("offset", m.GetOffset(), len(m.GetOffset())/4),
		Model:  r.ints("model", m.GetModel(), len(m.GetModel())/4),
		Weight: r.floats("weight", m.GetWeight(), len(m.GetWeight())/4),
	}
	for i, u := range m.GetUse() {
		d.Use[i] = policy.Use(u)
	}
	if r.err != nil {
		return nil, fmt.Errorf("decoding decisions: %w", r.err)
	}
	return d, nil
}

// EncodeFeedback writes the outcomes of a policy's own decisions.
func EncodeFeedback(f *policy.Feedback) *pb.Feedback {
	return &pb.Feedback{
		Prompts: encodePrompts(f.Prompts), Preference: encodePreferences(f.Preference), Outcome: encodeTable(f.Prompts.Len(), f.Columns()),
	}
}

// DecodeFeedback reads the outcomes of a policy's own decisions.
func DecodeFeedback(m *pb.Feedback) (*policy.Feedback, error) {
	var r decoder
	prompts := r.prompts(m.GetPrompts())
	f := &policy.Feedback{Prompts: &prompts, Preference: r.preferences(m.GetPreference())}
	r.table("feedback", m.GetOutcome(), f.Columns())
	if n := prompts.Len(); int(m.GetOutcome().GetRows()) != n || len(f.Preference) != n || len(f.Model) != n {
		r.fail("%d preferences and outcomes of %d decisions for %d prompts", len(f.Preference), len(f.Model), n)
	}
	if r.err != nil {
		return nil, fmt.Errorf("decoding feedback: %w", r.err)
	}
	return f, nil
}
