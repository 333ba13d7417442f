package policytest

import (
	"bytes"
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// check is one thing that every policy must do.
type check struct {
	name string
	when func(*policy.Description) bool // nil: always
	run  func(*suite) error
}

var checks = []check{
	{"description", nil, description},
	{"parameters", nil, parameters},
	{"decisions are well-formed and repeatable", nil, repeatable},
	{"batches of any size decide alike", nil, batches},
	{"the order of rows does not matter", nil, order},
	{"what it is given is not changed", nil, untouched},
	{"the seed", func(d *policy.Description) bool { return !d.Stochastic }, seedIgnored},
	{"ids mean nothing", func(d *policy.Description) bool { return !d.Stochastic }, idsIgnored},
	{"the preference", func(d *policy.Description) bool { return d.Preference == policy.PreferenceIgnored }, preferenceIgnored},
	{"a pool of one model", nil, oneModel},
	{"missing outcomes", nil, missingOutcomes},
	{"a model that never answered", nil, silentModel},
	{"one training prompt", func(d *policy.Description) bool { return d.Learns }, onePrompt},
	{"routing before fitting", func(d *policy.Description) bool { return d.Learns }, unfitted},
	{"save and load", func(d *policy.Description) bool { return d.Saves }, saveLoad},
	{"load of what is no state", func(d *policy.Description) bool { return d.Saves }, badState},
	{"cancelling a fit", func(d *policy.Description) bool { return d.Learns }, cancelled},
	{"observing", func(d *policy.Description) bool { return d.Online }, observing},
}

var nameForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func description(s *suite) error {
	d := &s.about
	var wrong []error
	if !nameForm.MatchString(d.Name) {
		wrong = append(wrong, fmt.Errorf("name %q is not lower-case words joined by hyphens", d.Name))
	}
	if d.Version == "" {
		wrong = append(wrong, errors.New("it has no version"))
	}
	if d.Summary == "" || strings.Contains(d.Summary, "\n") {
		wrong = append(wrong, fmt.Errorf("summary %q is not one line", d.Summary))
	}
	if !slices.Contains([]policy.PreferenceUse{policy.PreferenceInput, policy.PreferenceFixed, policy.PreferenceIgnored}, d.Preference) {
		wrong = append(wrong, fmt.Errorf("preference %q is none of input, fixed, ignored", d.Preference))
	}
	for _, n := range d.Needs {
		if !slices.Contains(policy.Needs, n) {
			wrong = append(wrong, fmt.Errorf("need %q is none of %q", n, policy.Needs))
		}
	}
	return errors.Join(wrong...)
}

// parameters: the defaults that it announces are accepted, and a name that it does not announce is refused.
func parameters(s *suite) error {
	var schema struct {
		Type       string
		Properties map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(s.about.ParamsSchema, &schema); err != nil {
		return fmt.Errorf("the schema of its parameters is not JSON: %.200s: %w", s.about.ParamsSchema, err)
	}
	if schema.Type != "object" {
		return fmt.Errorf("the schema of its parameters is not that of an object: %.200s", s.about.ParamsSchema)
	}
	w := newWorld(poolModels, 0, -1)
	setup := s.setup(w)
	if !s.about.EachModel {
		defaults := map[string]json.RawMessage{}
		for name, property := range schema.Properties {
			value, ok := property["default"]
			if !ok {
				return fmt.Errorf("parameter %q has no default", name)
			}
			defaults[name] = value
		}
		raw, err := json.Marshal(defaults)
		if err != nil {
			return err
		}
		setup.Params = raw
		if err := s.subject.Configure(s.ctx, setup); err != nil {
			return fmt.Errorf("its own defaults %s are refused: %w", raw, err)
		}
		if len(s.about.Untrained) > 0 {
			setup.Params = s.about.Untrained
			if err := s.subject.Configure(s.ctx, setup); err != nil {
				return fmt.Errorf("the parameters of its untrained start %s are refused: %w", setup.Params, err)
			}
		}
		setup.Params = nil
		if err := s.subject.Configure(s.ctx, setup); err != nil {
			return fmt.Errorf("no parameters at all are refused, and should mean the defaults: %w", err)
		}
	}
	setup = s.setup(w)
	if err := s.subject.Configure(s.ctx, setup); err != nil {
		return fmt.Errorf("parameters %s are refused: %w", setup.Params, err)
	}
	setup.Params = json.RawMessage(`{"no-such-parameter": 1}`)
	err := s.subject.Configure(s.ctx, setup)
	if err == nil {
		return errors.New(`an unknown parameter is accepted: a typing error would silently do nothing`)
	}
	return broke(err)
}

// fitted prepares the suite's subject in a world of full feedback, and routes every row in one call.
func (s *suite) fitted() (*world, decided, error) {
	w := newWorld(poolModels, 0, -1)
	if err := s.prepare(s.subject, w, s.setup(w)); err != nil {
		return nil, nil, err
	}
	d, err := s.routed(s.subject, w, s.everyRow(), 1<<20)
	return w, d, err
}

func repeatable(s *suite) error {
	w, want, err := s.fitted()
	if err != nil {
		return err
	}
	got, err := s.routed(s.subject, w, s.everyRow(), 1<<20)
	if err != nil {
		return err
	}
	if err := same(w, want, got, "routed a second time"); err != nil {
		return err
	}
	other, err := s.open(s.ctx)
	if err != nil {
		return err
	}
	defer s.finish(other)
	if err := s.prepare(other, w, s.setup(w)); err != nil {
		return fmt.Errorf("a second instance: %w", err)
	}
	if got, err = s.routed(other, w, s.everyRow(), 1<<20); err != nil {
		return fmt.Errorf("a second instance: %w", err)
	}
	return same(w, want, got, "by a second instance made and fitted alike")
}

func batches(s *suite) error {
	w, want, err := s.fitted()
	if err != nil {
		return err
	}
	for _, n := range []int{7, 1} {
		got, err := s.routed(s.subject, w, s.everyRow(), n)
		if err != nil {
			return fmt.Errorf("in batches of %d rows: %w", n, err)
		}
		if err := same(w, want, got, fmt.Sprintf("in batches of %d rows", n)); err != nil {
			return err
		}
	}
	d, err := s.subject.Route(s.ctx, s.batch(w, nil, 0, nil))
	if err != nil {
		return fmt.Errorf("a batch of no rows: %w", err)
	}
	return s.wellFormed(d, 0, len(w.models))
}

func order(s *suite) error {
	w, want, err := s.fitted()
	if err != nil {
		return err
	}
	rows := s.everyRow()
	policy.Stream(seed, "policytest", "order").Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	got, err := s.routed(s.subject, w, rows, 50)
	if err != nil {
		return err
	}
	return same(w, want, got, "in another order")
}

// untouched matters within the process, where a policy is given views of columns that others read too.
func untouched(s *suite) error {
	w := newWorld(poolModels, 0.2, -1)
	task := w.task(&s.about)
	before := bytesOf(task)
	if err := s.subject.Configure(s.ctx, s.setup(w)); err != nil {
		return err
	}
	if s.about.Learns {
		if err := s.subject.Fit(s.ctx, task, func(policy.Progress) {}); err != nil {
			return err
		}
		if !bytes.Equal(before, bytesOf(task)) {
			return errors.New("Fit changes the task that it is given")
		}
	}
	b := s.batch(w, s.everyRow(), 0, nil)
	before = bytesOf(b)
	if _, err := s.subject.Route(s.ctx, b); err != nil {
		return err
	}
	if !bytes.Equal(before, bytesOf(b)) {
		return errors.New("Route changes the batch that it is given")
	}
	return nil
}

func bytesOf(x any) []byte {
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(x); err != nil {
		panic(fmt.Sprintf("policytest: %v", err)) // the contract's types are all plain
	}
	return b.Bytes()
}

func seedIgnored(s *suite) error {
	w, want, err := s.fitted()
	if err != nil {
		return err
	}
	setup := s.setup(w)
	setup.Seed++
	if err := s.prepare(s.subject, w, setup); err != nil {
		return err
	}
	got, err := s.routed(s.subject, w, s.everyRow(), 1<<20)
	if err != nil {
		return err
	}
	return same(w, want, got, "under another seed, though the description does not say stochastic")
}

func preferenceIgnored(s *suite) error {
	w, d, err := s.fitted()
	if err != nil {
		return err
	}
	first, others := decided{}, decided{}
	for at := range d {
		first[at], others[at] = d[row{at.prompt, 0}], d[at]
	}
	return same(w, first, others, "under another preference, though the description says that it is ignored")
}

// decides tells whether the policy learns from a world and decides every row.
func (s *suite) decides(w *world) error {
	if err := s.prepare(s.subject, w, s.setup(w)); err != nil {
		return err
	}
	_, err := s.routed(s.subject, w, s.everyRow(), 1<<20)
	return err
}

func oneModel(s *suite) error { return s.decides(newWorld(1, 0, -1)) }

func missingOutcomes(s *suite) error { return s.decides(newWorld(poolModels, 0.3, -1)) }

// silentModel: a policy may refuse what it cannot learn from, with an error; it may not break.
func silentModel(s *suite) error { return broke(s.decides(newWorld(poolModels, 0, 2))) }

func onePrompt(s *suite) error {
	w := newWorld(poolModels, 0, -1)
	w.train, w.valid = firstRows(w.train, 1), firstRows(w.valid, 1)
	return broke(s.decides(w))
}

// broke keeps an error that is a breakdown, and forgets one that is the policy's own considered refusal.
func broke(err error) error {
	if err == nil {
		return nil
	}
	for _, sign := range []string{"panicked", "invalid answer", "crash: ", "timeout: "} {
		if strings.Contains(err.Error(), sign) {
			return err
		}
	}
	return nil
}

func unfitted(s *suite) error {
	w := newWorld(poolModels, 0, -1)
	if err := s.subject.Configure(s.ctx, s.setup(w)); err != nil {
		return err
	}
	_, err := s.routed(s.subject, w, s.everyRow(), 1<<20)
	return broke(err)
}

func saveLoad(s *suite) error {
	w, want, err := s.fitted()
	if err != nil {
		return err
	}
	state, err := s.subject.Save(s.ctx)
	if err != nil {
		return fmt.Errorf("saving: %w", err)
	}
	other, err := s.open(s.ctx)
	if err != nil {
		return err
	}
	defer s.finish(other)
	if err := other.Configure(s.ctx, s.setup(w)); err != nil {
		return err
	}
	if err := other.Load(s.ctx, state); err != nil {
		return fmt.Errorf("loading what it saved: %w", err)
	}
	got, err := s.routed(other, w, s.everyRow(), 1<<20)
	if err != nil {
		return fmt.Errorf("after loading: %w", err)
	}
	return same(w, want, got, "after saving and loading")
}

func badState(s *suite) error {
	w, _, err := s.fitted()
	if err != nil {
		return err
	}
	state, err := s.subject.Save(s.ctx)
	if err != nil {
		return err
	}
	for _, bad := range [][]byte{nil, []byte("no state"), state[:len(state)/2]} {
		if err := s.subject.Configure(s.ctx, s.setup(w)); err != nil {
			return err
		}
		if err := broke(s.subject.Load(s.ctx, bad)); err != nil {
			return fmt.Errorf("loading %d bytes that are no state: %w", len(bad), err)
		}
	}
	return nil
}

// patience is how long a cancelled fit may go on.
const patience = 10 * time.Second

func cancelled(s *suite) error {
	w := newWorld(poolModels, 0, -1)
	if err := s.subject.Configure(s.ctx, s.setup(w)); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	done := make(chan error, 1)
	go func() { done <- s.subject.Fit(ctx, w.task(&s.about), func(policy.Progress) {}) }()
	select {
	case err := <-done:
		if err := broke(err); err != nil {
			return err
		}
	case <-time.After(patience):
		return fmt.Errorf("Fit goes on for %v after it was cancelled", patience)
	}
	return s.decides(w) // configured afresh it works as ever
}

// idsIgnored: ids are opaque and differ between runs. Only a policy that draws may look at them, to name its streams.
func idsIgnored(s *suite) error {
	_, want, err := s.fitted()
	if err != nil {
		return err
	}
	w := newWorld(poolModels, 0, -1)
	w.rename()
	if err := s.prepare(s.subject, w, s.setup(w)); err != nil {
		return err
	}
	got, err := s.routed(s.subject, w, s.everyRow(), 1<<20)
	if err != nil {
		return err
	}
	return same(w, want, got, "with other ids of the prompts")
}

// observing shows the policy outcomes of its own decisions: it goes on deciding, another instance that is shown the same
// decides alike, and a stream that begins anew knows nothing of the last one.
func observing(s *suite) error {
	w, want, err := s.fitted()
	if err != nil {
		return err
	}
	var state []byte
	if s.about.Saves {
		if state, err = s.subject.Save(s.ctx); err != nil {
			return fmt.Errorf("saving: %w", err)
		}
	}
	seen, err := s.stream(s.subject, w)
	if err != nil {
		return err
	}
	other, err := s.open(s.ctx)
	if err != nil {
		return err
	}
	defer s.finish(other)
	if err := s.prepare(other, w, s.setup(w)); err != nil {
		return fmt.Errorf("a second instance: %w", err)
	}
	again, err := s.stream(other, w)
	if err != nil {
		return fmt.Errorf("a second instance: %w", err)
	}
	if err := same(w, seen, again, "by a second instance that was shown the same outcomes"); err != nil {
		return err
	}
	if !s.about.Saves {
		return nil
	}
	if err := s.subject.Configure(s.ctx, s.setup(w)); err != nil {
		return err
	}
	if err := s.subject.Load(s.ctx, state); err != nil {
		return fmt.Errorf("loading what it saved before it observed: %w", err)
	}
	got, err := s.routed(s.subject, w, s.everyRow(), 1<<20)
	if err != nil {
		return err
	}
	return same(w, want, got, "after it observed and was put back into the state that Fit left")
}

// streamBatch is how many prompts a stream routes between two looks at what came of them.
const streamBatch = 8

// stream routes the test prompts batch by batch, shows what each batch came to, and tells how every row is decided then.
func (s *suite) stream(to Subject, w *world) (decided, error) {
	rows := s.everyRow()[:testRows]
	o := &w.test.Outcomes
	for lo := 0; lo < len(rows); lo += streamBatch {
		part := rows[lo:min(lo+streamBatch, len(rows))]
		b := s.batch(w, part, 0, nil)
		d, err := to.Route(s.ctx, b)
		if err != nil {
			return nil, err
		}
		if err := s.wellFormed(d, len(part), len(w.models)); err != nil {
			return nil, err
		}
		f := &policy.Feedback{Prompts: b.Prompts}
		for r := range part {
			_, models, weights := d.Row(r)
			at := part[r].prompt*poolModels + int(models[0])
			f.Preference = append(f.Preference, b.Preferences[b.Preference[r]])
			f.Model, f.Propensity = append(f.Model, models[0]), append(f.Propensity, weights[0])
			f.Figures[policy.Quality], f.Figures[policy.Cost] = append(f.Figures[policy.Quality], o.Figures[policy.Quality][at]), append(f.Figures[policy.Cost], o.Figures[policy.Cost][at])
			f.Figures[policy.Carbon], f.Figures[policy.Latency] = append(f.Figures[policy.Carbon], o.Figures[policy.Carbon][at]), append(f.Figures[policy.Latency], o.Figures[policy.Latency][at])
		}
		if err := to.Observe(s.ctx, f); err != nil {
			return nil, err
		}
	}
	none := given(&s.about, *w.test.Prompts.Gather(nil), policy.NeedLiveCategory)
	if err := to.Observe(s.ctx, &policy.Feedback{Prompts: &none}); err != nil {
		return nil, fmt.Errorf("feedback of no rows: %w", err)
	}
	return s.routed(to, w, s.everyRow(), 1<<20)
}
