package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/trilemma-bench/trilemma/harness/pypi"
	"github.com/trilemma-bench/trilemma/policies/compute"
)

// xlaCPU is a build of XLA's CPU plugin that works with unmodified go-xla.
var xlaCPU = pypi.Wheel{
	Package: "fastatomstruct-xla-cpu", Version: "2026.6.23", Bytes: 63200622,
	SHA256: "88b1c430b341b4bea40a37420311c9c75db6e22b46d2ff95b6986577bee6afe9",
}

const (
	xlaCPUPrefix = "fastatomstruct_xla_cpu/"
	xlaCPUFile   = "libpjrt_cpu.so"
)

// installBackend fetches the plugin of a backend, or takes it from the wheel at file, and returns its path. One that is
// installed stays, unless again is set.
func installBackend(ctx context.Context, name, file string, again bool, log io.Writer) (path string, fresh bool, err error) {
	switch name {
	case compute.XLACPU:
	case compute.Default:
		return "", false, errors.New("the backend go is part of this program: there is nothing to install")
	case compute.XLACUDA:
		return "", false, errors.New("xla:cuda is not installed by this program, for it needs CUDA of the driver's version: `trilemma backend check xla:cuda` says what is missing and where it comes from")
	default:
		return "", false, fmt.Errorf("there is no backend %q to install, want xla:cpu", name)
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		return "", false, fmt.Errorf("the plugin for xla:cpu is published for Linux on amd64, this is %s on %s: use the backend go, or a plugin of your own by its absolute path", runtime.GOOS, runtime.GOARCH)
	}
	dir, err := compute.PluginDir("cpu")
	if err != nil {
		return "", false, err
	}
	path = filepath.Join(dir, xlaCPUFile)
	if _, err := os.Stat(path); err == nil {
		if !again {
			return path, false, nil
		}
		// A process that has the library open keeps it: the folder is unlinked, not overwritten.
		if err := os.RemoveAll(dir); err != nil {
			return "", false, fmt.Errorf("installing %s: %w", name, err)
		}
	}
	return path, true, xlaCPU.Install(ctx, file, xlaCPUPrefix, dir, []string{xlaCPUFile}, log)
}
