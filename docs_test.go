package main

import (
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	// ourPath is a path of this repository in a text.
	ourPath = regexp.MustCompile("`((?:harness|policies|plugins|experiments|docs)/[A-Za-z0-9_./-]+)`|\\]\\(((?:[a-z]+/)*[A-Za-z0-9_.-]+\\.(?:md|yaml|go|png))\\)")
	// goFile is the name of a file of Go in a comment.
	goFile = regexp.MustCompile(`\b[a-z][a-z0-9_]*\.go\b`)
	// docLink is a link to a symbol in a comment; capitals alone are an axis or a token, as in [B, N] or [SEP].
	docLink = regexp.MustCompile(`\[([A-Z]\w*[a-z]\w*)(?:\.([A-Z]\w*))?\]`)
)

// TestDocsNameWhatExists holds the texts and the comments of packages to the files and symbols that there are.
func TestDocsNameWhatExists(t *testing.T) {
	named := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != "." || d.Name() == "results" || d.Name() == "testdata" || d.Name() == "bin"):
			return filepath.SkipDir
		case d.IsDir():
			n, err := checkPackage(t, path)
			named += n
			return err
		case filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range ourPath.FindAllStringSubmatch(string(text), -1) {
			name := m[1]
			if name == "" {
				name = filepath.Join(filepath.Dir(path), m[2])
			}
			if strings.Contains(name, "NAME") {
				continue
			}
			named++
			if _, err := os.Stat(name); err != nil {
				t.Errorf("%s names %s, which is not there", path, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if named < 20 {
		t.Errorf("%d names were checked, want at least 20", named)
	}
}

// checkPackage looks at the comments of a folder's package, and tells how many names they have.
func checkPackage(t *testing.T, dir string) (named int, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(paths) == 0 {
		return 0, err
	}
	var files []*ast.File
	set := token.NewFileSet()
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		if err != nil {
			return 0, err
		}
		files = append(files, f)
	}
	if len(files) == 0 {
		return 0, nil
	}
	pkg, err := doc.NewFromFiles(set, files, dir, doc.AllDecls|doc.PreserveAST)
	if err != nil {
		return 0, err
	}
	for _, name := range goFile.FindAllString(pkg.Doc, -1) {
		named++
		if !slices.Contains(paths, filepath.Join(dir, name)) {
			t.Errorf("the comment of package %s names the file %s, which is not there", dir, name)
		}
	}
	symbols := symbolsOf(pkg)
	for _, m := range docLink.FindAllStringSubmatch(pkg.Doc, -1) {
		name := strings.TrimSuffix(m[1]+"."+m[2], ".")
		named++
		if !symbols[name] {
			t.Errorf("the comment of package %s links to [%s], which it does not have", dir, name)
		}
	}
	return named, nil
}

// symbolsOf are what a comment of a package may link to.
func symbolsOf(pkg *doc.Package) map[string]bool {
	out := map[string]bool{}
	values := func(list []*doc.Value) {
		for _, v := range list {
			for _, name := range v.Names {
				out[name] = true
			}
		}
	}
	values(pkg.Consts)
	values(pkg.Vars)
	for _, f := range pkg.Funcs {
		out[f.Name] = true
	}
	for _, typ := range pkg.Types {
		out[typ.Name] = true
		values(typ.Consts)
		values(typ.Vars)
		for _, f := range typ.Funcs {
			out[f.Name] = true
		}
		for _, m := range typ.Methods {
			out[typ.Name+"."+m.Name] = true
		}
		for _, spec := range typ.Decl.Specs {
			ast.Inspect(spec, func(n ast.Node) bool {
				if f, ok := n.(*ast.Field); ok {
					for _, name := range f.Names {
						out[typ.Name+"."+name.Name] = true
					}
				}
				return true
			})
		}
	}
	return out
}
