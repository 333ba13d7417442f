//go:build cgo && ((linux && (amd64 || arm64)) || (darwin && arm64))

package compute

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"
)

// prepareXLA makes sure that the plugin is on this machine, for GoMLX would try to fetch it, and returns how GoMLX is to
// be told of it.
func prepareXLA(plugin string) (string, error) {
	xla.EnableAutoInstall(false)
	name, options, _ := strings.Cut(plugin, ",")
	if filepath.IsAbs(name) {
		return plugin, checkPluginPath(plugin)
	}
	path, err := locatePlugin(name)
	if err != nil {
		return "", err
	}
	// Libraries may lie where only the dynamic linker finds them, so that they were not found is for `backend check` to tell.
	if name == "cuda" && !hasGPU() {
		return "", fmt.Errorf("%s; use xla:cpu or go meanwhile", noGPU)
	}
	if options != "" {
		path += "," + options
	}
	return path, nil
}

// availablePlugins are those that go-xla finds, by name.
var availablePlugins = sync.OnceValues(func() (have map[string]string, err error) {
	err = Try(func() error { have = pjrt.AvailablePlugins(); return nil })
	return have, err
})

// locatePlugin returns the library of a plugin such as "cpu": where go-xla looks for it, else where `trilemma backend
// install` puts it.
func locatePlugin(name string) (string, error) {
	have, err := availablePlugins()
	if err != nil {
		return "", fmt.Errorf("looking for PJRT plugins: %w", err)
	}
	best := ""
	for h := range have {
		// Versions such as cpu_v0.83.1 go for cpu; the name itself comes first.
		if (h == name || strings.HasPrefix(h, name+"_")) && (best == "" || h == name) {
			best = h
		}
	}
	if best != "" {
		return have[best], nil
	}
	if path := installed(name); path != "" {
		return path, nil
	}
	if name == "cpu" {
		return "", fmt.Errorf("no PJRT plugin %q on this machine: run `trilemma backend install xla:cpu`, "+
			"or give a plugin's absolute path as the backend, or use the backend \"go\"", name)
	}
	if name == "cuda" {
		return "", fmt.Errorf("no PJRT plugin %q on this machine: take jax_plugins/xla_cuda13/xla_cuda_plugin.so from the Python package jax-cuda13-pjrt, "+
			"name it %s, and put it into ~/.local/lib/go-xla or the folder that PJRT_PLUGIN_LIBRARY_PATH names", name, pluginName(name))
	}
	return "", fmt.Errorf("no PJRT plugin %q on this machine: put %s into the folder that "+
		"PJRT_PLUGIN_LIBRARY_PATH names, or give the plugin's absolute path as the backend, or use the backend \"go\"",
		name, pluginName(name))
}
