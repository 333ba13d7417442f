package runner

import (
	"context"
	"fmt"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/experiment"
	"github.com/trilemma-bench/trilemma/harness/provenance"
	"github.com/trilemma-bench/trilemma/plugins/host"
	"github.com/trilemma-bench/trilemma/policies/bundled"
	"github.com/trilemma-bench/trilemma/policies/policy"
)

// catalogue finds policies by name: bundled ones, executables in the plugin folders, executables that an experiment names.
type catalogue struct {
	found     []host.Found
	inProcess bool
	sources   map[string]host.Source // by name and path given
	facts     map[string]experiment.PolicyFacts
	files     []provenance.File
}

func newCatalogue(opt Options) *catalogue {
	return &catalogue{
		found: host.Discover(opt.PluginDirs), inProcess: opt.InProcess,
		sources: map[string]host.Source{}, facts: map[string]experiment.PolicyFacts{},
	}
}

func (c *catalogue) names() []string {
	var names []string
	for _, d := range bundled.All() {
		names = append(names, d.Description.Name)
	}
	for _, f := range c.found {
		if f.Err == nil {
			names = append(names, f.Name)
		}
	}
	return names
}

// describe asks a policy what it is. Outside policies are started for it, once.
func (c *catalogue) describe(ctx context.Context, p experiment.Policy) (experiment.PolicyFacts, bool, error) {
	key := p.Name + "\x00" + p.Plugin
	if facts, ok := c.facts[key]; ok {
		return facts, true, nil
	}
	if def, ok := bundled.Find(p.Name); ok && p.Plugin == "" {
		src := host.InProcess(def)
		if !c.inProcess {
			var err error
			if src, err = host.Self(p.Name); err != nil {
				return experiment.PolicyFacts{}, true, err
			}
		}
		c.sources[key], c.facts[key] = src, experiment.PolicyFacts{Description: def.Description}
		return c.facts[key], true, nil
	}
	src, ok, err := c.outside(p)
	if err != nil || !ok {
		return experiment.PolicyFacts{}, ok, err
	}
	inst, err := host.Start(ctx, src, host.Options{})
	if err != nil {
		return experiment.PolicyFacts{}, true, err
	}
	defer inst.Close()
	file, err := provenance.HashFile(src.Executable)
	if err != nil {
		return experiment.PolicyFacts{}, true, err
	}
	c.files = append(c.files, file)
	c.sources[key] = src
	c.facts[key] = experiment.PolicyFacts{Description: inst.Description(), Digest: src.SHA256}
	return c.facts[key], true, nil
}

// anyWants tells whether any of the policies needs a column. A policy that is unknown or does not start counts as one that
// does not: what is wrong with it is said where the experiment is expanded.
func (c *catalogue) anyWants(ctx context.Context, policies []experiment.Policy, need policy.Need) bool {
	for _, p := range policies {
		if facts, ok, err := c.describe(ctx, p); ok && err == nil && facts.Wants(need) {
			return true
		}
	}
	return false
}

// outside is the source of a policy that does not come with the program.
func (c *catalogue) outside(p experiment.Policy) (host.Source, bool, error) {
	if p.Plugin != "" {
		digest, err := host.Digest(p.Plugin)
		if err != nil {
			return host.Source{}, true, err
		}
		if p.SHA256 != "" && !strings.EqualFold(p.SHA256, digest) {
			return host.Source{}, true, fmt.Errorf("%s has SHA-256 %s, the experiment pins %s: it is not the program that was pinned", p.Plugin, digest, p.SHA256)
		}
		return host.Source{Name: p.Name, Executable: p.Plugin, SHA256: digest}, true, nil
	}
	for _, f := range c.found {
		if f.Name == p.Name {
			return f.Source(), true, f.Err
		}
	}
	return host.Source{}, false, nil
}
