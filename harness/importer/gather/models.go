package gather

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/goccy/go-yaml"

	"github.com/trilemma-bench/trilemma/harness/importer"
	"github.com/trilemma-bench/trilemma/harness/trace"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// facts are what pieces tell of a model: by key, what was told and how often.
type facts map[string][]told

type told struct {
	value any
	text  string
	first Seq
	count int
}

// model takes the facts of a model.
func (w *Worker) model(at Seq, model map[string]any) error {
	id := render(model["id"])
	if id == "" {
		return errors.New("model has no id")
	}
	f := w.models[id]
	if f == nil {
		f = &facts{}
		w.models[clone(id)] = f
	}
	for key, v := range model {
		if key == "id" || v == nil {
			continue
		}
		text := render(v)
		known := (*f)[key]
		if i := slices.IndexFunc(known, func(t told) bool { return t.text == text }); i >= 0 {
			known[i].count++
			continue
		}
		if len(known) < 16 {
			if s, ok := v.(string); ok {
				v = clone(s)
			}
			(*f)[clone(key)] = append(known, told{v, clone(text), at, 1})
		}
	}
	return nil
}

func clone(s string) string { return string([]byte(s)) }

// told merges what the workers know of models: of each fact what was told first.
func (g *Gathering) told(d *differences) map[string]map[string]any {
	all := map[string]facts{}
	for _, w := range g.workers {
		for id, f := range w.models {
			if all[id] == nil {
				all[id] = facts{}
			}
			for key, list := range *f {
				for _, t := range list {
					known := all[id][key]
					if i := slices.IndexFunc(known, func(o told) bool { return o.text == t.text }); i >= 0 {
						known[i].count += t.count
						if t.first.compare(known[i].first) < 0 {
							known[i].first = t.first
						}
					} else {
						all[id][key] = append(known, t)
					}
				}
			}
		}
	}
	out := map[string]map[string]any{}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		out[id] = map[string]any{}
		for _, key := range slices.Sorted(maps.Keys(all[id])) {
			list := all[id][key]
			slices.SortFunc(list, func(a, b told) int { return a.first.compare(b.first) })
			out[id][key] = list[0].value
			for _, t := range list[1:] {
				for range t.count {
					d.count("model's "+key, t.first, id)
				}
			}
		}
	}
	return out
}

// pool settles the models of the trace: those of the models file that answered, or those that the files name with what they tell
// of them.
func (g *Gathering) pool(names []string, told map[string]map[string]any, report *importer.Report) (*columns, error) {
	c := &columns{at: map[string]int{}, file: g.opt.Models}
	if len(g.opt.Models) == 0 {
		for _, name := range names {
			m, err := g.described(name, told[name])
			if err != nil {
				return nil, err
			}
			c.at[name] = len(c.models)
			c.models = append(c.models, m)
		}
		return c, nil
	}
	used := make([]bool, len(g.opt.Models))
	var wrong []error
	for _, name := range names {
		dated := importer.Dated(name, g.opt.Models)
		if len(dated) > 0 {
			for _, i := range dated {
				used[i] = true
			}
			c.at[name] = -1
			continue
		}
		i, err := importer.Match(name, g.opt.Models)
		switch {
		case err == nil:
			used[i] = true
			c.at[name] = i
		case g.opt.SkipUnknown && errors.Is(err, importer.ErrUnknownModel):
			report.UnknownFiles = append(report.UnknownFiles, name)
		default:
			wrong = append(wrong, err)
		}
	}
	place := make([]int, len(used))
	for i, m := range g.opt.Models {
		place[i] = len(c.models)
		if used[i] {
			c.models = append(c.models, m.Model)
		} else {
			report.WithoutResults = append(report.WithoutResults, m.ID)
		}
	}
	for name, i := range c.at {
		if i >= 0 {
			c.at[name] = place[i]
		}
	}
	c.place = place
	if len(c.models) == 0 && len(wrong) == 0 {
		wrong = append(wrong, errors.New("none of the models that answered is in the models file"))
	}
	return c, errors.Join(wrong...)
}

// columns finds the model of an outcome.
type columns struct {
	models []policy.Model
	at     map[string]int   // by the name in the files; -1 where it depends on the time
	file   []importer.Model // the models file, for names that depend on the time
	place  []int            // of its models among models
}

// find is the model that a name means at a time (microseconds since 1970, known or not); -1 where it is left out.
func (c *columns) find(name string, at int64, known bool) (int, error) {
	i, ok := c.at[name]
	switch {
	case !ok:
		return -1, nil
	case i >= 0:
		return i, nil
	}
	k, err := importer.MatchAt(name, at, known, c.file)
	if err != nil {
		return -1, err
	}
	return c.place[k], nil
}

// described is a model with the facts that files tell, read as models.yaml would be. What cannot be is left out and noted.
func (g *Gathering) described(id string, facts map[string]any) (policy.Model, error) {
	entry := map[string]any{"id": id}
	maps.Copy(entry, facts)
	for {
		text, err := yaml.Marshal(map[string]any{"models": []any{entry}})
		if err != nil {
			return policy.Model{}, fmt.Errorf("facts of model %s: %w", id, err)
		}
		models, err := trace.ParseModels(text)
		if err == nil {
			return models[0], nil
		}
		var v *trace.Violation
		if !errors.As(err, &v) || entry[v.Column] == nil || v.Column == "id" {
			return policy.Model{}, fmt.Errorf("facts of model %s that the files tell: %w; give a --models file", id, err)
		}
		g.workers[0].note(Seq{}, "left out model.%s of %s: %s", v.Column, trace.Clip(id), v.Problem)
		delete(entry, v.Column)
	}
}
