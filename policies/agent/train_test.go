package agent

import (
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

func TestTheAgentOfTheNearestPreferenceRoutes(t *testing.T) {
	agents := []trained{
		{Preference: &policy.Preference{}}, {Preference: &policy.Preference{policy.Cost: 10}},
		{Preference: &policy.Preference{policy.Cost: 1000}}, {Preference: &policy.Preference{policy.Carbon: 2}},
	}
	for _, c := range []struct {
		p    policy.Preference
		want int
	}{
		{policy.Preference{}, 0}, {policy.Preference{policy.Cost: 10}, 1}, {policy.Preference{policy.Cost: 14}, 1},
		{policy.Preference{policy.Cost: 900}, 2}, {policy.Preference{policy.Cost: 1e6}, 2}, {policy.Preference{policy.Carbon: 1}, 3},
	} {
		if got := nearest(agents, c.p); got != c.want {
			t.Errorf("%+v goes to agent %d, want %d", c.p, got, c.want)
		}
	}
	if got := nearest([]trained{{}}, policy.Preference{policy.Cost: 5}); got != 0 {
		t.Errorf("the only agent is %d, want 0", got)
	}
}
