package moe

import (
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policytest"
)

func TestConformance(t *testing.T) {
	for name, params := range map[string]map[string]any{
		"default":  {"width": 8, "epochs": 3, "members": 2},
		"one":      {"width": 8, "epochs": 2, "members": 1, "k": 1},
		"features": {"width": 8, "epochs": 2, "members": 2, "depth": 2, "norm": "layer", "dropout": 0.1, "experts": "features", "adaptive": false, "k": 3},
	} {
		t.Run(name, func(t *testing.T) {
			policytest.RunOpener(t, policytest.InProcess(Definition()), policytest.Options{Params: params})
		})
	}
}
