package wordpiece

import (
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// words reads a text character by character, prepares each, and hands every word to piece.
type words struct {
	set   *Settings
	ids   []int32
	limit int
	piece func(ids []int32, word []byte) []int32
	word  []byte
}

// read goes through a text until it ends or there are enough ids. Stripping accents decomposes characters first
// (Unicode NFD): only then are accents characters of their own.
func (w *words) read(text string) {
	if !w.set.StripAccents {
		for _, r := range text {
			if w.clean(r); len(w.ids) >= w.limit {
				return
			}
		}
		w.flush()
		return
	}
	// Cleaning comes before decomposition, as in the reference; it matters for characters that it removes.
	var buf []byte
	for len(text) > 0 && len(w.ids) < w.limit {
		// A segment at a time, so that a text of any length costs no more than what is used of it.
		n := segment(text)
		buf = buf[:0]
		for _, r := range text[:n] {
			if r = w.cleaned(r); r >= 0 {
				buf = utf8.AppendRune(buf, r)
			}
		}
		text = text[n:]
		for _, r := range string(norm.NFD.Bytes(buf)) {
			if isAccent(r) {
				continue
			}
			if w.take(r); len(w.ids) >= w.limit {
				return
			}
		}
	}
	if len(w.ids) < w.limit {
		w.flush()
	}
}

// segmentBytes is about how much is decomposed at once.
const segmentBytes = 4096

// segment is where a text can be cut without parting what decomposition would reorder: before an ASCII character, or,
// where there is none, at the end.
func segment(text string) int {
	for i := segmentBytes; i < len(text); i++ {
		if text[i] < utf8.RuneSelf {
			return i
		}
	}
	return len(text)
}

func (w *words) clean(r rune) {
	if r = w.cleaned(r); r >= 0 {
		w.take(r)
	}
}

// cleaned is the character after cleaning, negative where it goes.
func (w *words) cleaned(r rune) rune {
	if !w.set.Clean {
		return r
	}
	switch {
	case r == '\t' || r == '\n' || r == '\r':
		return ' '
	case r == 0 || r == utf8.RuneError || isOther(r):
		return -1
	case unicode.IsSpace(r):
		return ' '
	}
	return r
}

// take lower-cases a cleaned character and puts it where it belongs. It follows the order of the reference: Chinese
// characters are told before, punctuation after lower-casing.
func (w *words) take(r rune) {
	alone := w.set.Chinese && IsChinese(r)
	if w.set.Lowercase {
		if r == 'İ' { // the one character whose lower case is two
			w.put('i', alone)
			r = '\u0307'
		} else {
			r = unicode.ToLower(r)
		}
	}
	w.put(r, alone)
}

func (w *words) put(r rune, alone bool) {
	switch {
	case unicode.IsSpace(r):
		w.flush()
	case alone || isPunctuation(r):
		w.flush()
		w.word = utf8.AppendRune(w.word, r)
		w.flush()
	default:
		w.word = utf8.AppendRune(w.word, r)
	}
}

// flush ends the word.
func (w *words) flush() {
	if len(w.word) > 0 {
		w.ids = w.piece(w.ids, w.word)
		w.word = w.word[:0]
	}
}

// isOther tells control, format and private-use characters, which cleaning removes. Unassigned characters stay, as in
// the reference.
func isOther(r rune) bool {
	if r < 0x7f {
		return r < ' '
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co) && !unicode.Is(newer, r)
}

// isPunctuation counts every ASCII symbol as punctuation, as BERT does.
func isPunctuation(r rune) bool {
	if r < utf8.RuneSelf {
		return r > ' ' && r < 0x7f && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}
	// Two signs were punctuation when the reference's tables were made.
	return unicode.IsPunct(r) && !unicode.Is(newer, r) || r == 0x166d || r == 0x111c9
}

// isAccent tells nonspacing marks; one has become a spacing one since the reference's tables were made.
func isAccent(r rune) bool {
	return r >= 0x300 && (unicode.Is(unicode.Mn, r) && !unicode.Is(newer, r) || r == 0x1734)
}

// IsChinese tells the ranges of Chinese characters that the reference has. Kana and Hangul are not among them.
func IsChinese(r rune) bool {
	return r >= 0x3400 && (r >= 0x4E00 && r <= 0x9FFF || r <= 0x4DBF || r >= 0xF900 && r <= 0xFAFF ||
		r >= 0x20000 && r <= 0x2A6DF || r >= 0x2A700 && r <= 0x2B73F || r >= 0x2B740 && r <= 0x2B81F ||
		r >= 0x2B920 && r <= 0x2CEAF || r >= 0x2F800 && r <= 0x2FA1F)
}
