package wire

import (
	"fmt"

	pb "github.com/trilemma-bench/trilemma/plugins/proto/policyv1"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

func encodePrompts(p *policy.Prompts) *pb.Prompts {
	ids := p.ID
	if ids == nil {
		ids = []string{} // the column that says how many there are is never absent
	}
	return &pb.Prompts{
		Id: packStrings(ids), Text: packStrings(p.Text), Category: packStrings(p.Category),
		Dim: int32(p.Dim), Vector: packFloats(p.Vector), GridGPerKwh: packFloats(p.GridGPerKWh),
	}
}

func (r *reading) prompts(m *pb.Prompts) policy.Prompts {
	if m.GetId() == nil {
		r.fail("the prompts are missing")
		return policy.Prompts{}
	}
	n, dim := len(m.GetId().GetLength())/4, int(m.GetDim())
	if dim < 0 {
		r.fail("vectors of %d dimensions", dim)
		return policy.Prompts{}
	}
	return policy.Prompts{
		ID:          r.strings("prompt id", m.GetId(), n),
		Text:        r.optionalStrings("prompt text", m.Text, n),
		Category:    r.optionalStrings("category", m.Category, n),
		Vector:      r.optionalFloats("vector", m.Vector, product(n, dim)),
		Dim:         dim,
		GridGPerKWh: r.gridFloats(m.GridGPerKwh, n),
	}
}

// gridFloats are so many whole rows of n prompts; how many models there are the message does not say.
func (r *reading) gridFloats(b []byte, n int) []float32 {
	if b == nil {
		return nil
	}
	if n == 0 && len(b) != 0 || n > 0 && len(b)/4%n != 0 {
		r.fail("column grid_g_per_kwh has %d bytes for %d prompts", len(b), n)
		return nil
	}
	return r.floats("grid_g_per_kwh", b, len(b)/4)
}

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
		m.Asked = &pb.Asked{
			Offset: packInts(a.Offset), Model: packInts(a.Model), Round: packInts(a.Round), Missing: packBits(a.Missing),
			Answer: packStrings(a.Answer), Response: packStrings(a.Response),
			InputTokens: packFloats(a.InputTokens), OutputTokens: packFloats(a.OutputTokens),
			CostUsd: packFloats(a.CostUSD), EnergyWh: packFloats(a.EnergyWh),
			CarbonG: packFloats(a.CarbonG), LatencySec: packFloats(a.LatencySec),
		}
	}
	return m
}

// DecodeBatch reads a batch whose every row points at a prompt and a preference that are there.
func DecodeBatch(m *pb.Batch) (*policy.Batch, error) {
	var r reading
	prompts := r.prompts(m.GetPrompts())
	rows := len(m.GetPrompt()) / 4
	b := &policy.Batch{
		Prompts:     &prompts,
		Preferences: decodePreferences(m.GetPreferences()),
		Prompt:      r.indexes("row's prompt", m.GetPrompt(), rows, prompts.Len()),
		Preference:  r.indexes("row's preference", m.GetPreference(), rows, len(m.GetPreferences())),
		Round:       int(m.GetRound()),
	}
	if a := m.GetAsked(); a != nil {
		n := len(a.GetModel()) / 4
		b.Asked = &policy.Asked{
			Offset: r.offsets("asked offset", a.GetOffset(), rows, n),
			Model:  r.ints("asked model", a.GetModel(), n), Round: r.ints("asked round", a.GetRound(), n),
			Missing: r.bits("asked missing", a.GetMissing(), n),
			Answer:  r.optionalStrings("asked answer", a.Answer, n), Response: r.optionalStrings("asked response", a.Response, n),
			InputTokens:  r.floats("asked input_tokens", a.GetInputTokens(), n),
			OutputTokens: r.floats("asked output_tokens", a.GetOutputTokens(), n),
			CostUSD:      r.floats("asked cost_usd", a.GetCostUsd(), n),
			EnergyWh:     r.floats("asked energy_wh", a.GetEnergyWh(), n),
			CarbonG:      r.floats("asked carbon_g", a.GetCarbonG(), n),
			LatencySec:   r.floats("asked latency_sec", a.GetLatencySec(), n),
		}
	}
	if r.err != nil {
		return nil, fmt.Errorf("decoding a batch: %w", r.err)
	}
	return b, nil
}

// offsets are rows+1 positions that rise from 0 to n.
func (r *reading) offsets(what string, b []byte, rows, n int) []int32 {
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
	var r reading
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
		Prompts: encodePrompts(f.Prompts), Preference: encodePreferences(f.Preference),
		Model: packInts(f.Model), Propensity: packFloats(f.Propensity), Score: packFloats(f.Score),
		CostUsd: packFloats(f.CostUSD), CarbonG: packFloats(f.CarbonG), LatencySec: packFloats(f.LatencySec),
	}
}

// DecodeFeedback reads the outcomes of a policy's own decisions.
func DecodeFeedback(m *pb.Feedback) (*policy.Feedback, error) {
	var r reading
	prompts := r.prompts(m.GetPrompts())
	n := prompts.Len()
	f := &policy.Feedback{
		Prompts: &prompts, Preference: decodePreferences(m.GetPreference()),
		Model:      r.ints("model", m.GetModel(), n),
		Propensity: r.floats("propensity", m.GetPropensity(), n),
		Score:      r.floats("score", m.GetScore(), n),
		CostUSD:    r.floats("cost_usd", m.GetCostUsd(), n),
		CarbonG:    r.floats("carbon_g", m.GetCarbonG(), n),
		LatencySec: r.floats("latency_sec", m.GetLatencySec(), n),
	}
	if len(f.Preference) != n {
		r.fail("%d preferences for %d rows", len(f.Preference), n)
	}
	if r.err != nil {
		return nil, fmt.Errorf("decoding feedback: %w", r.err)
	}
	return f, nil
}
