// Package provenance says where a result came from: which revision of the program, built with what, on which machine,
// called how, from which input bytes. The way of the data:
//
//  1. [Build] is known from the binary: a version and a revision stamped when it was linked, else asked of git, and the
//     versions of all modules.
//  2. [Host] and [Call] are read from the machine and the process.
//  3. [HashFile] and [HashTree] fingerprint inputs and outputs.
//
// All of it goes into a run's manifest. None of it goes into points or decisions, so it never makes two runs differ.
package provenance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sort"
	"strings"
	"sync"
	"time"
)

// Stamped by the linker:
//
//	go build -ldflags "-X github.com/trilemma-bench/trilemma/harness/provenance.Version=v1.2.3 -X ….Revision=0123abc"
var (
	Version  = "dev"
	Revision = ""
)

func init() {
	// `go install …@v1.2.3` links without flags, but the module knows its version.
	if info, ok := debug.ReadBuildInfo(); ok && Version == "dev" && strings.HasPrefix(info.Main.Version, "v") {
		Version = info.Main.Version
	}
}

const modulePath = "github.com/trilemma-bench/trilemma"

// BuildInfo says what the program was made from.
type BuildInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision"` // git commit, "unknown" where neither the linker nor git knows
	// Source says who told the revision: "linker", "vcs" (the Go toolchain), "git" (the working tree the program was
	// started in, which need not be the one it was built from) or "none".
	Source string `json:"source"`
	// DiffSHA256 is the hash of `git diff HEAD` of the working tree the program was started in, "" where that is clean
	// or no checkout of this module.
	DiffSHA256 string   `json:"diff_sha256,omitempty"`
	Go         string   `json:"go"`
	Experiment string   `json:"goexperiment,omitempty"`
	Platform   string   `json:"platform"` // GOOS/GOARCH
	Modules    []Module `json:"modules,omitempty"`
}

// Module is one dependency.
type Module struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	Sum     string `json:"sum,omitempty"`
}

// Build describes this program. It asks git at most once.
var Build = sync.OnceValue(func() BuildInfo {
	b := BuildInfo{
		Version: Version, Revision: Revision, Source: "linker",
		Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}
	known := func(revision string) bool { return revision != "" && revision != "unknown" }
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision" && !known(b.Revision):
				b.Revision, b.Source = s.Value, "vcs"
			case s.Key == "GOEXPERIMENT":
				b.Experiment = s.Value
			}
		}
		for _, m := range info.Deps {
			if m.Replace != nil {
				m = m.Replace
			}
			b.Modules = append(b.Modules, Module{Path: m.Path, Version: m.Version, Sum: m.Sum})
		}
		sort.Slice(b.Modules, func(i, j int) bool { return b.Modules[i].Path < b.Modules[j].Path })
	}
	tree := Checkout(".")
	b.DiffSHA256 = tree.DiffSHA256
	if !known(b.Revision) {
		b.Revision, b.Source = tree.Revision, "git"
	}
	if !known(b.Revision) {
		b.Revision, b.Source = "unknown", "none"
	}
	return b
})

// Tree is the state of a git checkout of this module.
type Tree struct {
	Revision   string
	DiffSHA256 string // "" where nothing tracked was changed
}

// Checkout asks git for the state of the checkout of this module that dir lies in. It is empty where there is no git, no
// checkout, or a checkout of something else: the revision of a user's own project says nothing about this program.
func Checkout(dir string) Tree {
	top, err := git(dir, "rev-parse", "--show-toplevel")
	if err != nil {
		return Tree{}
	}
	root := strings.TrimSpace(string(top))
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil || !bytes.HasPrefix(mod, []byte("module "+modulePath+"\n")) {
		return Tree{}
	}
	revision, err := git(root, "rev-parse", "HEAD")
	if err != nil {
		return Tree{}
	}
	t := Tree{Revision: strings.TrimSpace(string(revision))}
	if diff, err := git(root, "diff", "--no-ext-diff", "--no-color", "--binary", "HEAD"); err == nil && len(diff) > 0 {
		sum := sha256.Sum256(diff)
		t.DiffSHA256 = hex.EncodeToString(sum[:])
	}
	return t
}

// gitTimeout keeps a checkout on a slow disk from holding a run up.
const gitTimeout = 5 * time.Second

func git(dir string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), gitTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0", "LC_ALL=C")
	return cmd.Output()
}
