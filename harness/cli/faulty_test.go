package cli

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"time"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// faultyName is the executable as which the test binary serves [faulty].
const faultyName = "trilemma-policy-faulty"

// faulty is a policy that misbehaves as its parameter says.
type faulty struct{ how string }

func (f *faulty) Route(_ context.Context, b *policy.Batch) (*policy.Decisions, error) {
	d := policy.NewDecisions(b.Rows())
	for range b.Rows() {
		d.AppendOne(policy.Select, 0)
	}
	switch f.how {
	case "crash":
		os.Stderr.WriteString("about to crash\n")
		os.Exit(7)
	case "panic":
		panic("out of cheese")
	case "hang":
		time.Sleep(time.Hour)
	case "nan":
		d.Weight[0] = float32(math.NaN())
	case "unknown":
		d.Model[0] = 99
	case "short":
		return policy.NewDecisions(0), nil
	}
	return d, nil
}

var faultyDefinition = policy.Definition{
	Description: policy.Description{
		Name: "faulty", Version: "1", Summary: "misbehaves", Preference: policy.PreferenceIgnored,
		ParamsSchema: json.RawMessage(`{"type":"object","additionalProperties":false,"properties":{"how":{"type":"string","default":"no","description":"how to misbehave"}}}`),
	},
	New: func(s policy.Setup) (policy.Policy, error) {
		p := struct {
			How string `json:"how"`
		}{}
		if err := json.Unmarshal(s.Params, &p); err != nil {
			return nil, err
		}
		return &faulty{p.How}, nil
	},
}
