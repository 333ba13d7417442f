package records

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// told lists what a file reads as: "number@line: value", or the error; and the error of the whole.
func told(t *testing.T, elements bool, src ...string) (docs []string, err error) {
	t.Helper()
	s, err := Find(src, strings.NewReader(`{"in": 1}`), t.TempDir(), func(string) bool { return true }, nil)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	var d Decoder
	for i := range s.Members {
		if e := s.Each(context.Background(), &s.Members[i], elements, func(list []Doc) error {
			for k := range list {
				v, err := list[k].Decode(&d)
				text, _ := json.Marshal(v)
				if err != nil {
					text = []byte(err.Error())
				}
				docs = append(docs, fmt.Sprintf("%d@%d: %s", list[k].Number, list[k].Line, text))
			}
			return nil
		}); e != nil {
			err = e
		}
	}
	return docs, err
}

func save(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTexts(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"lines.jsonl", "{\"a\":1}\r\n\n{\"a\":2}", `1@1: {"a":1} | 3@3: {"a":2}`},
		{"lines.json", "\ufeff{\"a\":1}\n{\"a\":2}\n", `1@1: {"a":1} | 2@2: {"a":2}`},
		{"cut.jsonl", "{\"a\":1}\n{\"a\":\n{\"a\":3}\n", `1@1: {"a":1} | 2@2: byte 7: the text ends where a value should be | 3@3: {"a":3}`},
		{"nul.jsonl", "{\"a\":\"\x00\"}\n\x00\x00\n{\"a\":3}\n", `1@1: byte 7: a text holds the raw control character 0x0 | 2@2: byte 1: no value begins with "\x00\x00\n" | 3@3: {"a":3}`},
		{"list.json", "\n[{\"a\":1},\n {\"b\":[2,\"]\"]} , 3,\"x\",null]\n[4]", `1@2: {"a":1} | 2@3: {"b":[2,"]"]} | 3@3: 3 | 4@3: "x" | 5@3: null | 6@4: 4`},
		{"one.json", "{\n \"a\": [1,\n 2]}\n\n{\"b\":\n2}", `1@1: {"a":[1,2]} | 2@5: {"b":2}`},
		{"scalars.json", "1 2\n\"x\"", `1@1: 1 | 2@1: 2 | 3@2: "x"`},
		{"empty.json", " \n", ""},
		{"none.json", "[]", ""},
		{"cutlist.json", "[\n{\"a\":1},\n{\"a\"", `1@2: {"a":1} | 2@3: the file ends within a value that begins here: it is cut off | 3@3: the file ends within a list: it is cut off`},
		{"bad.json", "[{\"a\":1},{b},{\"a\":3}]", `1@1: {"a":1} | 2@1: byte 2: the name of a field should be here | 3@1: {"a":3}`},
		{"stray.json", "}}\n{\"a\":\n1}", `1@1: byte 1: no value begins with "}" | 2@1: byte 1: no value begins with "}" | 3@2: {"a":1}`},
		{"t.csv", "a,b\n1,\"x\ny\"\n2\n3,z\n", `1@2: {"a":"1","b":"x\ny"} | 2@4: line 4 has 1 fields, the heading 2: columns were left out or lines run together; mend or remove the line | 3@5: {"a":"3","b":"z"}`},
		{"t.csv", "a;b\n1;2,5\n", `1@2: {"a":"1","b":"2,5"}`},
		{"t.tsv", "a\tb\n1\t5\" disk\n", `1@2: {"a":"1","b":"5\" disk"}`},
	} {
		got, err := told(t, true, save(t, c.name, c.text))
		if err != nil || strings.Join(got, " | ") != c.want {
			t.Errorf("%s:\n got %s, %v\nwant %s", c.name, strings.Join(got, " | "), err, c.want)
		}
	}
	if got, err := told(t, true, "-"); err != nil || len(got) != 1 || got[0] != `1@1: {"in":1}` {
		t.Errorf("standard input: %v, %v", got, err)
	}
}

// What cannot be read at all is told; what is too long is told and skipped.
func TestLimits(t *testing.T) {
	var gz bytes.Buffer
	w := gzip.NewWriter(&gz)
	if _, err := w.Write([]byte(strings.Repeat("{\"a\":1}\n", 1000))); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ text, want string }{
		"a.json":    {"\xff\xfe{\x00", "UTF-16"},
		"a.pkl":     {"\x80\x04\x95", "pickle"},
		"a.parquet": {"PAR1 and then nothing", "cut off"},
		"a.jsonl":   {gz.String()[:gz.Len()-9], "unexpected EOF"},
		"a.csv":     {"", "empty"},
		"a.zip":     {"PK\x03\x04", "truncated"},
		"a.tar.gz":  {"\x1f\x8b\x08", "unexpected EOF"},
	} {
		if _, err := told(t, true, save(t, name, c.text)); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	defer func(line, document int, bomb int64) { maxLine, maxDocument, bombBytes = line, document, bomb }(maxLine, maxDocument, bombBytes)
	maxLine, maxDocument = 20, 40
	long := `"` + strings.Repeat("x", 100_000) + `"`
	for name, c := range map[string]struct{ text, want string }{
		"a.jsonl": {"1\n" + long + "\n3\n", "1@1: 1 | 2@2: the line is longer than 0 MB | 3@3: 3"},
		"a.json":  {"[1," + long + ",3]", "1@1: 1 | 2@1: the element that begins here is longer than 0 MB | 3@1: 3"},
		"b.json":  {"{\n\"a\": " + long + "}\n3", "1@1: the value that begins here is longer than 0 MB, and would be held as a whole: write its records as JSON lines | 2@3: 3"},
	} {
		if got, err := told(t, true, save(t, name, c.text)); err != nil || strings.Join(got, " | ") != c.want {
			t.Errorf("%s: %v, %v, want %s", name, got, err, c.want)
		}
	}
	bombBytes = 1 << 20
	maxLine = 64 << 20
	zeros := bytes.Repeat([]byte{'\n'}, 8<<20)
	var packed, again, archive bytes.Buffer
	w = gzip.NewWriter(&packed)
	_, _ = w.Write(zeros) // a buffer takes all
	_ = w.Close()
	z, err := zstd.NewWriter(&again)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = z.Write(zeros)
	_ = z.Close()
	a := zip.NewWriter(&archive)
	e, err := a.Create("a.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = e.Write(zeros)
	_ = a.Close()
	for name, text := range map[string]string{"b.jsonl.gz": packed.String(), "b.jsonl.zst": again.String(), "b.zip": archive.String()} {
		if _, err := told(t, true, save(t, name, text)); err == nil || !strings.Contains(err.Error(), ErrBomb.Error()) {
			t.Errorf("%s of %d bytes: %v, want that it is a bomb", name, len(text), err)
		}
	}
}

// An archive's names cannot lead out of it, and what is in it twice packed is read.
func TestArchives(t *testing.T) {
	var plain, packed bytes.Buffer
	in := tar.NewWriter(&plain)
	for _, name := range []string{"./a.jsonl", "../up.jsonl", "/etc/x.jsonl", "sub/b.jsonl", `c\..\d.jsonl`} {
		text := fmt.Sprintf("%q\n", name)
		if err := in.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
			t.Fatal(err)
		}
		_, _ = in.Write([]byte(text))
	}
	if err := in.WriteHeader(&tar.Header{Name: "link.jsonl", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}); err != nil {
		t.Fatal(err)
	}
	_ = in.Close()
	w := gzip.NewWriter(&packed)
	_, _ = w.Write(plain.Bytes())
	_ = w.Close()
	for name, text := range map[string]string{"a.tar": plain.String(), "a.tar.gz": packed.String(), "a.tgz": packed.String()} {
		path := save(t, name, text)
		s, err := Find([]string{path, path}, nil, t.TempDir(), func(string) bool { return true }, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.Members) != 2 || len(s.Refused) != 6 { // named twice, read once
			t.Errorf("%s: %d members, refused %q", name, len(s.Members), s.Refused)
		}
		_ = s.Close()
		if got, err := told(t, true, path); err != nil || strings.Join(got, " ") != `1@1: "./a.jsonl" 1@1: "sub/b.jsonl"` {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// Whatever a text is, it is cut to its end without losing what stands on lines of its own.
func FuzzEach(f *testing.F) {
	for _, text := range texts {
		f.Add([]byte(text), true)
		f.Add([]byte("["+text+"]"), false)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte, elements bool) {
		path := filepath.Join(dir, "f.json")
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := Find([]string{path}, nil, dir, func(string) bool { return true }, nil)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		_ = s.Each(context.Background(), &s.Members[0], elements, func(docs []Doc) error { // an error is an answer
			n += len(docs)
			return nil
		})
		if n > len(text)+1 {
			t.Errorf("%d documents in %d bytes", n, len(text))
		}
	})
}
