package split

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// shingleWords is the length of a shingle.
const shingleWords = 3

// normalise reduces a prompt to what makes it the same prompt: lower-case words (runs of letters, marks and digits) with
// single spaces between them, punctuation dropped. Scripts that are written without spaces give one word a character.
// A text without any word stays as it is, trimmed.
func normalise(text string) string {
	out := make([]byte, 0, len(text)+8)
	gap := false // a space is due before the next word
	word := func() {
		if gap && len(out) > 0 {
			out = append(out, ' ')
		}
		gap = false
	}
	for _, r := range text {
		switch {
		case 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			word()
			out = append(out, byte(r))
		case 'A' <= r && r <= 'Z':
			word()
			out = append(out, byte(r)+'a'-'A')
		case r < utf8.RuneSelf:
			gap = true
		case unicode.In(r, unspaced...):
			gap = true
			word()
			out = utf8.AppendRune(out, r)
			gap = true
		case unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r):
			word()
			out = utf8.AppendRune(out, unicode.ToLower(r))
		default:
			gap = true
		}
	}
	if len(out) == 0 {
		return strings.TrimSpace(text)
	}
	return string(out)
}

var unspaced = []*unicode.RangeTable{unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar}

// shingles returns the hashes of the distinct runs of three words of a normalised text, in increasing order; of a
// shorter text the whole is one shingle.
func shingles(normal string, dst []uint64) []uint64 {
	dst = dst[:0]
	var window [shingleWords]uint64
	n := 0
	for start := 0; start < len(normal); {
		end := strings.IndexByte(normal[start:], ' ')
		if end < 0 {
			end = len(normal)
		} else {
			end += start
		}
		copy(window[:], window[1:])
		window[shingleWords-1] = hashText(normal[start:end])
		n++
		if n >= shingleWords {
			dst = append(dst, mix(mix(mix(window[0])+window[1])+window[2]))
		}
		start = end + 1
	}
	if n < shingleWords {
		dst = append(dst, mix(hashText(normal)))
	}
	slices.Sort(dst)
	return slices.Compact(dst)
}

// hashText is FNV-1a, mixed.
func hashText(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return mix(h)
}

// mix is the finaliser of SplitMix64: every bit of the input moves every bit of the output.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// jaccard is |a ∩ b| / |a ∪ b| of two increasing sequences; 0 where both are empty.
func jaccard(a, b []uint64) float64 {
	both := 0
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			both++
			i++
			j++
		case a[i] < b[j]:
			i++
		default:
			j++
		}
	}
	if len(a)+len(b) == 0 {
		return 0
	}
	return float64(both) / float64(len(a)+len(b)-both)
}
