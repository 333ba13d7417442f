package importer

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/trilemma-bench/trilemma/harness/textfile"
)

// WordPiece counts tokens exactly, as BERT's uncased tokenizer splits a text (Devlin et al., 2019, and the reference
// tokenization.py): lower case, accents stripped, words split at punctuation, each word the fewest pieces by longest
// match first. Special tokens are not counted.
type WordPiece struct {
	name   string
	pieces map[string]struct{} // those that continue a word begin with "##"
	// longest is the length of the longest piece in bytes.
	longest int
}

// maxWordPieceRunes is the longest word that is split; longer ones are one unknown token, as in the reference.
const maxWordPieceRunes = 100

// ReadVocabulary reads a BERT vocab.txt: one piece a line.
func ReadVocabulary(path string) (*WordPiece, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the vocabulary: %w; give a BERT vocab.txt, or leave it out to estimate", err)
	}
	defer f.Close()
	w := &WordPiece{name: "WordPiece by " + filepath.Base(path), pieces: map[string]struct{}{}}
	lines := bufio.NewScanner(textfile.NewReader(f))
	for lines.Scan() {
		piece := strings.TrimRight(lines.Text(), "\r")
		if !utf8.ValidString(piece) {
			return nil, fmt.Errorf("reading %s line %d: not UTF-8; give a BERT vocab.txt", path, len(w.pieces)+1)
		}
		w.pieces[piece] = struct{}{}
		w.longest = max(w.longest, len(piece))
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading %s: %w; give a BERT vocab.txt, one piece a line", path, err)
	}
	if _, ok := w.pieces["[UNK]"]; !ok {
		return nil, fmt.Errorf("reading %s: it has no line [UNK], so it is no BERT vocabulary; give a vocab.txt, one piece a line", path)
	}
	return w, nil
}

// Name of the counter.
func (w *WordPiece) Name() string { return w.name }

// Count counts.
func (w *WordPiece) Count(text string) int {
	total := 0
	var word []byte
	runes := 0
	flush := func() {
		if runes > 0 {
			total += w.split(word, runes)
		}
		word, runes = word[:0], 0
	}
	// Accents are split off and dropped. Lower case comes first, for it may compose.
	for _, r := range norm.NFD.String(strings.ToLower(text)) {
		switch {
		case r == 0 || r == utf8.RuneError || unicode.Is(unicode.Mn, r):
		case unicode.IsSpace(r):
			flush()
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs):
			// Control characters vanish without parting words.
		case ideograph(r) || punctuation(r):
			flush()
			word, runes = utf8.AppendRune(word, r), 1
			flush()
		default:
			word = utf8.AppendRune(word, r)
			runes++
		}
	}
	flush()
	return total
}

// split counts the pieces of a word; 1, the unknown token, where they do not cover it.
func (w *WordPiece) split(word []byte, runes int) int {
	if runes > maxWordPieceRunes {
		return 1
	}
	count := 0
	piece := make([]byte, 0, w.longest+2)
	for from := 0; from < len(word); count++ {
		end := min(len(word), from+w.longest)
		for ; end > from; end-- {
			piece = piece[:0]
			if from > 0 {
				piece = append(piece, "##"...)
			}
			if _, ok := w.pieces[string(append(piece, word[from:end]...))]; ok {
				break
			}
		}
		if end == from {
			return 1
		}
		from = end
	}
	return count
}

// punctuation is what BERT splits at: every ASCII mark that is no letter or digit, and Unicode's categories P.
func punctuation(r rune) bool {
	if r < 128 {
		return r >= 33 && r <= 47 || r >= 58 && r <= 64 || r >= 91 && r <= 96 || r >= 123 && r <= 126
	}
	return unicode.IsPunct(r)
}

// ideograph tells whether r is one of the CJK blocks whose characters BERT takes as words.
func ideograph(r rune) bool {
	return r >= 0x4E00 && r <= 0x9FFF || r >= 0x3400 && r <= 0x4DBF || r >= 0xF900 && r <= 0xFAFF ||
		r >= 0x20000 && r <= 0x2A6DF || r >= 0x2A700 && r <= 0x2CEAF || r >= 0x2F800 && r <= 0x2FA1F
}
