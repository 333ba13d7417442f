package compute

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Backend names that are always known.
const (
	XLACPU  = "xla:cpu"
	XLACUDA = "xla:cuda"
)

// State tells whether a backend can be used on this machine, without starting it.
type State struct {
	Name    string   `json:"name"`
	Ready   bool     `json:"ready"`
	What    string   `json:"what"`              // what it computes with
	Plugin  string   `json:"plugin,omitempty"`  // the library, where there is one
	Missing []string `json:"missing,omitempty"` // what to do before it can be used, in order
}

// List tells about all backends: go, xla:cpu and xla:cuda.
func List() []State {
	inGo := State{Name: Default, Ready: true, What: "pure Go, nothing to install; built without SIMD: build with GOEXPERIMENT=simd, as make does, for about ten times the speed"}
	if builtWithSIMD {
		inGo.What = "pure Go with SIMD, nothing to install"
	}
	return []State{inGo, xlaState(XLACPU, "XLA on the CPU"), xlaState(XLACUDA, "XLA on an NVIDIA GPU")}
}

func xlaState(name, what string) State {
	s := State{Name: name, What: what}
	kind := strings.TrimPrefix(name, "xla:")
	plugin, err := locatePlugin(kind)
	if err != nil {
		s.Missing = append(s.Missing, err.Error())
	}
	s.Plugin = plugin
	if name == XLACUDA {
		s.Missing = append(s.Missing, missingForCUDA(plugin)...)
	}
	s.Ready = len(s.Missing) == 0
	return s
}

// PluginDir is the folder that `trilemma backend install` puts a PJRT plugin into, by kind: "cpu" or "cuda". It lies in the
// user's cache folder.
func PluginDir(kind string) (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the folder of installed backends: %w; give a plugin by its path", err)
	}
	return filepath.Join(dir, "trilemma", "backends", "xla-"+kind), nil
}

// pluginName is what go-xla recognises a plugin by.
func pluginName(kind string) string { return "pjrt_c_api_" + kind + "_plugin.so" }

// installed is the plugin that `trilemma backend install` put there, "" where there is none.
func installed(kind string) string {
	dir, err := PluginDir(kind)
	if err != nil {
		return ""
	}
	found, err := filepath.Glob(filepath.Join(dir, "*pjrt*.so"))
	if err != nil || len(found) == 0 {
		return ""
	}
	return found[0]
}

// noGPU says what to do where no NVIDIA GPU was found.
const noGPU = "no NVIDIA GPU was found (neither /dev/nvidia* nor a working nvidia-smi): install the driver, " +
	"and in a container pass the device through (docker run --gpus all)"

// hasGPU looks for an NVIDIA GPU as go-xla does.
func hasGPU() bool {
	if devices, err := filepath.Glob("/dev/nvidia[0-9]*"); err == nil && len(devices) > 0 {
		return true
	}
	smi, err := exec.LookPath("nvidia-smi")
	return err == nil && exec.Command(smi, "-L").Run() == nil
}

// missingForCUDA looks for what CUDA takes beside the plugin. GoMLX itself looks for the device alone.
func missingForCUDA(plugin string) []string {
	var missing []string
	if runtime.GOOS != "linux" {
		return []string{"CUDA runs on Linux only"}
	}
	if !hasGPU() {
		missing = append(missing, noGPU)
	}
	for _, lib := range []struct{ file, from string }{
		{"libcudart.so*", "nvidia-cuda-runtime"}, {"libcublas.so*", "nvidia-cublas"}, {"libcudnn.so*", "nvidia-cudnn-cu13"},
	} {
		if !anyLibrary(lib.file, plugin) {
			missing = append(missing, fmt.Sprintf("no %s was found: install CUDA's libraries (Python package %s), and name their folder in LD_LIBRARY_PATH", strings.TrimSuffix(lib.file, "*"), lib.from))
		}
	}
	if _, err := exec.LookPath("ptxas"); err != nil {
		missing = append(missing, "ptxas is not on PATH: it comes with CUDA's compiler (Python package nvidia-cuda-nvcc)")
	}
	return missing
}

// anyLibrary looks for a shared library where the dynamic linker does, and beside the plugin.
func anyLibrary(pattern, plugin string) bool {
	dirs := filepath.SplitList(os.Getenv("LD_LIBRARY_PATH"))
	dirs = append(dirs, "/usr/local/cuda/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/local/lib")
	if plugin != "" {
		dirs = append(dirs, filepath.Dir(plugin), filepath.Join(filepath.Dir(plugin), "nvidia", "*", "lib"))
	}
	return slices.ContainsFunc(dirs, func(dir string) bool {
		found, err := filepath.Glob(filepath.Join(dir, pattern))
		return dir != "" && err == nil && len(found) > 0
	})
}
