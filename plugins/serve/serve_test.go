package serve

import (
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

func TestChoose(t *testing.T) {
	made := func(policy.Setup) (policy.Policy, error) { return nil, nil }
	def := func(name string) policy.Definition {
		return policy.Definition{Description: policy.Description{Name: name}, New: made}
	}
	two := []policy.Definition{def("a"), def("b")}
	for _, c := range []struct {
		wanted string
		defs   []policy.Definition
		want   string
	}{
		{"b", two, "b"},
		{"anything", two[:1], "a"}, // one policy has no choice; the host sees that it is called otherwise
		{"c", two, `no policy "c"; it serves ["a" "b"]`},
		{"", two, `no policy ""`},
		{"a", nil, "serves []"},
		{"a", []policy.Definition{{Description: policy.Description{Name: "a"}}}, "has no New"},
	} {
		got, err := choose(c.wanted, c.defs)
		if err == nil && got.Description.Name != c.want || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("choosing %q: got %q, %v; want %q", c.wanted, got.Description.Name, err, c.want)
		}
	}
}
