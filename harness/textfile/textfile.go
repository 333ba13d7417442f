// Package textfile reads text files that other people's tools wrote: experiments, models, price books, tables, vocabularies.
// Editors and exports on Windows put a byte-order mark before UTF-8 text, which is skipped, or write UTF-16, which is
// refused with what to do: taken for text, either becomes part of the first key or heading.
package textfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
)

var mark = []byte("\xef\xbb\xbf")

// ErrUTF16 is the error for a text that begins with the mark of UTF-16.
var ErrUTF16 = errors.New("the text is UTF-16, not UTF-8; save it as UTF-8")

// Read reads a whole file without its byte-order mark.
func Read(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if isUTF16(text) {
		return nil, &os.PathError{Op: "read", Path: path, Err: ErrUTF16}
	}
	return Trim(text), nil
}

// Trim is text without the byte-order mark that it may begin with.
func Trim(text []byte) []byte { return bytes.TrimPrefix(text, mark) }

// NewReader reads r without the byte-order mark that it may begin with. Reading UTF-16 fails with [ErrUTF16].
func NewReader(r io.Reader) io.Reader {
	in := bufio.NewReaderSize(r, 1<<16)
	head, _ := in.Peek(len(mark)) // a shorter text has no mark, and an error comes again at the first Read
	switch {
	case bytes.Equal(head, mark):
		_, _ = in.Discard(len(mark)) // just seen
	case isUTF16(head):
		return failing{ErrUTF16}
	}
	return in
}

func isUTF16(head []byte) bool {
	return bytes.HasPrefix(head, []byte("\xff\xfe")) || bytes.HasPrefix(head, []byte("\xfe\xff"))
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
