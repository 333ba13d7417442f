package wire

import (
	"encoding/json"
	"fmt"

	pb "github.com/trilemma-bench/trilemma/plugins/proto/policyv2"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// EncodeDescription writes what a policy says of itself.
func EncodeDescription(d *policy.Description) *pb.Description {
	m := &pb.Description{
		Name: clean(d.Name), Version: clean(d.Version), Summary: clean(d.Summary), Source: clean(d.Source),
		ParamsSchema: d.ParamsSchema, Preference: clean(string(d.Preference)),
		Stochastic: d.Stochastic, Learns: d.Learns, Saves: d.Saves, Online: d.Online,
		Combines: d.Combines, Sequential: d.Sequential, EachModel: d.EachModel, Untrained: d.Untrained,
	}
	for _, n := range d.Needs {
		m.Needs = append(m.Needs, clean(string(n)))
	}
	return m
}

// DecodeDescription reads a description as it came; whether it makes sense is the host's to check.
func DecodeDescription(m *pb.Description) policy.Description {
	d := policy.Description{
		Name: m.GetName(), Version: m.GetVersion(), Summary: m.GetSummary(), Source: m.GetSource(),
		ParamsSchema: json.RawMessage(m.GetParamsSchema()), Preference: policy.PreferenceUse(m.GetPreference()),
		Stochastic: m.GetStochastic(), Learns: m.GetLearns(), Saves: m.GetSaves(), Online: m.GetOnline(),
		Combines: m.GetCombines(), Sequential: m.GetSequential(), EachModel: m.GetEachModel(), Untrained: m.GetUntrained(),
	}
	for _, n := range m.GetNeeds() {
		d.Needs = append(d.Needs, policy.Need(n))
	}
	return d
}

// EncodeSetup writes what an instance is made from.
func EncodeSetup(s *policy.Setup) *pb.Setup {
	m := &pb.Setup{Params: s.Params, Seed: s.Seed, Backend: clean(s.Backend), Memo: clean(s.Memo)}
	for _, x := range s.Models {
		m.Models = append(m.Models, &pb.Model{
			Id: clean(x.ID), Provider: clean(x.Provider), OpenWeights: x.OpenWeights,
			ParamsTotalBLow: x.ParamsTotalB.Low, ParamsTotalBHigh: x.ParamsTotalB.High,
			ParamsActiveBLow: x.ParamsActiveB.Low, ParamsActiveBHigh: x.ParamsActiveB.High,
			PriceInputUsdPerMtok: x.PriceInputUSDPerMTok, PriceOutputUsdPerMtok: x.PriceOutputUSDPerMTok,
			Hardware: clean(x.Hardware), Region: clean(x.Region),
			TokensPerSec: x.TokensPerSec, TimeToFirstTokenSec: x.TimeToFirstTokenSec,
		})
	}
	return m
}

// DecodeSetup reads what an instance is made from.
func DecodeSetup(m *pb.Setup) (policy.Setup, error) {
	s := policy.Setup{Params: json.RawMessage(m.GetParams()), Seed: m.GetSeed(), Backend: m.GetBackend(), Memo: m.GetMemo()}
	if len(m.GetModels()) == 0 {
		return s, fmt.Errorf("the pool is empty: a policy needs at least one model to route to")
	}
	for _, x := range m.GetModels() {
		s.Models = append(s.Models, policy.Model{
			ID: x.GetId(), Provider: x.GetProvider(), OpenWeights: x.GetOpenWeights(),
			ParamsTotalB:         policy.Range{Low: x.GetParamsTotalBLow(), High: x.GetParamsTotalBHigh()},
			ParamsActiveB:        policy.Range{Low: x.GetParamsActiveBLow(), High: x.GetParamsActiveBHigh()},
			PriceInputUSDPerMTok: x.GetPriceInputUsdPerMtok(), PriceOutputUSDPerMTok: x.GetPriceOutputUsdPerMtok(),
			Hardware: x.GetHardware(), Region: x.GetRegion(),
			TokensPerSec: x.GetTokensPerSec(), TimeToFirstTokenSec: x.GetTimeToFirstTokenSec(),
		})
	}
	return s, nil
}

// EncodeProgress writes a report of a running Fit.
func EncodeProgress(p *policy.Progress) *pb.Progress {
	m := &pb.Progress{Stage: clean(p.Stage), Step: int64(p.Step), Total: int64(p.Total), Snapshot: p.Snapshot, SparedSec: p.SparedSec}
	for _, x := range p.Metrics {
		m.Metrics = append(m.Metrics, &pb.Metric{Name: clean(x.Name), Value: x.Value})
	}
	return m
}

// DecodeProgress reads a report of a running Fit.
func DecodeProgress(m *pb.Progress) policy.Progress {
	p := policy.Progress{Stage: m.GetStage(), Step: int(m.GetStep()), Total: int(m.GetTotal()), Snapshot: m.GetSnapshot(), SparedSec: m.GetSparedSec()}
	for _, x := range m.GetMetrics() {
		p.Metrics = append(p.Metrics, policy.Metric{Name: x.GetName(), Value: x.GetValue()})
	}
	return p
}
