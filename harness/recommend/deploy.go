package recommend

import (
	"fmt"

	"github.com/goccy/go-yaml"

	"github.com/trilemma-bench/trilemma/policies/policy"
)

// Config is what to deploy, as YAML: the policy, its parameters and the preference to give it, and where what it learned
// lies.
func (c *Choices) Config(of *Choice) (string, error) {
	m, err := c.Run.Manifest()
	if err != nil {
		return "", err
	}
	var params any
	if len(of.Params) > 0 {
		// JSON is YAML; read so, whole numbers stay whole.
		if err := yaml.Unmarshal(of.Params, &params); err != nil {
			return "", fmt.Errorf("reading the parameters of %s: %w", of.Ref.Name(), err)
		}
	}
	preference := yaml.MapSlice{{Key: "name", Value: of.Test.Preference}}
	for _, q := range policy.Weighed {
		preference = append(preference, yaml.MapItem{Key: "lambda_" + q.String(), Value: of.Test.Lambda[q]})
	}
	doc := yaml.MapSlice{
		{Key: "policy", Value: of.Ref.Family}, {Key: "label", Value: of.Ref.Policy}, {Key: "pool", Value: of.Ref.Pool},
		{Key: "params", Value: params}, {Key: "seed", Value: of.Ref.Seed},
		{Key: "preference", Value: preference},
	}
	if of.Ref.Encoder != "" {
		doc = append(doc, yaml.MapItem{Key: "encoder", Value: of.Ref.Encoder})
	}
	if of.Saved {
		path := "checkpoints/" + of.Ref.ID + ".bin"
		item := yaml.MapSlice{{Key: "path", Value: c.Run.Path(path)}}
		for _, f := range m.Outputs {
			if f.Path == path {
				item = append(item, yaml.MapItem{Key: "sha256", Value: f.SHA256})
			}
		}
		doc = append(doc, yaml.MapItem{Key: "checkpoint", Value: item})
	}
	doc = append(doc, yaml.MapItem{Key: "from", Value: yaml.MapSlice{
		{Key: "experiment", Value: m.File}, {Key: "run", Value: c.Run.Experiment + "/" + c.Run.ID}, {Key: "cell", Value: of.Ref.ID},
	}})
	text, err := yaml.Marshal(doc)
	if err != nil {
		return "", fmt.Errorf("writing the config: %w", err)
	}
	return string(text), nil
}
