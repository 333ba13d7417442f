package ppo

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// A training that goes on from any of its snapshots ends with the same bits as one without a break, and reports the same
// curve.
func TestTrainingResumesExactly(t *testing.T) {
	train, validation := stopping(150, "train"), stopping(60, "validation")
	models := []policy.Model{policy.NewModel("cheap-1"), policy.NewModel("cheap-2"), policy.NewModel("dear")}
	task := policy.Task{Train: train, Validation: validation, Preferences: []policy.Preference{{policy.Cost: 1}, {policy.Cost: 3}}}
	common := `"hidden": 8, "scorer": 4, "slots": 8, "horizon": 9, "steps": 600, "passes": 100, "checks": 4, "temperature": 0.5, "minibatches": 3`
	for name, raw := range map[string]string{
		"one agent":    `{"warm_start": "none", ` + common + `}`,
		"budget, risk": `{"warm_start": "none", "budget_cost_usd": 0.1, "risk_weight": 0.2, ` + common + `}`,
		"one a λ":      `{"warm_start": "none", "conditioned": false, ` + common + `}`,
		"warm":         `{` + common + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			task := task
			if name == "warm" {
				task.Train, task.Validation = stopping(60, "train"), stopping(30, "validation")
			}
			fit := func(snapshot []byte) (state []byte, reports []policy.Progress, snapshots [][]byte) {
				p, err := Definition(warmStarts).New(policy.Setup{Models: models, Params: json.RawMessage(raw), Seed: 5})
				if err != nil {
					t.Fatal(err)
				}
				task := task
				task.Snapshot = snapshot
				err = p.(policy.Learner).Fit(context.Background(), &task, func(g policy.Progress) {
					if g.Stage == "play" {
						reports = append(reports, g)
					}
					if g.Snapshot != nil {
						snapshots = append(snapshots, g.Snapshot)
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				if state, err = p.(policy.Saver).Save(); err != nil {
					t.Fatal(err)
				}
				return state, reports, snapshots
			}
			want, curve, snapshots := fit(nil)
			if len(snapshots) < 3 {
				t.Fatalf("%d snapshots, want one a check", len(snapshots))
			}
			if name == "warm" {
				snapshots = snapshots[len(snapshots)-1:] // what comes before the playing takes the time
			}
			for i, s := range snapshots {
				got, again, _ := fit(s)
				if !bytes.Equal(got, want) {
					t.Errorf("going on from snapshot %d ends with another agent", i)
				}
				if len(again) != len(curve) {
					t.Fatalf("going on from snapshot %d reports %d points, want %d", i, len(again), len(curve))
				}
				for k := range curve {
					if again[k].Step != curve[k].Step || again[k].Metrics[0] != curve[k].Metrics[0] {
						t.Errorf("point %d from snapshot %d is %+v, want %+v", k, i, again[k], curve[k])
					}
				}
			}
			p, err := Definition(warmStarts).New(policy.Setup{Models: models, Params: json.RawMessage(raw), Seed: 5})
			if err != nil {
				t.Fatal(err)
			}
			broken := task
			broken.Snapshot = snapshots[0][:len(snapshots[0])/2]
			if err := p.(policy.Learner).Fit(context.Background(), &broken, nil); err == nil {
				t.Error("half a snapshot was taken")
			}
		})
	}
}
