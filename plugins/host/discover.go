package host

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strings"

	"github.com/trilemma-bench/trilemma/plugins/wire"
)

// Found is an executable that may be a policy, or why it cannot be.
type Found struct {
	Name   string
	Path   string
	SHA256 string // of [Digest]
	Err    error
}

// Source is the policy that was found, pinned to what it was when it was found.
func (f Found) Source() Source { return Source{Name: f.Name, Executable: f.Path, SHA256: f.SHA256} }

// Discover lists the executables trilemma-policy-NAME in dirs, and then in the folders on TRILEMMA_PLUGIN_PATH, each
// folder and the folders directly in it. Nothing is started. A name that was found before, and a file that cannot be
// run, is listed with the reason. A folder of dirs that does not exist is passed over; one of TRILEMMA_PLUGIN_PATH was
// asked for by the user, and is listed with the reason. The order is that of the folders, then of the paths.
func Discover(dirs []string) []Found {
	var found []Found
	first := map[string]string{}
	add := func(path string) {
		f := inspect(path)
		if f.Err == nil {
			if earlier, ok := first[f.Name]; ok {
				f.Err = fmt.Errorf("hidden by %s, which comes first", earlier)
			} else {
				first[f.Name] = f.Path
			}
		}
		found = append(found, f)
	}
	seen := map[string]bool{}
	look := func(dir string, must bool) {
		abs, err := filepath.Abs(dir)
		if err == nil {
			dir = abs
		}
		if seen[dir] {
			return
		}
		seen[dir] = true
		paths, err := candidates(dir)
		if err != nil && (must || !errors.Is(err, fs.ErrNotExist)) {
			found = append(found, Found{Path: dir, Err: fmt.Errorf("looking for plugins in %s: %w", dir, err)})
		}
		for _, p := range paths {
			add(p)
		}
	}
	for _, d := range dirs {
		look(d, false)
	}
	for _, d := range filepath.SplitList(os.Getenv(wire.PathEnv)) {
		if d != "" {
			look(d, true)
		}
	}
	return found
}

// candidates are the files in dir and in its folders whose names say that they are policies.
func candidates(dir string) ([]string, error) {
	if _, err := os.ReadDir(dir); err != nil {
		return nil, err
	}
	var paths []string
	for _, pattern := range []string{wire.ExecutablePrefix + "*", "*/" + wire.ExecutablePrefix + "*"} {
		// Joined to an escaped folder name the pattern is always well-formed.
		list, err := filepath.Glob(filepath.Join(escape(dir), pattern))
		if err != nil {
			return nil, err
		}
		for _, p := range list {
			if info, err := os.Stat(p); err == nil && info.IsDir() {
				continue
			}
			paths = append(paths, p)
		}
	}
	sort.Strings(paths)
	return paths, nil
}

// escape makes a path match itself alone in a pattern.
func escape(path string) string {
	if runtime.GOOS == "windows" {
		return path // which has no escapes in patterns
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

func inspect(path string) Found {
	name := strings.TrimPrefix(filepath.Base(path), wire.ExecutablePrefix)
	name = strings.TrimSuffix(strings.TrimSuffix(name, ".exe"), ".py")
	f := Found{Name: name, Path: path}
	if !nameForm.MatchString(name) {
		f.Err = fmt.Errorf("%q is no name for a policy: lower-case words and digits joined by hyphens", name)
		return f
	}
	if _, f.Err = runnable(path); f.Err == nil {
		f.SHA256, f.Err = Digest(path)
	}
	return f
}

// Digest is what a pin pins. Of a program it is the SHA-256 of the file, as sha256sum prints it. Of a script, which
// begins with "#!" and may import what lies beside it, it is the SHA-256 over the script and the *.py files in its
// folder: for each in order of name a line "name, two spaces, SHA-256 of the file".
func Digest(path string) (string, error) {
	own, head, err := fileDigest(path)
	if err != nil {
		return "", err
	}
	if !bytes.Equal(head, []byte("#!")) {
		return own, nil
	}
	dir := filepath.Dir(path)
	beside, err := filepath.Glob(filepath.Join(escape(dir), "*.py"))
	if err != nil {
		return "", err
	}
	lines := []string{filepath.Base(path) + "  " + own}
	for _, b := range beside {
		if filepath.Base(b) == filepath.Base(path) {
			continue
		}
		sum, _, err := fileDigest(b)
		if err != nil {
			return "", err
		}
		lines = append(lines, filepath.Base(b)+"  "+sum)
	}
	if len(lines) == 1 {
		return own, nil
	}
	sort.Strings(lines)
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n") + "\n"))
	return hex.EncodeToString(sum[:]), nil
}

func fileDigest(path string) (sum string, head []byte, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", nil, err
	}
	defer f.Close()
	head = make([]byte, 2)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", nil, fmt.Errorf("reading %s: %w", path, err)
	}
	head = head[:n]
	h := sha256.New()
	h.Write(head)
	if _, err := io.Copy(h, f); err != nil {
		return "", nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return hex.EncodeToString(h.Sum(nil)), head, nil
}
