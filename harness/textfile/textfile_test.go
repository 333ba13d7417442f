package textfile

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

func TestTheMarkIsSkipped(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "a": "a", "ab": "ab", "\ufeff": "", "\ufeffmodels:": "models:", "\ufeff\ufeff": "\ufeff", "a\ufeff": "a\ufeff",
	} {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(path); err != nil || string(got) != want {
			t.Errorf("Read of %q: %q, %v, want %q", text, got, err, want)
		}
		if got, err := io.ReadAll(NewReader(iotest.OneByteReader(strings.NewReader(text)))); err != nil || string(got) != want {
			t.Errorf("NewReader of %q: %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestUTF16IsRefused(t *testing.T) {
	for _, text := range []string{"\xff\xfea\x00", "\xfe\xff\x00a"} {
		path := filepath.Join(t.TempDir(), "f")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); !errors.Is(err, ErrUTF16) {
			t.Errorf("Read of %q: %v", text, err)
		}
		if _, err := io.ReadAll(NewReader(strings.NewReader(text))); !errors.Is(err, ErrUTF16) {
			t.Errorf("NewReader of %q: %v", text, err)
		}
	}
}

func TestTable(t *testing.T) {
	tab, err := NewTable(strings.NewReader("\ufeffZone, Carbon Intensity gCO₂eq/kWh \r\n\r\nFR,\"1,5\"\r\n"), ',')
	if err != nil {
		t.Fatal(err)
	}
	if got := tab.Column("carbon intensity gco2eq/kwh"); got != 1 {
		t.Errorf("column %d, want 1", got)
	}
	if row, line, err := tab.Next(); err != nil || line != 3 || row[0] != "FR" || row[1] != "1,5" {
		t.Errorf("%q, line %d, %v", row, line, err)
	}
	if _, _, err := tab.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last: %v", err)
	}
	for text, want := range map[string]string{
		"":                "empty",
		"\n\n":            "empty",
		"a;b;c\n1;2;3\n":  "with commas",
		"a,b, A\n1,2,3\n": `columns 1 and 3 are both called "A"`,
		"a,b\n1,2\n1\n":   "line 3 has 1 fields, the heading 2",
		"a,b\n1,2,3,4\n":  "line 2 has 4 fields, the heading 2",
	} {
		tab, err := NewTable(strings.NewReader(text), ',')
		for err == nil {
			_, _, err = tab.Next()
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzTable(f *testing.F) {
	f.Add("a,b\n1,2\n")
	f.Fuzz(func(t *testing.T, text string) {
		tab, err := NewTable(strings.NewReader(text), ',')
		for err == nil {
			var row []string
			if row, _, err = tab.Next(); err == nil && len(row) != len(tab.Head) {
				t.Fatalf("%d fields under a heading of %d", len(row), len(tab.Head))
			}
		}
	})
}
