package provenance

import (
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"time"
)

// HostInfo is the machine.
type HostInfo struct {
	OS          string `json:"os"`
	Arch        string `json:"arch"`
	Kernel      string `json:"kernel,omitempty"`
	CPU         string `json:"cpu,omitempty"`
	Cores       int    `json:"cores"`      // logical processors of the machine that the process may use
	GoMaxProcs  int    `json:"gomaxprocs"` // of those, how many run Go code
	MemoryBytes int64  `json:"memory_bytes,omitempty"`
	Name        string `json:"name,omitempty"`
}

// Host describes this machine. What cannot be read is left out.
func Host() HostInfo {
	h := HostInfo{OS: runtime.GOOS, Arch: runtime.GOARCH, Cores: runtime.NumCPU(), GoMaxProcs: runtime.GOMAXPROCS(0)}
	if name, err := os.Hostname(); err == nil {
		h.Name = name
	}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		h.Kernel = strings.TrimSpace(string(b))
	}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		h.CPU = cpuModel(string(b))
	}
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		h.MemoryBytes = memTotal(string(b))
	}
	return h
}

func cpuModel(cpuinfo string) string {
	for line := range strings.Lines(cpuinfo) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func memTotal(meminfo string) int64 {
	for line := range strings.Lines(meminfo) {
		f := strings.Fields(line)
		if len(f) == 3 && f[0] == "MemTotal:" && f[2] == "kB" {
			kb, _ := strconv.ParseInt(f[1], 10, 64)
			return kb * 1024
		}
	}
	return 0
}

// CallInfo is how the program was called.
type CallInfo struct {
	Command   []string          `json:"command"`
	Directory string            `json:"directory"`
	Started   time.Time         `json:"started"`
	PID       int               `json:"pid"`
	Env       map[string]string `json:"env,omitempty"`
}

// Call describes this process. Of the environment only variables that change what the program computes are kept, never
// one that could hold a secret.
func Call(started time.Time) CallInfo {
	dir, _ := os.Getwd()
	return CallInfo{
		Command: append([]string(nil), os.Args...), Directory: dir, Started: started.UTC().Truncate(time.Millisecond),
		PID: os.Getpid(), Env: Environment(os.Environ()),
	}
}

// kept lists the variables that [Environment] keeps; a name that ends in _ stands for all that begin with it.
var kept = []string{
	"CUDA_VISIBLE_DEVICES", "GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOMLX_", "NO_COLOR",
	"PJRT_PLUGIN_LIBRARY_PATH", "TRILEMMA_", "XLA_FLAGS",
}

// Environment picks from "NAME=value" pairs those that change what the program computes.
func Environment(environ []string) map[string]string {
	out := map[string]string{}
	for _, pair := range environ {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || secret(name) {
			continue
		}
		i := sort.Search(len(kept), func(i int) bool { return kept[i] > name })
		if i == 0 {
			continue
		}
		if k := kept[i-1]; k == name || strings.HasSuffix(k, "_") && strings.HasPrefix(name, k) {
			out[name] = value
		}
	}
	return out
}

func secret(name string) bool {
	for _, word := range []string{"KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL"} {
		if strings.Contains(strings.ToUpper(name), word) {
			return true
		}
	}
	return false
}
