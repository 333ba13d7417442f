package importer

import (
	"fmt"
	"math"
	"path/filepath"

	"github.com/trilemma-bench/trilemma/harness/encode/wordpiece"
	"github.com/trilemma-bench/trilemma/harness/textfile"
)

// WordPiece counts tokens exactly, as BERT's uncased tokenizer splits a text. Special tokens are not counted, and mean nothing
// where a text has them written out.
type WordPiece struct {
	name      string
	tokenizer *wordpiece.Tokenizer
}

// ReadVocabulary reads a BERT vocab.txt: one piece a line.
func ReadVocabulary(path string) (*WordPiece, error) {
	text, err := textfile.Read(path)
	if err != nil {
		return nil, fmt.Errorf("reading the vocabulary: %w; give a BERT vocab.txt, or leave it out to estimate", err)
	}
	vocabulary, err := wordpiece.ParseVocabulary(text)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	settings := wordpiece.DefaultSettings()
	if _, ok := vocabulary[settings.Unknown]; !ok {
		return nil, fmt.Errorf("reading %s: it has no line [UNK], so it is no BERT vocabulary; give a vocab.txt, one piece a line", path)
	}
	settings.Begin, settings.End, settings.Pad, settings.Special = settings.Unknown, settings.Unknown, settings.Unknown, nil
	tokenizer, err := wordpiece.New(vocabulary, settings)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return &WordPiece{"WordPiece by " + filepath.Base(path), tokenizer}, nil
}

// Name of the counter.
func (w *WordPiece) Name() string { return w.name }

// Count counts.
func (w *WordPiece) Count(text string) int {
	return len(w.tokenizer.Encode(nil, text, math.MaxInt)) - 2 // without those that begin and end it
}
