package compare

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/trilemma-bench/trilemma/harness/store"
)

// Change is a setting, an input or a version that two runs do not share. "" is absence.
type Change struct {
	What   string `json:"what"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// changes are what the manifests of two runs do not share, by name.
func changes(before, after *store.Manifest) ([]Change, error) {
	a, err := Facts(before)
	if err != nil {
		return nil, err
	}
	b, err := Facts(after)
	if err != nil {
		return nil, err
	}
	var names []string
	for name := range a {
		if a[name] != b[name] {
			names = append(names, name)
		}
	}
	for name := range b {
		if _, ok := a[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	out := make([]Change, len(names))
	for i, name := range names {
		out[i] = Change{What: name, Before: a[name], After: b[name]}
	}
	return out, nil
}

// Facts flattens what a run was made from: resolved settings by path, content of inputs and plugins, versions.
func Facts(m *store.Manifest) (map[string]string, error) {
	out, err := Settings(m)
	if err != nil {
		return nil, err
	}
	out["build.revision"], out["build.go"], out["host.cpu"], out["experiment file"] = m.Build.Revision, m.Build.Go, m.Host.CPU, m.File
	for _, f := range m.Inputs {
		out["input "+f.Path] = short(f.SHA256)
	}
	for _, f := range m.Plugins {
		out["plugin "+f.Path] = short(f.SHA256)
	}
	return out, nil
}

// Settings are the resolved settings of a run: JSON values by path, such as policies.knn.params.k.
func Settings(m *store.Manifest) (map[string]string, error) {
	var config any
	if err := json.Unmarshal(m.Config, &config); err != nil {
		return nil, fmt.Errorf("the settings in the manifest of run %s: %w", m.Run, err)
	}
	out := map[string]string{}
	flatten("", config, out)
	return out, nil
}

// short is enough of a hash to tell two apart.
func short(sum string) string { return sum[:min(len(sum), 12)] }

// flatten writes the leaves of a value by their paths. Items of a list that have a label or name are called by it, so that
// adding one does not change the others.
func flatten(path string, value any, out map[string]string) {
	join := func(key string) string {
		if path == "" {
			return key
		}
		return path + "." + key
	}
	switch v := value.(type) {
	case map[string]any:
		for key, child := range v {
			flatten(join(key), child, out)
		}
	case []any:
		for i, child := range v {
			key := strconv.Itoa(i)
			if item, ok := child.(map[string]any); ok {
				for _, field := range []string{"label", "name"} {
					if name, ok := item[field].(string); ok {
						key = name
						break
					}
				}
			}
			flatten(join(key), child, out)
		}
	default:
		text, err := json.Marshal(v)
		if err != nil {
			text = fmt.Append(nil, v)
		}
		out[path] = string(text)
	}
}
