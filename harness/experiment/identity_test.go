package experiment

import (
	"strings"
	"testing"
)

// Whatever has no file of its own is refused where it stands.
func TestLabelsHaveFilesOfTheirOwn(t *testing.T) {
	const head = "name: x\ndata: {trace: t}\n"
	for _, c := range []struct{ name, text, want string }{
		{"cleaned", "policies:\n- {name: knn, label: a/b}\n- {name: knn, label: a b, params: {k: 5}}\n",
			`x.yaml:5:4: policies[1]: files of "a b" would be those of "a/b", which policies[0] has: give one of them another label`},
		{"capitals", "policies:\n- {name: knn, label: A}\n- {name: knn, label: a, params: {k: 5}}\n", `policies[1]: files of "a" would be those of "A"`},
		{"written and made", "policies:\n- {name: knn, grid: {k: [5, 6]}}\n- {name: knn, label: knn-k-5, params: {k: 7}}\n", `files of "knn-k-5" would be those of "knn(k=5)"`},
		{"with an encoder", "encoder: [hash, minilm]\npolicies:\n- {name: knn, params: {k: 5}}\n- {name: knn, label: other, params: {k: 7}}\n", ""},
		{"made with an encoder", "encoder: [hash, minilm]\npolicies:\n- {name: knn, label: a-minilm}\n- {name: knn, label: a, params: {k: 7}}\n- {name: random, label: a-hash}\n", `files of "a-hash" would be those of "a@hash"`},
		{"label and pool", "pools: [{name: c}, {name: b-c}]\npolicies:\n- {name: knn, label: a}\n- {name: knn, label: a-b, params: {k: 5}}\n",
			`files of "a" in pool b-c would be those of "a-b" in pool c`},
		{"the single models", "policies:\n- single\n- {name: knn, label: knn}\n", ""},
		{"signs", "policies:\n- {name: knn, grid: {k: [5, 50]}}\n", ""},
		{"made too long", "policies:\n- {name: knn, label: " + strings.Repeat("l", 75) + ", grid: {k: [5, 50]}}\n", "characters, want at most 80"},
	} {
		s, _ := parse(t, head+c.text)
		_, err := Expand(s, facts())
		if (c.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
}
