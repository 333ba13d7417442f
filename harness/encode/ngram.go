package encode

import (
	"math"
	"unicode"
	"unicode/utf8"
)

// maxWordRunes bounds the character n-grams of one word: longer runs of letters are data, not language.
const maxWordRunes = 40

// FNV-1a, 64 bits, and the finaliser of MurmurHash3, which spreads its low bits. Both are part of the format.
const (
	fnvOffset = 0xcbf29ce484222325
	fnvPrime  = 0x100000001b3
)

func finalise(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// counter counts the hashed n-grams of one text after another. Each n-gram falls into one of 2^bits buckets and counts
// +1 or −1 there by another bit of its hash, so that n-grams which share a bucket cancel in expectation (Weinberger et
// al., Feature Hashing for Large Scale Multitask Learning, ICML 2009).
type counter struct {
	HashParams
	count   []int32  // [2^bits], all zero between texts
	touched []uint32 // buckets that this text has touched, in order
	word    []rune   // the current word with its boundary marks
}

func newCounter(p HashParams) *counter {
	return &counter{HashParams: p, count: make([]int32, 1<<p.Bits)}
}

// entry is one non-zero feature.
type entry struct {
	bucket uint32
	value  float32
}

// features appends the sub-linear signed counts sign(c)·(1 + ln|c|) of a text's n-grams to dst, in the order in which
// they first occur.
func (c *counter) features(dst []entry, text string) []entry {
	var before uint64 // hash of the word before; 0 at the start
	c.word = append(c.word[:0], '<')
	flush := func() {
		if len(c.word) == 1 {
			return
		}
		c.word = append(c.word, '>')
		h := hashRunes(c.word[1 : len(c.word)-1])
		c.add(h ^ 0x77) // word unigrams
		if c.WordNGrams >= 2 && before != 0 {
			c.add(before*31 + h)
		}
		before = h
		c.characters(c.word[:min(len(c.word), maxWordRunes)])
		c.word = c.word[:1]
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		i += size
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r):
			c.word = append(c.word, unicode.ToLower(r))
		default:
			flush()
			// A symbol is a word of its own: formulas and code show by theirs. Spaces and commas say nothing.
			if !unicode.IsSpace(r) && r != '.' && r != ',' && r != utf8.RuneError {
				c.add(hashRunes([]rune{r}) ^ 0x55)
			}
		}
	}
	flush()
	for _, b := range c.touched {
		// A bucket whose counts cancelled on the way was touched twice: the second time it is zero already.
		if n := c.count[b]; n != 0 {
			v := float32(1 + math.Log(math.Abs(float64(n))))
			if n < 0 {
				v = -v
			}
			dst = append(dst, entry{bucket: b, value: v})
			c.count[b] = 0
		}
	}
	c.touched = c.touched[:0]
	return dst
}

// characters adds the n-grams within a marked word.
func (c *counter) characters(word []rune) {
	for from := range word {
		h := uint64(fnvOffset)
		for n := 1; n <= c.CharMax && from+n <= len(word); n++ {
			r := word[from+n-1]
			h = (h ^ uint64(r)) * fnvPrime
			if n >= c.CharMin {
				c.add(h + uint64(n))
			}
		}
	}
}

func (c *counter) add(h uint64) {
	h = finalise(h)
	b := uint32(h & (1<<c.Bits - 1))
	if c.count[b] == 0 {
		c.touched = append(c.touched, b)
	}
	c.count[b] += 1 - 2*int32(h>>63)
}

// hashRunes never returns 0.
func hashRunes(rs []rune) uint64 {
	h := uint64(fnvOffset)
	for _, r := range rs {
		h = (h ^ uint64(r)) * fnvPrime
	}
	return max(h, 1)
}
