package process

import (
	"os"
	"runtime"
	"strings"
)

// passed are the variables that a policy's process is given, by name or by the beginning of the name: what it takes to
// find programs, libraries, temporary space and accelerators, and nothing that says where a trace lies.
var passed = []string{
	"PATH", "HOME", "USER", "TMPDIR", "LANG", "LC_*", "TZ", "NO_COLOR", "XDG_CACHE_HOME", "XDG_DATA_HOME",
	"LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",
	"SYSTEMROOT", "SYSTEMDRIVE", "TEMP", "TMP", "USERPROFILE", "LOCALAPPDATA", "APPDATA", "PATHEXT",
	"GOMLX_*", "XLA_*", "PJRT_*", "CUDA_*", "NVIDIA_*", "TF_CPP_*",
	"OMP_*", "MKL_*", "OPENBLAS_*", "GOMAXPROCS", "GOMEMLIMIT", "GOGC", "GODEBUG",
	"VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME", "CONDA_PREFIX",
}

// Environment filters the host's environment and adds extra, which wins.
func Environment(extra []string) []string {
	var env []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if runtime.GOOS == "windows" { // which writes Path, and SystemRoot
			name = strings.ToUpper(name)
		}
		for _, p := range passed {
			if prefix, any := strings.CutSuffix(p, "*"); name == p || any && strings.HasPrefix(name, prefix) {
				env = append(env, entry)
				break
			}
		}
	}
	return append(env, extra...)
}
