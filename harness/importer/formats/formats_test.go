package formats

import (
	"strings"
	"testing"
)

func TestNamed(t *testing.T) {
	for _, want := range All() {
		got, err := Named(want.Name())
		if err != nil || got.Name() != want.Name() || got.Summary() == "" {
			t.Errorf("%s: %v, %v", want.Name(), got, err)
		}
	}
	if _, err := Named("nothing"); err == nil || !strings.Contains(err.Error(), "imports alpaca-eval") {
		t.Errorf("an unknown format: %v", err)
	}
}
