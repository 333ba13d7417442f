package agent

import (
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

func TestTheAgentOfTheNearestPreferenceRoutes(t *testing.T) {
	agents := []trained{
		{Preference: &policy.Preference{}}, {Preference: &policy.Preference{LambdaCost: 10}},
		{Preference: &policy.Preference{LambdaCost: 1000}}, {Preference: &policy.Preference{LambdaCarbon: 2}},
	}
	for _, c := range []struct {
		p    policy.Preference
		want int
	}{
		{policy.Preference{}, 0}, {policy.Preference{LambdaCost: 10}, 1}, {policy.Preference{LambdaCost: 14}, 1},
		{policy.Preference{LambdaCost: 900}, 2}, {policy.Preference{LambdaCost: 1e6}, 2}, {policy.Preference{LambdaCarbon: 1}, 3},
	} {
		if got := nearest(agents, c.p); got != c.want {
			t.Errorf("%+v goes to agent %d, want %d", c.p, got, c.want)
		}
	}
	if got := nearest([]trained{{}}, policy.Preference{LambdaCost: 5}); got != 0 {
		t.Errorf("the only agent is %d, want 0", got)
	}
}
