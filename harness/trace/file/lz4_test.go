package file

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// A page that does not unpack as LZ4 is told. The library would take memory without end.
func TestPagesThatAreNoLZ4(t *testing.T) {
	type row struct {
		Text string `parquet:"text"`
		List []int  `parquet:"list"`
	}
	rows := []row{{strings.Repeat("abc", 100), []int{1, 2}}, {"x", nil}}
	for _, version := range []int{1, 2} {
		var whole bytes.Buffer
		if err := parquet.Write(&whole, rows, parquet.Compression(&parquet.Lz4Raw), parquet.DataPageVersion(version)); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "a.parquet")
		read := func(text []byte) (n int, err error) {
			if err := os.WriteFile(path, text, 0o644); err != nil {
				t.Fatal(err)
			}
			err = Records(context.Background(), "a.parquet", path, func(int64, map[string]any) error { n++; return nil })
			return n, err
		}
		if n, err := read(whole.Bytes()); n != 2 || err != nil {
			t.Errorf("version %d: %d rows, %v", version, n, err)
		}
		wrong := 0
		for at := 4; at < whole.Len()/2; at++ { // the pages come first
			text := bytes.Clone(whole.Bytes())
			text[at] ^= 0xff
			if _, err := read(text); err != nil {
				wrong++
			}
		}
		if wrong == 0 {
			t.Errorf("version %d: no flipped byte was noticed", version)
		}
	}
	// Texts under zstd whose footer says LZ4, as one flipped bit makes it.
	var other bytes.Buffer
	if err := parquet.Write(&other, rows, parquet.Compression(&parquet.Zstd)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "b.parquet")
	if err := os.WriteFile(path, other.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	in, err := openTable("b.parquet", path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.close()
	in.pq.Metadata().RowGroups[0].Columns[0].MetaData.Codec = format.Lz4Raw
	if err := in.allBounded(); err == nil || !strings.Contains(err.Error(), "does not unpack as LZ4") {
		t.Errorf("zstd taken for LZ4: %v", err)
	}
}

// Nested columns become lists and objects.
func TestRecordsOfNestedColumns(t *testing.T) {
	type message struct {
		Role    string  `parquet:"role"`
		Content *string `parquet:"content,optional"`
	}
	type row struct {
		Messages []message         `parquet:"messages,list"`
		Tags     []string          `parquet:"tags,list"`
		Old      []int32           `parquet:"old"`
		Usage    *struct{ In int } `parquet:"usage,optional"`
	}
	hi := "hi"
	var b bytes.Buffer
	if err := parquet.Write(&b, []row{{[]message{{"system", nil}, {"user", &hi}}, []string{"a", "b"}, []int32{-1, 2}, &struct{ In int }{3}}, {}}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.parquet")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	var got []string
	err := Records(context.Background(), "a.parquet", path, func(_ int64, r map[string]any) error {
		got = append(got, asJSON(t, r))
		return nil
	})
	want := `{"messages":[{"content":null,"role":"system"},{"content":"hi","role":"user"}],"old":[-1,2],"tags":["a","b"],"usage":{"In":3}} {"messages":[],"old":[],"tags":[],"usage":null}`
	if err != nil || strings.Join(got, " ") != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
