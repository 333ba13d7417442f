package nn

import (
	"context"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/compute"
)

func TestTryGoBackend(t *testing.T) {
	trial, err := TryBackend(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", trial)
	if trial.MatmulError != 0 || trial.MatmulGFLOPS <= 0 || trial.Loss > 0.3 {
		t.Errorf("%+v", trial)
	}
}

// Every backend that this machine says is ready works.
func TestTryReadyBackends(t *testing.T) {
	for _, s := range compute.List() {
		if !s.Ready {
			t.Logf("%s: %s", s.Name, strings.Join(s.Missing, "; "))
			continue
		}
		if trial, err := TryBackend(context.Background(), s.Name); err != nil {
			t.Errorf("%s is ready and fails: %v", s.Name, err)
		} else {
			t.Logf("%+v", trial)
		}
	}
}
