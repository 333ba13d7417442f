package store

import (
	"encoding/json"
	"testing"
)

func TestADescriptionIsOfItsOwnData(t *testing.T) {
	const text = "A simulated trace of 6,000 prompts"
	for _, c := range []struct {
		sets []string
		want string
	}{
		{nil, text},
		{[]string{"metrics.resamples=200", "plots.formats=[png]", "backend=go", "data.split.seed=3"}, text},
		{[]string{"data.trace=mine"}, "On other data than e.yaml describes, by `data.trace=mine`."},
		{[]string{"data.train=a", "data.test=b", "data.train=a"}, "On other data than e.yaml describes, by `data.train=a`, `data.test=b`."},
		{[]string{"data.synth.prompts=300"}, "On other data than e.yaml describes, by `data.synth.prompts=300`."},
		{[]string{"data={trace: x}"}, "On other data than e.yaml describes, by `data={trace: x}`."},
		{[]string{"policies.knn.params.k=5"}, text + " (Set otherwise in this run: `policies.knn.params.k=5`.)"},
		{[]string{"data.trace=mine", "policies=[knn]"}, "On other data than e.yaml describes, by `data.trace=mine`, `policies=[knn]`."},
		{[]string{"data.trace=mine", "description=" + text}, text},
		{[]string{"database=x"}, text + " (Set otherwise in this run: `database=x`.)"},
	} {
		m := Manifest{File: "e.yaml", Sets: c.sets, Config: json.RawMessage(`{"description":" ` + text + `\n"}`)}
		if got, err := m.About(); err != nil || got != c.want {
			t.Errorf("%v: %q, %v; want %q", c.sets, got, err, c.want)
		}
	}
	if got, err := (&Manifest{Config: json.RawMessage(`{}`), Sets: []string{"policies=[knn]"}}).About(); got != "" || err != nil {
		t.Errorf("nothing described: %q, %v", got, err)
	}
}
