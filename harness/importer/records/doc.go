// Package records reads the records of other people's files. The way of the data:
//
//  1. [Find] lists members: files, files in folders and archives, standard input.
//  2. [Sources.Each] unpacks a member (gzip, zstd), tells by what it holds whether it is JSON lines, JSON documents, a table or
//     Parquet, and hands on batches of documents in their order: a line, a row, a value, or an element of a list of values.
//  3. [Decoder] decodes what is still JSON text, in whichever goroutine wants it.
//
// Nothing is held in memory beyond a batch, but a document that is one value is held whole. What cannot be read is told with the line
// where it stands ([Doc.Err]), and reading goes on after it where that is possible. Archives cannot name files outside themselves, and
// what unfolds to far more than its own size is refused.
package records

import "fmt"

// Limits on what is taken for a document. They are variables for tests.
var (
	maxLine     = 64 << 20 // bytes of a line, row or list element
	maxDocument = 1 << 30  // bytes of a document that is one value
	// What unfolds to more than bombBytes, and to more than bombRatio times what was read of it, is refused. Text unfolds to some 10
	// times, a log that repeats itself to some 100 times its size; a bomb to 1,000 times and more.
	bombBytes = int64(256 << 20)
	bombRatio = int64(500)
	// batchBytes is about how much text a batch holds.
	batchBytes = 1 << 19
)

// Doc is a document of a member.
type Doc struct {
	Number int    // from 1: the line of JSON lines, else which document, row or element it is
	Line   int    // where it begins in the text, from 1; 0 where it is not text
	Text   []byte // JSON, not decoded yet; nil where Value is given
	Value  any    // of a row
	Err    error  // why it could not be read
	// Element says that it stands in a list of documents.
	Element bool
}

// Where tells a reader where the document stands.
func (d *Doc) Where() string {
	if d.Line > 0 {
		return fmt.Sprintf("line %d", d.Line)
	}
	return fmt.Sprintf("row %d", d.Number)
}

// Size is about how many bytes of text the document has.
func (d *Doc) Size() int { return len(d.Text) }

// Decode is the value of the document.
func (d *Doc) Decode(by *Decoder) (any, error) {
	if d.Err != nil || d.Text == nil {
		return d.Value, d.Err
	}
	return by.Decode(d.Text)
}
