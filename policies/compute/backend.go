package compute

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	backends "github.com/gomlx/compute"
	_ "github.com/gomlx/compute/gobackend" // registers the backend "go"
)

// Default computes in Go, with nothing to install.
const Default = "go"

var (
	backendsMu sync.Mutex
	opened     = map[string]backends.Backend{}
)

// Open returns the GoMLX backend of a name: "" or "go", "xla:cpu", "xla:cuda", or a PJRT plugin's path with or without
// "xla:" before it. A process keeps one of each. GoMLX itself would download a missing plugin and panics on an unknown
// name; here both are errors that say what to do.
func Open(name string) (backends.Backend, error) {
	kind, plugin, err := parseBackend(name)
	if err != nil {
		return nil, err
	}
	if kind == "xla" {
		if plugin, err = prepareXLA(plugin); err != nil {
			return nil, fmt.Errorf("backend %q: %w", name, err)
		}
	}
	backendsMu.Lock()
	defer backendsMu.Unlock()
	config := kind
	if kind == Default {
		// One operation after another, each on all processors: with operations side by side as well, several matrix
		// products that wait for more workers wait for each other, for ever.
		config += ":ops_sequential"
	}
	if plugin != "" {
		config += ":" + plugin
	}
	if b, ok := opened[config]; ok {
		return b, nil
	}
	var b backends.Backend
	err = Try(func() error {
		var err error
		b, err = backends.NewWithConfig(config)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("starting backend %q: %w; the backend \"go\" needs nothing installed", name, err)
	}
	opened[config] = b
	return b, nil
}

// Check tells whether a name is that of a backend, without starting it.
func Check(name string) error {
	_, _, err := parseBackend(name)
	return err
}

func parseBackend(name string) (kind, plugin string, err error) {
	kind, plugin, _ = strings.Cut(name, ":")
	switch {
	case name == "" || name == Default:
		return Default, "", nil
	case filepath.IsAbs(name):
		return "xla", name, nil
	case kind == "xla" && plugin != "":
		return kind, plugin, nil
	}
	return "", "", fmt.Errorf("unknown backend %q: want go, xla:cpu, xla:cuda, or the absolute path of a PJRT plugin (libpjrt_*.so)", name)
}

// checkPluginPath tells whether a plugin given as a path is there.
func checkPluginPath(plugin string) error {
	path, _, _ := strings.Cut(plugin, ",") // options may follow
	if !filepath.IsAbs(path) {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("there is no PJRT plugin at that path: %w", err)
	}
	if info.IsDir() {
		return errors.New("the path of a PJRT plugin is a file such as libpjrt_cpu.so, not a folder")
	}
	return nil
}

// Try turns the panics with which GoMLX reports mistakes into errors.
func Try(do func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			if e, ok := r.(error); ok {
				err = fmt.Errorf("gomlx: %w", e)
			} else {
				err = fmt.Errorf("gomlx: %v", r)
			}
		}
	}()
	return do()
}
