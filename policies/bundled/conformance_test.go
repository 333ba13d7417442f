package bundled

import (
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policytest"
)

func TestConformance(t *testing.T) {
	for _, d := range All() {
		t.Run(d.Description.Name, func(t *testing.T) {
			var o policytest.Options
			if d.Description.Untrained != nil {
				// The contract does not depend on how long an agent learns.
				o.Params = map[string]any{"steps": 1024, "slots": 16, "horizon": 16, "checks": 2, "hidden": 16, "scorer": 8}
			}
			policytest.RunOpener(t, policytest.InProcess(d), o)
		})
	}
}
