package bundled

import (
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policytest"
)

func TestConformance(t *testing.T) {
	for _, d := range All() {
		t.Run(d.Description.Name, func(t *testing.T) { policytest.Run(t, d) })
	}
}
