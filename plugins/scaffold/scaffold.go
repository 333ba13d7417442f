// Package scaffold writes new policies that build, run and pass the conformance suite as they are.
package scaffold

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"

	examplepython "github.com/trilemma-bench/trilemma/plugins/example-python"
	"github.com/trilemma-bench/trilemma/plugins/wire"
)

//go:embed templates
var templates embed.FS

// Languages are those that a policy can be written in.
var Languages = []string{"go", "python"}

// Module is the path of this program's module, which a policy in Go builds on.
const Module = "github.com/trilemma-bench/trilemma"

// Written says what was written, and what to do next.
type Written struct {
	Dir   string
	Files []string // within Dir
	Next  []string // commands, in order
}

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// Write writes a policy called name into the folder dir, which it makes, and which must be empty if it is there. lang is
// one of [Languages].
//
// A policy in Go is part of the module where dir lies in a checkout of this program. Elsewhere it is a module of its own,
// which builds on the checkout around the working folder, or else on the published module.
func Write(dir, name, lang string) (*Written, error) {
	if !nameForm.MatchString(name) || len(name) > 60 {
		return nil, fmt.Errorf("%q is no name for a policy: lower-case words and digits joined by hyphens, such as my-router", name)
	}
	if !slices.Contains(Languages, lang) {
		return nil, fmt.Errorf("policies are written in %s, not in %q", strings.Join(Languages, " or "), lang)
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if entries, err := os.ReadDir(abs); err == nil && len(entries) > 0 {
		return nil, fmt.Errorf("%s is not empty: name another folder, or remove it", dir)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s cannot take the policy: %w", dir, err)
	}
	w := &Written{Dir: dir}
	files := map[string]file{}
	if lang == "go" {
		err = w.golang(files, abs, name)
	} else {
		err = w.python(files, name)
	}
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(abs, 0o755); err != nil {
		return nil, fmt.Errorf("making the folder of the policy: %w", err)
	}
	for path, f := range files {
		if err := os.WriteFile(filepath.Join(abs, path), f.text, f.mode); err != nil {
			return nil, fmt.Errorf("writing the policy: %w", err)
		}
		w.Files = append(w.Files, path)
	}
	slices.Sort(w.Files)
	return w, nil
}

type file struct {
	text []byte
	mode fs.FileMode
}

func fill(name, policy string) ([]byte, error) {
	t, err := template.ParseFS(templates, "templates/"+name)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, struct{ Name string }{policy}); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func (w *Written) golang(files map[string]file, dir, name string) error {
	for to, from := range map[string]string{"main.go": "main.go.tmpl", "main_test.go": "main_test.go.tmpl"} {
		text, err := fill(from, name)
		if err != nil {
			return err
		}
		files[to] = file{text, 0o644}
	}
	exe := wire.ExecutablePrefix + name
	files[".gitignore"] = file{[]byte("/" + exe + "\n"), 0o644}
	cd := "cd " + quoted(w.Dir)
	w.Next = []string{cd + " && go test . && go build -o " + exe + " ."}
	if checkout(dir) == "" {
		work, err := os.Getwd()
		if err != nil {
			return err
		}
		if root := checkout(work); root != "" {
			if err := buildOn(files, root, name); err != nil {
				return err
			}
		} else {
			files["go.mod"] = file{[]byte("module " + name + "\n\ngo 1.26\n"), 0o644}
			w.Next = append([]string{cd + " && go get " + Module + "@latest"}, w.Next...)
		}
	}
	w.Next = append(w.Next, "trilemma policy check "+name)
	return nil
}

// checkout is the folder of this program's module around dir, "" where there is none.
func checkout(dir string) string {
	for {
		if text, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil {
			if path, _, _ := strings.Cut(strings.TrimPrefix(string(text), "module "), "\n"); strings.TrimSpace(path) == Module {
				return dir
			}
			return "" // it belongs to another module
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
}

// buildOn makes the policy a module that builds on a checkout, with the versions that the checkout was tested with, so
// that it builds without asking a module proxy.
func buildOn(files map[string]file, root, name string) error {
	mod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return err
	}
	sum, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(mod), "\n")
	files["go.mod"] = file{fmt.Appendf(nil, "module %s\n%s\nrequire %s v0.0.0\n\nreplace %s => %s\n", name, rest, Module, Module, quoted(root)), 0o644}
	files["go.sum"] = file{sum, 0o644}
	return nil
}

// quoted is a path as both go.mod and a shell read it.
func quoted(path string) string {
	if strings.ContainsAny(path, " \t\"'`$&;()*?[]\\|<>") {
		return fmt.Sprintf("%q", path)
	}
	return path
}

func (w *Written) python(files map[string]file, name string) error {
	text, err := fill("policy.py.tmpl", name)
	if err != nil {
		return err
	}
	files[wire.ExecutablePrefix+name] = file{text, 0o755}
	sdk, err := fs.ReadDir(examplepython.SDK, ".")
	if err != nil {
		return err
	}
	for _, e := range sdk {
		text, err := examplepython.SDK.ReadFile(e.Name())
		if err != nil {
			return err
		}
		files[e.Name()] = file{text, 0o644}
	}
	w.Next = []string{
		"python3 -m pip install grpcio protobuf numpy cryptography",
		"trilemma policy check " + name,
	}
	return nil
}
