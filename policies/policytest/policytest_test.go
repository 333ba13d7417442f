package policytest_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/trilemma-bench/trilemma/policies/policy"
	"github.com/trilemma-bench/trilemma/policies/policytest"
)

// flawed is a policy that conforms, but for what its fields do.
type flawed struct {
	setup  policy.Setup
	fitted bool
	calls  int
	flaw   string
	// What the flawed ways of observing remember.
	observed int
}

// leaked outlives an instance, which nothing that is observed may.
var leaked int

func (p *flawed) Observe(_ context.Context, f *policy.Feedback) error {
	switch p.flaw {
	case "streams leak":
		leaked++
		p.observed = leaked
	case "trips over nothing":
		_ = f.Figures[policy.Quality][0]
	}
	return nil
}

func (p *flawed) Fit(ctx context.Context, t *policy.Task, report func(policy.Progress)) error {
	report(policy.Progress{Stage: "fit", Step: 1, Total: 1})
	switch p.flaw {
	case "writes the task":
		t.Train.Prompts.Vector[0]++
	case "trips over gaps":
		if slices.Contains(t.Train.Outcomes.Present, false) {
			panic("index out of range")
		}
	case "needs many prompts":
		return errors.New("too few") // an honest refusal elsewhere, a problem in the first checks
	}
	p.fitted = true
	return ctx.Err()
}

func (p *flawed) Route(_ context.Context, b *policy.Batch) (*policy.Decisions, error) {
	if !p.fitted {
		if p.flaw == "panics unfitted" {
			panic("nil map")
		}
		return nil, errors.New("not fitted")
	}
	p.calls++
	d := policy.NewDecisions(b.Rows())
	k := len(p.setup.Models)
	for r := range b.Rows() {
		m := 0
		if b.Prompts.Row(int(b.Prompt[r]))[0] > 0 {
			m = k - 1
		}
		switch p.flaw {
		case "ids":
			m = int(b.Prompts.ID[b.Prompt[r]][0]) % k
		case "live category":
			m = len(b.Prompts.Category[b.Prompt[r]]) % k
		case "streams leak":
			m = p.observed % k
		case "position":
			m = r % k
		case "batch size":
			m = b.Rows() % k
		case "history":
			m = p.calls % k
		case "seed":
			m = int(p.setup.Seed) % k
		case "preference":
			m = int(b.Preference[r]) % k
		case "twice":
			d.Append(policy.Select, []int32{0, 0}, []float32{0.5, 0.5})
			continue
		case "combines":
			d.AppendOne(policy.Combine, 0)
			continue
		case "asks for ever":
			d.AppendOne(policy.Ask, b.Round%k)
			continue
		case "one model":
			m = 1
		case "writes the batch":
			b.Prompts.Vector[0] = 7
		}
		d.AppendOne(policy.Select, m)
	}
	return d, nil
}

func (p *flawed) Save() ([]byte, error) { return json.Marshal(p.fitted) }

func (p *flawed) Load(state []byte) error {
	switch p.flaw {
	case "forgets":
		return nil
	case "trusts states":
		_ = state[0]
	}
	return json.Unmarshal(state, &p.fitted)
}

func definition(flaw string) policy.Definition {
	d := policy.Description{
		Name: "flawed", Version: "1", Summary: "flawed on purpose", Preference: policy.PreferenceIgnored,
		ParamsSchema: json.RawMessage(`{"type":"object","additionalProperties":false,"properties":{"k":{"type":"integer","default":1}}}`),
		Needs:        []policy.Need{policy.NeedVector}, Learns: true, Saves: true,
		Sequential: flaw == "asks for ever", Online: true,
	}
	switch flaw {
	case "live category":
		d.Needs = append(d.Needs, policy.NeedCategory)
	case "untrained":
		d.Untrained = json.RawMessage(`{"steps": 0}`)
	case "name":
		d.Name = "Flawed"
	case "default":
		d.ParamsSchema = json.RawMessage(`{"type":"object","properties":{"k":{"type":"integer"}}}`)
	}
	return policy.Definition{Description: d, New: func(s policy.Setup) (policy.Policy, error) {
		given := map[string]int{}
		if len(s.Params) > 0 {
			if err := json.Unmarshal(s.Params, &given); err != nil {
				return nil, err
			}
		}
		for name := range given {
			if name != "k" && flaw != "accepts anything" {
				return nil, errors.New("unknown parameter " + name)
			}
		}
		return &flawed{setup: s, flaw: flaw}, nil
	}}
}

func TestAConformingPolicyPasses(t *testing.T) { policytest.Run(t, definition("")) }

func TestFlawsAreFound(t *testing.T) {
	for flaw, want := range map[string]string{
		"name": "description", "default": `parameters: parameter "k" has no default`, "accepts anything": "unknown parameter is accepted",
		"position": "the order of rows", "batch size": "batches of", "history": "routed a second time",
		"seed": "under another seed", "preference": "under another preference", "twice": "names model 0 twice",
		"combines": "does not announce", "asks for ever": "asks model 0 twice", "one model": "a pool of one model",
		"writes the task": "Fit changes the task", "writes the batch": "Route changes the batch",
		"trips over gaps": "missing outcomes: fitting: the policy panicked", "panics unfitted": "routing before fitting",
		"ids": "ids mean nothing: with other ids", "live category": "the policy panicked", "untrained": "the parameters of its untrained start",
		"streams leak": "observing: by a second instance", "trips over nothing": "observing: feedback of no rows",
		"forgets": "save and load", "trusts states": "no state: the policy panicked", "needs many prompts": "fitting: too few",
	} {
		t.Run(flaw, func(t *testing.T) {
			problems := policytest.Check(t.Context(), policytest.InProcess(definition(flaw)), policytest.Options{})
			var all []string
			for _, p := range problems {
				all = append(all, p.String())
			}
			if text := strings.Join(all, "\n"); !strings.Contains(text, want) {
				t.Errorf("got %q, want %q in it", text, want)
			}
		})
	}
}

func TestWhatDoesNotStart(t *testing.T) {
	problems := policytest.Check(t.Context(), func(context.Context) (policytest.Subject, error) {
		return nil, errors.New("no such file")
	}, policytest.Options{})
	if len(problems) != 1 || !strings.Contains(problems[0].Detail, "no such file") {
		t.Errorf("got %v, want the one problem", problems)
	}
}

// unstarted is a Subject that must never be called.
type unstarted struct{ policytest.Subject }

func TestANilSubjectIsNotCalled(t *testing.T) {
	problems := policytest.Check(t.Context(), func(context.Context) (policytest.Subject, error) {
		var none *unstarted // as host.Start returns it: in the interface it is not nil
		return none, errors.New("it exits at import")
	}, policytest.Options{})
	if len(problems) != 1 || !strings.Contains(problems[0].Detail, "it exits at import") {
		t.Errorf("got %v, want the one problem", problems)
	}
}

func TestEveryCheckIsTold(t *testing.T) {
	told, failed := 0, 0
	problems := policytest.Check(t.Context(), policytest.InProcess(definition("seed")), policytest.Options{
		Checked: func(_ string, p *policytest.Problem) {
			if told++; p != nil {
				failed++
			}
		},
	})
	if failed == 0 || failed != len(problems) || told < 10 {
		t.Errorf("told of %d checks, %d of them failed; the problems are %v", told, failed, problems)
	}
}
