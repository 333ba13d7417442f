package records

import (
	"archive/tar"
	"archive/zip"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Member is a file that records are read from.
type Member struct {
	Path string // within the import, with forward slashes
	own  string // on disk, with the place in an archive: a file that is named twice is read once
	size int64  // packed
	open func() (io.ReadCloser, error)
}

// Sources are the members of what a user named.
type Sources struct {
	Members []Member
	// Refused are entries of archives that were left out because their names lead out of it.
	Refused []string
	opened  []io.Closer
	// Scratch is a folder for what has to lie on disk to be read: Parquet from an archive or a stream.
	Scratch string
	stdin   io.Reader
}

// Close closes the archives.
func (s *Sources) Close() error {
	var errs []error
	for _, a := range s.opened {
		errs = append(errs, a.Close())
	}
	s.opened = nil
	return errors.Join(errs...)
}

// Find lists the members of files, folders, patterns and "-" (standard input), sorted and each once. Of what lies in a folder, and in
// archives, only what want accepts is a member; a file that is named is one whatever its name. near lists files that are members
// too, because they lie beside a file that is named. Folders above tell some formats the model or the task, so that Path has up to
// three of them.
func Find(src []string, stdin io.Reader, scratch string, want func(within string) bool, near func(file string) ([]string, error)) (*Sources, error) {
	s := &Sources{Scratch: scratch, stdin: stdin}
	for _, at := range src {
		if err := s.source(at, want, near); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	slices.SortStableFunc(s.Members, func(a, b Member) int { return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.own, b.own)) })
	s.Members = slices.CompactFunc(s.Members, func(a, b Member) bool { return a.own == b.own })
	return s, nil
}

func (s *Sources) source(at string, want func(string) bool, near func(string) ([]string, error)) error {
	if at == "-" {
		s.Members = append(s.Members, Member{Path: "stdin", own: "-", open: func() (io.ReadCloser, error) { return io.NopCloser(s.stdin), nil }})
		return nil
	}
	info, err := os.Stat(at)
	if errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(at, "*?[") {
		files, err := filepath.Glob(at)
		if err != nil || len(files) == 0 {
			return fmt.Errorf("no file matches %s", at)
		}
		for _, f := range files {
			if err := s.source(f, want, near); err != nil {
				return err
			}
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for files to import: %w", err)
	}
	if info.IsDir() {
		return filepath.WalkDir(at, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			within, err := filepath.Rel(filepath.Dir(filepath.Clean(at)), name)
			if err != nil {
				return err
			}
			return s.add(name, filepath.ToSlash(within), want)
		})
	}
	whole, err := filepath.Abs(at)
	if err != nil {
		return err
	}
	parts := strings.Split(filepath.ToSlash(whole), "/")
	within := strings.Join(parts[max(0, len(parts)-4):], "/")
	if err := s.add(at, within, func(string) bool { return true }); err != nil || near == nil {
		return err
	}
	beside, err := near(whole)
	for _, name := range beside {
		err = errors.Join(err, s.add(name, path.Join(path.Dir(within), filepath.Base(name)), want))
	}
	return err
}

// add adds a file, or the files in an archive.
func (s *Sources) add(name, within string, want func(string) bool) error {
	whole, err := filepath.Abs(name)
	if err != nil {
		return err
	}
	switch packed := strings.ToLower(within); {
	case strings.HasSuffix(packed, ".zip") || strings.HasSuffix(packed, ".eval"):
		return s.zip(name, whole, within, want)
	case strings.HasSuffix(packed, ".tar"):
		return s.tar(name, whole, within, want)
	case strings.HasSuffix(packed, ".tar.gz") || strings.HasSuffix(packed, ".tgz") || strings.HasSuffix(packed, ".tar.zst"):
		unpacked, err := s.unfold(Member{Path: within, open: func() (io.ReadCloser, error) { return os.Open(name) }})
		if err != nil {
			return err
		}
		return s.tar(unpacked, whole, within, want)
	}
	if !want(within) {
		return nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return fmt.Errorf("looking for files to import: %w", err)
	}
	if !info.Mode().IsRegular() && info.Mode()&fs.ModeNamedPipe == 0 && info.Mode()&fs.ModeCharDevice == 0 {
		return nil // sockets and the like
	}
	s.Members = append(s.Members, Member{within, whole, info.Size(), func() (io.ReadCloser, error) { return os.Open(name) }})
	return nil
}

// entry tells whether a file of an archive is a member. Its name must stay within the archive: what it is called decides only what
// formats make of it, for nothing is ever written by that name.
func (s *Sources) entry(archive, name string, want func(string) bool) bool {
	if strings.HasPrefix(name, "__MACOSX/") || strings.HasPrefix(path.Base(name), "._") {
		return false
	}
	if !fs.ValidPath(name) || strings.Contains(name, `\`) {
		s.Refused = append(s.Refused, archive+": "+name)
		return false
	}
	return want(path.Join(archive, name)) && !strings.HasSuffix(name, "/")
}

func (s *Sources) zip(name, whole, within string, want func(string) bool) error {
	a, err := zip.OpenReader(name)
	if err != nil {
		return fmt.Errorf("reading %s: %w; it may be truncated: download it again", name, err)
	}
	s.opened = append(s.opened, a)
	for _, f := range a.File {
		if !f.FileInfo().IsDir() && s.entry(within, f.Name, want) {
			s.Members = append(s.Members, Member{path.Join(within, f.Name), whole + "\x00" + f.Name, int64(f.CompressedSize64), f.Open})
		}
	}
	return nil
}

func (s *Sources) tar(name, whole, within string, want func(string) bool) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("looking for files to import: %w", err)
	}
	s.opened = append(s.opened, f)
	for in := tar.NewReader(f); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w; it may be truncated: download it again", within, err)
		}
		if h.Typeflag != tar.TypeReg || !s.entry(within, strings.TrimPrefix(h.Name, "./"), want) {
			continue
		}
		at, err := f.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		s.Members = append(s.Members, Member{path.Join(within, strings.TrimPrefix(h.Name, "./")), whole + "\x00" + h.Name, h.Size,
			func() (io.ReadCloser, error) { return io.NopCloser(io.NewSectionReader(f, at, h.Size)), nil }})
	}
}

// unfold writes what a packed member holds to the scratch folder.
func (s *Sources) unfold(m Member) (string, error) {
	r, closeAll, err := m.unpacked()
	if err != nil {
		return "", err
	}
	to, err := os.CreateTemp(s.Scratch, "unpacked-")
	if err == nil {
		_, err = io.Copy(to, r)
		err = errors.Join(err, to.Close())
	}
	if err = errors.Join(err, closeAll()); err != nil {
		return "", fmt.Errorf("unpacking %s: %w", m.Path, err)
	}
	return to.Name(), nil
}
